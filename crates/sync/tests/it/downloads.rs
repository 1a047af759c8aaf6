//! npm's downloads, from the first request to the last: against an API with all of npm's limits and faults, on a clock that is moved by
//! what the queue waits for. Set `PKGSTATS_TEST_PACKAGES=30000` for the long run, which prints what it took.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

use model::{Day, DayCount, DayRange, Observation, PackageName, Source, State};
use registry::{Config, DownloadsClient};
use store::{NewName, Place, Store, Tier, TrendList, User, WHOLE_REGISTRY, Wanted, closed_at};
use sync::{Clock, Context, Downloads, Turn};
use testkit::{DownloadFaults, FakeDownloads, VirtualClock, at_most, count_of, counted_packages, folder, fresh_database, is_lost};
use tokio::sync::watch;

const DAY: i64 = 24 * 3_600;
const ALL_FAULTS: DownloadFaults = DownloadFaults { refused: 150, broken: 90, blocks: true, cuts: true };

fn name(text: &str) -> PackageName {
    PackageName::parse(text).expect("a name")
}

fn client(api: &FakeDownloads) -> DownloadsClient {
    let config = Config::from_layers(&[], &HashMap::new(), None).expect("readable");
    DownloadsClient::new(&config, Some(&api.url())).expect("a client")
}

async fn context(data: &Path, place: &Place, clock: &VirtualClock) -> Context {
    let store = Store::open(place).await.expect("opens");
    let clock = clock.clone();
    Context { store, data: data.to_owned(), clock: Clock::new(move || clock.now()), progress: watch::channel(sync::Progress::default()).0 }
}

/// When the runs begin.
fn a_morning() -> i64 {
    Day::parse("2026-11-24").expect("a day").start_seconds() + 7 * 3_600
}

struct Run {
    clock: VirtualClock,
    api: FakeDownloads,
    context: Context,
    downloads: Downloads,
    most: usize,
}

impl Run {
    async fn start(data: &Path, place: &Place, packages: &[String], most: usize, faults: DownloadFaults) -> Self {
        let clock = VirtualClock::at(a_morning());
        let api = FakeDownloads::start(clock.clone(), faults).await;
        let context = context(data, place, &clock).await;
        let rows: Vec<NewName<'_>> = packages.iter().map(|name| NewName { name, repository: None }).collect();
        context.store.add_names(&rows, 100).await.expect("stored");
        // The first are the most popular.
        let mut snapshot = context.store.begin_snapshot("2026-10", "1", a_morning()).await.expect("begun");
        let ids = (1..).take(packages.len()).map(|id: i64| (id, 1_000_000 - id.unsigned_abs()));
        snapshot.write(ids).await.expect("written");
        snapshot.finish().await.expect("finished");
        let downloads = Downloads::open(context.clone(), client(&api), most).await.expect("opens");
        Self { clock, api, context, downloads, most }
    }

    /// One turn. Whether npm was asked.
    async fn turn(&mut self) -> bool {
        match self.downloads.turn().await.expect("a turn") {
            Turn::Asked(wait) => {
                self.clock.advance(wait);
                true
            }
            Turn::Idle(wait) => {
                self.clock.advance(wait);
                false
            }
        }
    }

    /// Turns until there is nothing to ask.
    async fn until_idle(&mut self) {
        while self.turn().await {}
    }

    /// The process ends in the middle of a turn, and another one begins.
    async fn restart(&mut self, data: &Path, place: &Place, polls: usize) {
        if let Some(Turn::Asked(wait) | Turn::Idle(wait)) = at_most(polls, self.downloads.turn()).await.map(|turn| turn.expect("a turn")) {
            self.clock.advance(wait);
        }
        // What was on its way to the server arrives there.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        self.context.store.clone().close().await;
        self.clock.advance(std::time::Duration::from_secs(5));
        self.context = context(data, place, &self.clock).await;
        self.downloads = Downloads::open(self.context.clone(), client(&self.api), self.most).await.expect("opens");
    }

    /// Ids of all packages, by name.
    async fn ids(&self) -> HashMap<String, i64> {
        let all = self.context.store.names_after("", 1_000_000).await.expect("read");
        all.into_iter().map(|known| (known.name, known.id)).collect()
    }
}

/// What a run came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Checked {
    packages: usize,
    whole: usize,
    days: u64,
    holes: u64,
}

