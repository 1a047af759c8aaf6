//! Asking npm how often packages are downloaded: one request at a time, the most wanted first, for as long as there is something to ask.
//!
//! The whole registry is asked first: its counts tell which day is the last that has come, and of which days npm has no counts. Then come
//! the newest days of packages that somebody looks at, of users whom somebody looked at, and of popular packages; after those, window by
//! window, what was before. Days that will not change any more are asked for once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use model::{Counted, Day, DayCount, DayRange, PackageName, Series};
use registry::{BULK_DAYS, BULK_NAMES, DownloadsClient, SINGLE_DAYS};
use store::{DownloadState, HistoryTurn, Pace, Queued, Schedule, Tier, VersionWeek, WHOLE_REGISTRY, Wanted};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::pacer::Pacer;
use crate::{Answer, Context, Error};

/// What comes before what. The parts of a batch that was refused as a whole come after the first line.
const ORDER: [(Wanted, Tier); 11] = [
    (Wanted::Newest, Tier::Page),
    (Wanted::Newest, Tier::User),
    (Wanted::Newest, Tier::Popular),
    (Wanted::History, Tier::Page),
    (Wanted::Versions, Tier::Page),
    (Wanted::History, Tier::User),
    (Wanted::Versions, Tier::User),
    (Wanted::Versions, Tier::Popular),
    (Wanted::History, Tier::Popular),
    (Wanted::Newest, Tier::Rest),
    (Wanted::History, Tier::Rest),
];
/// Of so many popular packages the newest days are asked for every day, and the versions every week. Of the others, weekly.
const DAILY: usize = 10_000;
const DAY: i64 = 24 * 3_600;
/// npm counts a day soon after midnight; a few hours later it mostly is there.
const COUNTED_BY: i64 = 6 * 3_600;
/// How soon a day that has not come is asked for again.
const COME_BACK: i64 = 3_600;
/// How long packages are left alone: which npm does not know, which it does not let through, which failed again and again.
const UNKNOWN: i64 = 30 * DAY;
const BLOCKED: i64 = 7 * DAY;
const FAILED: i64 = DAY;
/// How often something may fail before it is taken apart or left alone.
const ATTEMPTS: u32 = 3;
/// Due packages looked at to find those that can be asked for together.
const CANDIDATES: i64 = 2_000;
/// Of packages that are known already so many days are asked for at a time. Less than any answer was ever cut to.
const CONTINUED_DAYS: u32 = 200;
/// A package without downloads on so many days in a row, before it had any, was not there yet.
const A_LONG_NOTHING: u32 = 300;
/// So many days around an answer are judged anew.
const AROUND: i32 = 70;
/// Places of older windows come after all places of newer ones.
const ROUND: i64 = 1 << 32;
/// How often users and popular packages are looked for when there is something to ask, and how soon when there is not.
const HOUSE_EVERY: i64 = 60;
const LOOK_AGAIN: Duration = Duration::from_secs(20);
/// Without snapshots of downloads, packages count as filled in when there were no further ones for so long, in seconds.
const FILLED_AFTER: i64 = 600;
/// How often the lists are computed anew when something has changed.
const TRENDS_EVERY: i64 = 3_600;
/// Between the end of one process and the first request of the next.
const START: Duration = Duration::from_secs(2);
/// How long somebody waits for one package, and how often is looked whether it came.
const PATIENCE: Duration = Duration::from_secs(25);
const LOOKS: Duration = Duration::from_millis(200);

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// npm was asked. Nothing may be asked before this time has passed.
    Asked(Duration),
    /// There was nothing to ask. Something may be sooner than this.
    Idle(Duration),
}

/// What the counts of the whole registry tell about days.
#[derive(Debug)]
struct Calendar {
    /// The first day that can be judged.
    first: Day,
    /// The last day that has come.
    landed: Day,
    holes: BTreeSet<Day>,
}

