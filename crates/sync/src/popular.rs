//! Reading details in the background, one package a second: first those of users whom somebody looked at, then the most popular ones.

use std::collections::HashSet;
use std::time::Duration;

use model::PackageName;
use search::{Index, MAX_FROM_PLUS_SIZE, Query, Wanted};

use crate::details::Reader;
use crate::{Error, Reading, progress};

/// npm publishes no limit; others were refused at some six a second.
const PACE: Duration = Duration::from_secs(1);
/// Details older than this are asked for again, in seconds.
const STALE: i64 = 7 * 24 * 3600;
/// For so long after somebody looked at a user, the user's packages come first.
const LOOKED_AT: i64 = 24 * 3600;
/// How often users whom somebody looked at are looked for, in seconds.
const AWAITED_EVERY: i64 = 20;
/// Packages looked at together.
const CHUNK: usize = 250;
/// How long to wait after the registry refused, doubling from the second to the first.
const REST: Duration = Duration::from_secs(1_800);
/// How soon a round that found nothing more to read is followed by the next.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Packages in a row that may fail before the registry counts as gone.
const MOST_FAILURES: u32 = 5;
const FIRST_REFUSAL: Duration = Duration::from_secs(30);

/// Where the reading is.
struct Round<'a> {
    reader: &'a Reader,
    most: usize,
    /// Whether the packages of users come first.
    with_awaited: bool,
    /// Those that are known to be waited for, and when to look for others.
    awaited: Vec<String>,
    awaited_at: i64,
    /// Could not be read, and are left alone until the next round.
    given_up: HashSet<String>,
    /// How far down the list of popular packages.
    place: usize,
    queue: Vec<String>,
}

impl Round<'_> {
    /// The next package to be read: `None` when all are.
    async fn next(&mut self) -> Result<Option<String>, Error> {
        let context = &self.reader.context;
        let now = context.clock.now();
        if self.with_awaited && now >= self.awaited_at {
            let awaited = context.store.awaited_packages(now - LOOKED_AT, (CHUNK + self.given_up.len()) as i64).await?;
            self.awaited = awaited.into_iter().rev().filter(|name| !self.given_up.contains(name)).collect();
            self.awaited_at = now + AWAITED_EVERY;
        }
        if let Some(name) = self.awaited.pop() {
            return Ok(Some(name));
        }
        loop {
            if let Some(name) = self.queue.pop() {
                return Ok(Some(name));
            }
            let size = CHUNK.min(self.most.saturating_sub(self.place));
            if size == 0 {
                return Ok(None);
            }
            let ids = popular(self.reader, self.place, size).await?;
            if ids.is_empty() {
                return Ok(None);
            }
            self.place += ids.len();
            let observed = context.store.details_observed(&ids).await?;
            let fresh = |id: &i64| observed.get(id).is_some_and(|at| *at > now - STALE);
            let wanted: Vec<i64> = ids.into_iter().filter(|id| !fresh(id)).collect();
            if wanted.is_empty() {
                continue;
            }
            let mut known = context.store.by_ids(&wanted).await?;
            known.sort_by_key(|known| wanted.iter().position(|id| *id == known.id));
            self.queue = known.into_iter().rev().map(|known| known.name).filter(|name| !self.given_up.contains(name)).collect();
        }
    }
}

/// Ids of the most popular packages, from a place on.
async fn popular(reader: &Reader, from: usize, size: usize) -> Result<Vec<i64>, Error> {
    let root = reader.context.index_root();
    let found = tokio::task::spawn_blocking(move || {
        let Some(index) = Index::open(&root)? else { return Ok(Vec::new()) };
        let found = index.search(&Query::default(), Wanted::page(from, size))?;
        Ok::<_, Error>(found.map(|found| found.hits.into_iter().map(|hit| hit.id).collect()).unwrap_or_default())
    });
    found.await?
}

/// Reads the details of the `most` popular packages that have none or old ones, one a second. Returns how many were read.
pub async fn read_details(reader: &Reader, most: usize) -> Result<u64, Error> {
    read_round(reader, most, false).await
}

/// As [`read_details`], the packages of users whom somebody looked at first, again and again.
pub(crate) async fn keep_reading(reader: &Reader, most: usize) -> Result<(), Error> {
    loop {
        read_round(reader, most, true).await?;
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn read_round(reader: &Reader, most: usize, with_awaited: bool) -> Result<u64, Error> {
    let most = most.min(MAX_FROM_PLUS_SIZE);
    let mut round =
        Round { reader, most, with_awaited, awaited: Vec::new(), awaited_at: 0, given_up: HashSet::new(), place: 0, queue: Vec::new() };
    let (mut read, mut refusal, mut failures) = (0, FIRST_REFUSAL, 0);
    while let Some(name) = round.next().await? {
        let began = tokio::time::Instant::now();
        let result = match PackageName::parse(&name) {
            Ok(parsed) => reader.read_package(&parsed).await,
            Err(why) => Err(Error::Job(why.to_string())),
        };
        // Also what was read: it may still be among the awaited ones, when its maintainers are others.
        round.given_up.insert(name.clone());
        match result {
            Ok(reading) => {
                read += u64::from(reading != Reading::Missing);
                (refusal, failures) = (FIRST_REFUSAL, 0);
            }
            Err(Error::Registry(error)) if error.is_rate_limited() => {
                tracing::info!(%error, wait_s = refusal.as_secs(), "reading details rests");
                tokio::time::sleep(refusal.max(error.retry_after().unwrap_or_default()).min(REST)).await;
                refusal = (refusal * 2).min(REST);
                round.given_up.remove(&name);
                round.queue.push(name);
            }
            // The disk is full, or the registry is gone: the next package would not be read either.
            Err(error @ Error::Store(_)) => return Err(error),
            Err(error) if failures >= MOST_FAILURES => return Err(error),
            Err(error) => {
                failures += 1;
                tracing::info!(package = name, %error, "details could not be read");
            }
        }
        if !with_awaited {
            let done = round.place.saturating_sub(round.queue.len()) as u64;
            progress::packages(&reader.context.progress, "reading details", done, Some(most as u64));
        }
        tokio::time::sleep_until(began + PACE).await;
    }
    Ok(read)
}