/// Compares every stored day with what was really counted.
async fn check(run: &Run, packages: &[String]) -> Checked {
    let store = &run.context.store;
    let ids = run.ids().await;
    let all: Vec<i64> = ids.values().copied().collect();
    let states = store.download_states(&all).await.expect("read");
    let mut checked = Checked::default();
    for package in packages {
        let id = ids[package];
        let (series, state) = (store.series(id).await.expect("read"), states[&id]);
        if !run.api.has_counts(package) {
            assert!(series.days.is_empty() && state.last.is_none(), "{package} has no counts");
            continue;
        }
        checked.packages += 1;
        let (first, last) = (state.first.expect("asked for"), state.last.expect("answered"));
        assert_eq!((series.first, series.last()), (first, last), "{package}");
        let asked_at = state.asked_at.expect("asked");
        for (day, count) in series.iter() {
            if is_lost(day) {
                assert_eq!(count, DayCount::Hole, "{package} {day}");
                checked.holes += 1;
                continue;
            }
            let real = count_of(package, day);
            let provisional = FakeDownloads::shown(real, day, day.start_seconds() + 4 * DAY);
            let is_settled = day <= closed_at(asked_at);
            let right = count == DayCount::Known(real) || (!is_settled && count == DayCount::Known(provisional));
            assert!(right, "{package} {day}: {count:?}, not {real}");
            checked.days += 1;
        }
        if state.is_whole {
            checked.whole += 1;
            let before = DayRange { first: Day::FIRST_COUNTED, last: first - 1 };
            let forgotten = before.iter().find(|day| !is_lost(*day) && count_of(package, *day) > 0);
            assert_eq!(forgotten, None, "{package} begins with {first}");
        }
        let sums = store.download_sums(&[id]).await.expect("read")[&id];
        assert_eq!(Some(sums), series.sums(), "{package}");
    }
    let whole = store.series(WHOLE_REGISTRY).await.expect("read");
    assert_eq!(whole.first, Day::FIRST_COUNTED);
    for (day, count) in whole.iter() {
        assert_eq!(count == DayCount::Hole, is_lost(day), "the whole registry on {day}");
        assert_ne!(count, DayCount::Unknown, "the whole registry on {day}");
    }
    checked
}

/// For each name the days that were answered when they were closed; panics when one was answered again. Requests whose answers may have
/// been lost with a process do not count.
fn nothing_twice(api: &FakeDownloads, lost: &HashSet<usize>) -> u64 {
    let requests = api.requests();
    let mut answered: HashMap<&str, Vec<DayRange>> = HashMap::new();
    let mut days = 0;
    let whole = [String::new()];
    for (number, request) in requests.iter().enumerate().filter(|(number, _)| !lost.contains(number)) {
        let Some(range) = request.answered else { continue };
        let closed = range.intersection(DayRange { first: Day::FIRST_COUNTED, last: closed_at(request.at) });
        for name in if request.names.is_empty() { &whole[..] } else { &request.names[..] } {
            // Of names that it cannot count it says something, but not about them.
            if closed.is_empty() || !api.has_counts(name) {
                continue;
            }
            let before = answered.entry(name).or_default();
            let again = before.iter().find(|earlier| !earlier.intersection(closed).is_empty());
            assert_eq!(again, None, "{name}: request {number} asks for {closed} again");
            before.push(closed);
            days += u64::from(closed.days());
        }
    }
    days
}