impl Calendar {
    fn of(series: &Series) -> Option<Self> {
        Some(Self { first: series.first, landed: series.last_landed()?, holes: series.find_holes().into_iter().collect() })
    }

    /// What is to be believed of an answer: days that have not come are unknown, lost days are holes.
    fn read(&self, mut series: Series) -> Series {
        let first = series.first;
        for (place, count) in series.days.iter_mut().enumerate() {
            let day = first + place as i32;
            if day > self.landed {
                *count = DayCount::Unknown;
            } else if self.holes.contains(&day) {
                *count = DayCount::Hole;
            }
        }
        series
    }
}

/// Packages that are asked for together.
#[derive(Debug, Clone)]
struct Batch {
    wanted: Wanted,
    tier: Tier,
    range: DayRange,
    packages: Vec<(Queued, PackageName)>,
}

/// One request.
#[derive(Debug)]
enum Task {
    Registry(DayRange),
    Days(Batch),
    Versions(Queued, PackageName),
}

/// The queue's hands. Keeps nothing that a restart would lose, but for what makes it ask a little more than it must.
#[derive(Debug)]
pub struct Downloads {
    context: Context,
    client: DownloadsClient,
    most: usize,
    pacer: Pacer,
    calendar: Option<Calendar>,
    parts: Vec<Batch>,
    failures: HashMap<(Wanted, i64), u32>,
    house_at: i64,
    users_since: i64,
    /// When the popular packages were listed, and of how many packages and which snapshot.
    popular: Option<(i64, u64, Option<i64>)>,
    /// How many packages there are, and since when.
    steady: (u64, i64),
    has_new: bool,
    trends_at: i64,
}

impl Downloads {
    /// `most`: of how many popular packages the downloads are asked for, beside those that somebody looks at.
    pub async fn open(context: Context, client: DownloadsClient, most: usize) -> Result<Self, Error> {
        context.store.want_whole_registry().await?;
        let pacer = Pacer::new(context.store.download_pace().await?);
        let calendar = Calendar::of(&context.store.series(WHOLE_REGISTRY).await?);
        let trends_at = context.store.trend_basis().await?.map_or(0, |basis| basis.made_at + TRENDS_EVERY);
        Ok(Self {
            context,
            client,
            most,
            pacer,
            calendar,
            parts: Vec::new(),
            failures: HashMap::new(),
            house_at: 0,
            users_since: 0,
            popular: None,
            steady: (0, 0),
            has_new: true,
            trends_at,
        })
    }

    /// Makes the most wanted request, if there is one and npm may be asked, and stores what comes. Everything that is learnt is stored
    /// before it returns; given up in the middle, it does no harm.
    pub async fn turn(&mut self) -> Result<Turn, Error> {
        let now = self.context.clock.now();
        if now >= self.house_at {
            self.keep_house(now).await?;
            self.house_at = now + HOUSE_EVERY;
        }
        let rest = self.pacer.pace().not_before - now;
        if rest > 0 {
            return Ok(Turn::Asked(Duration::from_secs(rest.unsigned_abs())));
        }
        let Some(task) = self.next(now).await? else { return Ok(Turn::Idle(LOOK_AGAIN)) };
        let result = match &task {
            Task::Registry(range) => self.ask_registry(*range).await,
            Task::Days(batch) => self.ask_days(batch).await,
            Task::Versions(queued, name) => self.ask_versions(queued, name).await,
        };
        let now = self.context.clock.now();
        match result {
            Ok(()) => {
                if self.pacer.answered() {
                    self.context.store.put_download_pace(self.pacer.pace()).await?;
                }
            }
            Err(Error::Registry(error)) => self.failed(task, &error, now).await?,
            Err(error) => return Err(error),
        }
        Ok(Turn::Asked(self.pacer.wait(now, fastrand::f64())))
    }

    /// Keeps the queue up with users and popular packages, and the lists up with the counts.
    async fn keep_house(&mut self, now: i64) -> Result<(), Error> {
        let store = &self.context.store;
        store.want_users(self.users_since, now).await?;
        // Users who were asked for in this very second may still come.
        self.users_since = now - 1;
        let (packages, snapshot) = (store.count().await?, store.newest_snapshot().await?.map(|snapshot| snapshot.id));
        if self.steady.0 != packages {
            self.steady = (packages, now);
        }
        // While the lists are read, the first packages of the alphabet would be the most popular ones.
        let is_filled = snapshot.is_some() || now - self.steady.1 >= FILLED_AFTER;
        let is_due =
            self.popular.is_none_or(|(at, before, seen)| now - at >= DAY || seen != snapshot || packages.abs_diff(before) > before / 50);
        if is_due && is_filled && packages > 0 && self.most > 0 {
            let ids = store.ranked().await?.ids(self.most);
            store.set_popular(&ids, self.most.min(DAILY), now).await?;
            self.popular = Some((now, packages, snapshot));
            self.has_new = true;
        }
        if self.has_new && now >= self.trends_at {
            let began = Instant::now();
            match store.make_trends(now).await {
                Ok(Some(basis)) => {
                    let milliseconds = began.elapsed().as_millis() as u64;
                    tracing::info!(packages = basis.packages, milliseconds, "the lists of trends are new");
                }
                Ok(None) => {}
                // The old ones stay, and npm can be asked all the same.
                Err(error) => tracing::error!(%error, "the lists of trends could not be made"),
            }
            self.has_new = false;
            self.trends_at = now + TRENDS_EVERY;
        }
        Ok(())
    }

    async fn next(&mut self, now: i64) -> Result<Option<Task>, Error> {
        let states = self.context.store.download_states(&[WHOLE_REGISTRY]).await?;
        let registry = states.get(&WHOLE_REGISTRY);
        if let Some(state) = registry.filter(|state| now >= state.due_at) {
            return Ok(Some(Task::Registry(newest_of_registry(state, now))));
        }
        let Some(days) = self.calendar.as_ref().map(|calendar| DayRange { first: calendar.first, last: calendar.landed }) else {
            return Ok(None);
        };
        for (place, (wanted, tier)) in ORDER.into_iter().enumerate() {
            if place == 1 {
                if let Some(part) = self.parts.pop() {
                    return Ok(Some(Task::Days(part)));
                }
                if let Some(first) = registry.filter(|state| !state.is_whole).and_then(|state| state.first) {
                    return Ok(Some(Task::Registry(before(first, SINGLE_DAYS))));
                }
            }
            if let Some(task) = self.next_of(wanted, tier, now, days).await? {
                return Ok(Some(task));
            }
        }
        Ok(None)
    }