fn size() -> usize {
    #[expect(clippy::disallowed_methods, reason = "the size of a test")]
    std::env::var("PKGSTATS_TEST_PACKAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "the figures of a long run")]
async fn every_day_is_right_whatever_happens() {
    let there = folder();
    let place = Place::Sqlite(there.path().join("pkgstats.db"));
    let packages = counted_packages(size());
    let began = Instant::now();
    let mut run = Run::start(there.path(), &place, &packages, packages.len(), ALL_FAULTS).await;
    let mut lost = HashSet::new();
    let mut restarts = 0;
    let mut turns: usize = 0;
    // Until everything is known, with ends in the middle now and then.
    loop {
        let asked = run.turn().await;
        turns += 1;
        if packages.len() >= 10_000 && turns.is_multiple_of(5_000) {
            let progress = run.context.store.queue_progress().await.expect("read");
            let days = (run.clock.now() - a_morning()) as f64 / 86_400.0;
            println!(
                "{:?}: {turns} turns, {days:.1} days, {} of {} packages asked about",
                began.elapsed(),
                progress.asked,
                progress.packages
            );
        }
        if turns.is_multiple_of(packages.len() / 3 + 7) && restarts < 5 {
            restarts += 1;
            let before = run.api.requests().len();
            run.restart(there.path(), &place, 1 + restarts * 9).await;
            lost.extend(before..run.api.requests().len());
        }
        if !asked {
            let progress = run.context.store.queue_progress().await.expect("read");
            let due = run.context.store.due_downloads(Wanted::History, Tier::Popular, i64::MAX / 4, Day(30_000), 1).await.expect("read");
            if progress.asked == progress.packages && due.is_empty() {
                break;
            }
        }
    }
    let loaded_in = run.clock.now() - a_morning();
    let requests_to_load = run.api.requests().len();
    // Then some days go by.
    for _ in 0..4 {
        run.clock.advance(std::time::Duration::from_secs(20 * 3_600));
        run.until_idle().await;
    }
    assert_eq!(run.api.violations(), Vec::<String>::new());
    let requests = run.api.requests();
    let answered = nothing_twice(&run.api, &lost);
    let checked = check(&run, &packages).await;
    assert_eq!(checked.whole, checked.packages, "everything is known in the end");
    assert!(checked.holes > 0 && checked.days > 0 && restarts == 5);
    let statuses = |status: u16| requests.iter().filter(|request| request.status == status).count();
    let [right, refused, blocked, missing, broken] = [200, 429, 403, 404, 522].map(statuses);
    assert!(refused > 0 && blocked > 0 && broken > 0, "{refused} {blocked} {broken}");
    let versions = requests.iter().filter(|request| request.asked.is_none()).count();
    {
        println!("{} packages, {} of them counted, in {:?}", packages.len(), checked.packages, began.elapsed());
        println!(
            "{} days right, {} holes marked, {answered} closed days answered, none twice; {restarts} restarts",
            checked.days, checked.holes
        );
        println!(
            "{} requests ({versions} for versions): {right} answered, {refused} 429, {blocked} 403, {missing} 404, {broken} 522; no limit broken",
            requests.len()
        );
        println!(
            "virtual time until everything was known: {:.1} h with {requests_to_load} requests; in all {:.1} h",
            loaded_in as f64 / 3_600.0,
            (run.clock.now() - a_morning()) as f64 / 3_600.0
        );
    }
    let trend = run.context.store.trend(TrendList::Popular, None, 10).await.expect("read").expect("made");
    assert_eq!(trend.entries.len(), 10);
    assert!(run.context.store.orphans().await.expect("checked").is_empty());
}

#[tokio::test]
async fn who_is_looked_at_comes_first() {
    let there = folder();
    let mut places = vec![Place::Sqlite(there.path().join("pkgstats.db"))];
    places.extend(fresh_database().await.map(|url| Place::parse(&url)));
    for place in places {
        let packages: Vec<String> = (0..300).map(|number| format!("package-{number:03}")).collect();
        let mut run = Run::start(there.path(), &place, &packages, 200, DownloadFaults::default()).await;
        let store = run.context.store.clone();
        let seen = Observation {
            name: name("package-250"),
            source: Source::Packument,
            observed_at: 200,
            state: State::Active,
            repository: None,
            summary: Some(model::Summary { maintainers: vec!["zoe".to_owned()], ..model::Summary::default() }),
            downloads: None,
        };
        store.apply(&[seen]).await.expect("applied");
        store
            .put_user(&User { name: "zoe".to_owned(), asked_at: run.clock.now(), total: None, listed: 1, problem: None })
            .await
            .expect("stored");
        let ids = run.ids().await;
        store.want_downloads(ids["package-299"], run.clock.now()).await.expect("stored");
        for _ in 0..12 {
            assert!(run.turn().await);
        }
        let asked: Vec<Vec<String>> = run.api.requests().into_iter().map(|request| request.names).collect();
        assert!(asked[0].is_empty(), "the whole registry");
        assert_eq!(asked[1], ["package-299"]);
        // Then the whole registry's years, eight windows of them.
        assert!(asked[2..10].iter().filter(|names| names.is_empty()).count() >= 7, "{asked:?}");
        let after: Vec<&Vec<String>> = asked[2..].iter().filter(|names| !names.is_empty()).collect();
        assert_eq!(*after[0], ["package-250"]);
        assert_eq!(after[1].len(), 128, "as many as may be asked for together");
        // Somebody looks while all that goes on.
        store.want_downloads(ids["package-270"], run.clock.now()).await.expect("stored");
        run.turn().await;
        assert_eq!(run.api.requests().last().map(|request| request.names.clone()), Some(vec!["package-270".to_owned()]));
        let states = store.download_states(&[ids["package-270"], ids["package-260"]]).await.expect("read");
        assert_eq!(states.len(), 1, "who is neither popular nor looked at is not asked for");
        assert_eq!(run.api.violations(), Vec::<String>::new());
        store.close().await;
    }
}

#[tokio::test]
async fn after_a_long_rest_the_days_in_between_are_asked_for() {
    let there = folder();
    let place = Place::Sqlite(there.path().join("pkgstats.db"));
    let packages = counted_packages(12);
    let mut run = Run::start(there.path(), &place, &packages, 12, DownloadFaults { cuts: true, ..DownloadFaults::default() }).await;
    run.until_idle().await;
    run.clock.advance(std::time::Duration::from_secs(800 * 86_400));
    run.restart(there.path(), &place, usize::MAX).await;
    run.until_idle().await;
    run.clock.advance(std::time::Duration::from_secs(86_400));
    run.until_idle().await;
    nothing_twice(&run.api, &HashSet::new());
    let checked = check(&run, &packages).await;
    assert_eq!(checked.whole, checked.packages);
    let landed = FakeDownloads::landed(run.clock.now());
    let whole = run.context.store.series(WHOLE_REGISTRY).await.expect("read");
    assert!(landed - whole.last() <= 1, "{landed} {}", whole.last());
}