    /// `days`: those that can be judged.
    async fn next_of(&self, wanted: Wanted, tier: Tier, now: i64, days: DayRange) -> Result<Option<Task>, Error> {
        // The first alone decides whether others are asked for with it.
        let mut limit = 1;
        loop {
            let due = self.context.store.due_downloads(wanted, tier, now, days.last, limit).await?;
            if due.is_empty() {
                return Ok(None);
            }
            let in_parts: HashSet<i64> = self.parts.iter().flat_map(|part| part.packages.iter().map(|(queued, _)| queued.id)).collect();
            // Names that may not be asked about go out of the way, all at once.
            let mut away = Vec::new();
            let mut candidates = Vec::new();
            for queued in due.into_iter().filter(|queued| !in_parts.contains(&queued.id)) {
                match PackageName::parse(&queued.name).ok().filter(|name| self.client.asks_about(name)) {
                    Some(name) => candidates.push((queued, name)),
                    None => away.push(queued),
                }
            }
            for queued in &away {
                if wanted == Wanted::Versions {
                    self.context.store.schedule_versions(queued.id, now + UNKNOWN).await?;
                } else {
                    let never = Schedule { id: queued.id, newest_at: Some(now + UNKNOWN), history: HistoryTurn::Done, asked_at: now };
                    self.context.store.schedule_downloads(&[never]).await?;
                }
            }
            if candidates.is_empty() && !away.is_empty() {
                continue;
            }
            let is_alone = candidates.first().is_some_and(|(_, name)| wanted == Wanted::Versions || name.scope().is_some());
            if limit == 1 && !is_alone {
                limit = CANDIDATES;
                continue;
            }
            let mut candidates = candidates.into_iter();
            let Some((first, name)) = candidates.next() else { return Ok(None) };
            if wanted == Wanted::Versions {
                return Ok(Some(Task::Versions(first, name)));
            }
            let single = window(wanted, &first, days, SINGLE_DAYS);
            if single.is_empty() {
                // npm is farther behind than it was.
                self.context.store.schedule_downloads(&[away_for(wanted, &first, now, FAILED)]).await?;
                continue;
            }
            let mut batch = Batch { wanted, tier, range: single, packages: vec![(first, name)] };
            if batch.packages[0].1.scope().is_none() {
                let bulk = window(wanted, &batch.packages[0].0, days, BULK_DAYS);
                let same =
                    |(queued, name): &(Queued, PackageName)| name.scope().is_none() && window(wanted, queued, days, BULK_DAYS) == bulk;
                batch.packages.extend(candidates.filter(same).take(BULK_NAMES - 1));
                if batch.packages.len() > 1 {
                    batch.range = bulk;
                }
            }
            return Ok(Some(Task::Days(batch)));
        }
    }

    async fn ask_registry(&mut self, range: DayRange) -> Result<(), Error> {
        let store = &self.context.store;
        let answered = self.client.whole_registry(range).await?.series;
        let now = self.context.clock.now();
        let mut known = store.series(WHOLE_REGISTRY).await?;
        for (day, count) in answered.iter().filter(|(day, _)| range.contains(*day)) {
            if count != DayCount::Unknown {
                known.set(day, count);
            }
        }
        let Some(calendar) = Calendar::of(&known) else {
            // Nothing but zeros: npm has no counts at all at the moment.
            let again = Schedule { id: WHOLE_REGISTRY, newest_at: Some(now + COME_BACK), history: HistoryTurn::Same, asked_at: now };
            return Ok(store.schedule_downloads(&[again]).await?);
        };
        // Also days that were judged with fewer days around them.
        let reached = answered.first.max(range.first);
        let judged = DayRange { first: reached - AROUND, last: range.last + AROUND }.intersection(known.range());
        store.put_days(&[(WHOLE_REGISTRY, calendar.read(known.slice(judged)))], now).await?;
        let yesterday = Day::of_seconds(now) - 1;
        let newest_at = if range.last < yesterday {
            // There is more to catch up with.
            now
        } else if calendar.landed >= yesterday {
            (yesterday + 2).start_seconds() + COUNTED_BY
        } else {
            now + COME_BACK
        };
        let is_newest = range.last >= known.last();
        let history = if reached <= Day::FIRST_COUNTED { HistoryTurn::Done } else { HistoryTurn::Same };
        let schedule = Schedule { id: WHOLE_REGISTRY, newest_at: is_newest.then_some(newest_at), history, asked_at: now };
        store.schedule_downloads(&[schedule]).await?;
        self.calendar = Some(calendar);
        Ok(())
    }

    async fn ask_days(&mut self, batch: &Batch) -> Result<(), Error> {
        let names: Vec<PackageName> = batch.packages.iter().map(|(_, name)| name.clone()).collect();
        let mut answers = self.client.bulk_range(&names, batch.range).await?;
        let now = self.context.clock.now();
        let Some(calendar) = &self.calendar else { return Ok(()) };
        let (mut pieces, mut schedules) = (Vec::new(), Vec::new());
        for (queued, name) in &batch.packages {
            let answer = match answers.remove(name) {
                Some(Some(counted)) => read(batch, queued, &counted, calendar),
                Some(None) => Read::NoSuchPackage,
                None => Read::Unusable,
            };
            match answer {
                Read::Days(series) => {
                    let history = if series.first <= Day::FIRST_COUNTED {
                        HistoryTurn::Done
                    } else if batch.wanted == Wanted::History {
                        HistoryTurn::Place(queued.history_at.unwrap_or_default() % (1 << 62) + ROUND)
                    } else {
                        HistoryTurn::Same
                    };
                    let newest_at = (batch.wanted == Wanted::Newest && batch.range.last >= calendar.landed).then(|| match batch.tier {
                        Tier::Rest => now + 7 * DAY,
                        Tier::Page | Tier::User | Tier::Popular => (calendar.landed + 2).start_seconds() + COUNTED_BY,
                    });
                    pieces.push((queued.id, series));
                    schedules.push(Schedule { id: queued.id, newest_at, history, asked_at: now });
                }
                Read::Nothing => {
                    schedules.push(Schedule { id: queued.id, newest_at: None, history: HistoryTurn::Done, asked_at: now });
                }
                Read::NoSuchPackage => schedules.push(away_for(batch.wanted, queued, now, UNKNOWN)),
                Read::Unusable => {
                    tracing::info!(package = queued.name, range = %batch.range, "npm's counts are about other days or another package");
                    schedules.push(away_for(batch.wanted, queued, now, BLOCKED));
                }
            }
            self.failures.remove(&(batch.wanted, queued.id));
        }
        self.has_new |= !pieces.is_empty();
        self.context.store.put_days(&pieces, now).await?;
        self.context.store.schedule_downloads(&schedules).await?;
        Ok(())
    }

    async fn ask_versions(&mut self, queued: &Queued, name: &PackageName) -> Result<(), Error> {
        let counts = self.client.versions(name).await?;
        let Some(calendar) = &self.calendar else { return Ok(()) };
        let week = VersionWeek { last: calendar.landed, counts };
        self.context.store.put_version_downloads(queued.id, &week).await?;
        // When the next seven days have come.
        self.context.store.schedule_versions(queued.id, (week.last + 8).start_seconds() + COUNTED_BY).await?;
        self.failures.remove(&(Wanted::Versions, queued.id));
        Ok(())
    }

    /// A request failed: whether to ask less often, other names together, later, or the same again.
    async fn failed(&mut self, task: Task, error: &registry::Error, now: i64) -> Result<(), Error> {
        if error.is_rate_limited() {
            self.pacer.refused(now, error.retry_after());
            tracing::info!(%error, until = self.pacer.pace().not_before, "npm wants to be asked for downloads less often");
            self.keep_part(task);
            return Ok(self.context.store.put_download_pace(self.pacer.pace()).await?);
        }
        // The answer concerns the names, and is as good as any for the pace.
        let is_about_names = error.is_not_found() || error.is_forbidden();
        if is_about_names {
            self.pacer.answered();
        } else {
            self.pacer.failed(now);
            tracing::info!(%error, "npm's downloads could not be read");
        }
        match task {
            Task::Registry(_) => {
                if is_about_names {
                    // A server that does not count the whole registry: what it counts has come after two days, and it loses nothing.
                    self.calendar = Some(Calendar { first: Day::FIRST_COUNTED, landed: Day::of_seconds(now) - 2, holes: BTreeSet::new() });
                    let again = Schedule { id: WHOLE_REGISTRY, newest_at: Some(now + DAY), history: HistoryTurn::Same, asked_at: now };
                    self.context.store.schedule_downloads(&[again]).await?;
                }
            }
            Task::Days(batch) if batch.packages.len() > 1 => {
                let first = batch.packages[0].0.id;
                let count = self.failures.entry((batch.wanted, first)).or_default();
                *count += 1;
                if error.is_forbidden() || *count >= ATTEMPTS {
                    self.failures.remove(&(batch.wanted, first));
                    let (mut left, mut right) = (batch.clone(), batch);
                    right.packages = left.packages.split_off(left.packages.len() / 2);
                    self.parts.extend([right, left]);
                } else {
                    self.parts.push(batch);
                }
            }
            Task::Days(batch) => {
                let (queued, _) = &batch.packages[0];
                match self.patience(batch.wanted, queued.id, error) {
                    Some(rest) => self.context.store.schedule_downloads(&[away_for(batch.wanted, queued, now, rest)]).await?,
                    None => self.parts.push(batch),
                }
            }
            Task::Versions(queued, _) => {
                if let Some(rest) = self.patience(Wanted::Versions, queued.id, error) {
                    self.context.store.schedule_versions(queued.id, now + rest).await?;
                }
            }
        }
        Ok(())
    }

    /// How long a package is left alone after this error; `None` when it is asked for again at once.
    fn patience(&mut self, wanted: Wanted, id: i64, error: &registry::Error) -> Option<i64> {
        if error.is_not_found() {
            return Some(UNKNOWN);
        }
        if error.is_forbidden() {
            return Some(BLOCKED);
        }
        let count = self.failures.entry((wanted, id)).or_default();
        *count += 1;
        (*count >= ATTEMPTS).then(|| {
            self.failures.remove(&(wanted, id));
            FAILED
        })
    }

    /// A part of a batch would be put together with the others again.
    fn keep_part(&mut self, task: Task) {
        if let Task::Days(batch) = task {
            self.parts.push(batch);
        }
    }
}

/// What an answer says about a package.
enum Read {
    Days(Series),
    /// No downloads in a whole window before the first: it did not exist yet.
    Nothing,
    NoSuchPackage,
    Unusable,
}

fn read(batch: &Batch, queued: &Queued, counted: &Counted, calendar: &Calendar) -> Read {
    // The beginning may be cut off, and then the rest is asked for next; but days must join those that are known.
    let answered = counted.series.range().intersection(batch.range);
    let joins = answered.last == batch.range.last
        && (queued.first.is_none() || batch.wanted == Wanted::History || answered.first == batch.range.first);
    if answered.is_empty() || !joins {
        return Read::Unusable;
    }
    let series = calendar.read(counted.series.slice(answered));
    let is_nothing = series.days.iter().all(|count| matches!(count, DayCount::Known(0) | DayCount::Hole));
    if batch.wanted == Wanted::History && queued.counted && is_nothing && answered.days() >= A_LONG_NOTHING {
        return Read::Nothing;
    }
    Read::Days(series)
}

/// The newest days of the whole registry that are to be asked for.
fn newest_of_registry(state: &DownloadState, now: i64) -> DayRange {
    let last = Day::of_seconds(now) - 1;
    let first = state.closed.map_or(DayRange::ending(last, SINGLE_DAYS).first, |closed| closed + 1);
    // After a long rest as much as one answer has, then the rest of it.
    DayRange { first, last: last.min(first + SINGLE_DAYS.cast_signed() - 1) }
}

/// So many days before a day, as far as there are counts.
fn before(day: Day, days: u32) -> DayRange {
    let range = DayRange::ending(day - 1, days);
    DayRange { first: range.first.max(Day::FIRST_COUNTED), last: range.last.max(Day::FIRST_COUNTED) }
}

/// The days that are asked for, at most so many, of those that can be judged.
fn window(wanted: Wanted, queued: &Queued, days: DayRange, most: u32) -> DayRange {
    match (wanted, queued.first) {
        (Wanted::History, Some(first)) => before(first, most),
        (_, Some(first)) => {
            let first = queued.closed.map_or(first, |closed| closed + 1);
            DayRange { first, last: days.last.min(first + most.min(CONTINUED_DAYS).cast_signed() - 1) }
        }
        (_, None) => DayRange::ending(days.last, most).intersection(days),
    }
}

fn away_for(wanted: Wanted, queued: &Queued, now: i64, rest: i64) -> Schedule {
    let (newest_at, history) = match wanted {
        Wanted::History => (None, HistoryTurn::NotBefore(now + rest)),
        Wanted::Newest | Wanted::Versions => (Some(now + rest), HistoryTurn::Same),
    };
    Schedule { id: queued.id, newest_at, history, asked_at: now }
}

/// Asks for as long as the lease is ours.
pub(crate) async fn keep_asking(context: &Context, client: &DownloadsClient, most: usize, wake: &Notify) -> Result<(), Error> {
    let mut downloads = Downloads::open(context.clone(), client.clone(), most).await?;
    tokio::time::sleep(START).await;
    loop {
        match downloads.turn().await? {
            Turn::Asked(wait) => tokio::time::sleep(wait).await,
            Turn::Idle(wait) => {
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = wake.notified() => {}
                }
            }
        }
    }
}

/// Asks for the newest downloads of a stored package, for somebody who waits. The lease must be ours.
pub async fn read_downloads(context: &Context, client: &DownloadsClient, name: &PackageName) -> Result<Answer, Error> {
    let mut downloads = Downloads::open(context.clone(), client.clone(), 0).await?;
    // Lists and users are for those who serve.
    downloads.house_at = i64::MAX;
    let wake = Notify::new();
    let asking = async {
        loop {
            let (Turn::Asked(wait) | Turn::Idle(wait)) = downloads.turn().await?;
            tokio::time::sleep(wait).await;
        }
    };
    let answer = tokio::select! {
        answer = want(context, client, name, &wake) => answer,
        ended = asking => ended,
    };
    // The next process asks no sooner than this one would.
    let rest = downloads.pacer.wait(context.clock.now(), 0.0).as_secs_f64().ceil() as i64;
    let pace = Pace { not_before: context.clock.now() + rest, ..*downloads.pacer.pace() };
    context.store.put_download_pace(&pace).await?;
    answer
}

/// Puts packages first in the queue, those of them that are stored and that npm counts.
pub(crate) async fn queue(context: &Context, client: &DownloadsClient, names: &[PackageName], wake: &Notify) -> Result<Answer, Error> {
    let names: Vec<PackageName> = names.iter().filter(|name| client.asks_about(name)).cloned().collect();
    for known in context.store.by_names(&names).await? {
        context.store.want_downloads(known.id, context.clock.now()).await?;
    }
    wake.notify_one();
    Ok(Answer::Stored)
}

/// Puts a package first in the queue and waits until npm was asked about it.
pub(crate) async fn want(context: &Context, client: &DownloadsClient, name: &PackageName, wake: &Notify) -> Result<Answer, Error> {
    let Context { store, clock, .. } = context;
    let unavailable = |why: &str| Ok(Answer::Unavailable { why: why.to_owned() });
    if !client.asks_about(name) {
        return unavailable("its registry is not npm's own, so npm does not count its downloads");
    }
    let Some(known) = store.by_name(name).await? else { return Ok(Answer::Missing) };
    let since = clock.now();
    store.want_downloads(known.id, since).await?;
    wake.notify_one();
    let until = Instant::now() + PATIENCE;
    loop {
        let mut states = store.download_states(&[known.id, WHOLE_REGISTRY]).await?;
        let landed = states.remove(&WHOLE_REGISTRY).and_then(|registry| registry.last);
        let is_newest = |state: &DownloadState| state.last.is_some() && state.last >= landed;
        if let Some(state) = states.remove(&known.id)
            && state.asked_at.is_some_and(|at| at >= since || state.due_at > since || is_newest(&state))
        {
            return Ok(if state.last.is_some() { Answer::Stored } else { Answer::Missing });
        }
        if Instant::now() >= until {
            return unavailable("npm is asked for the downloads of one package after the other; this one's turn comes soon");
        }
        tokio::time::sleep(LOOKS).await;
    }
}
