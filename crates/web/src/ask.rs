//! What a page, and its JSON, ask the registry for before they show what is stored.

use std::time::{Duration, Instant};

use catalog::{ChartData, PackageAnswer, PackagePage, ReadmeState, UserPage, UserRequest};
use markup::MAX_SERIES;
use model::{Day, PackageName};
use sync::{Answer, Wish};

use crate::AppState;

/// Nobody waits longer for a page.
pub(crate) const WAIT: Duration = Duration::from_secs(2);
/// Details older than this are asked for again, in seconds, while the old ones are shown.
const STALE: i64 = 24 * 3600;
/// So many versions of a package are asked about when it comes to vulnerabilities.
const ASKED_ABOUT: u64 = 1_000;
/// A version that is not known is asked for when the versions were told longer ago than this.
const RECENT: i64 = 300;
/// npm's counts of a day have come after so many days.
const LANDS_WITHIN: i32 = 3;
/// A user of whom not everything could be listed is asked for again after this.
const STALE_PROBLEM: i64 = 3600;

/// What is stored, and what became of asking the registry.
pub(crate) struct Looked {
    pub(crate) answer: PackageAnswer,
    pub(crate) upstream: Answer,
}

/// Looks for a package or a version of it. What is known by name only is asked for, and so are names that nobody knows.
pub(crate) async fn look(state: &AppState, name: &PackageName, version: Option<&str>) -> Result<Looked, catalog::Error> {
    let until = Instant::now() + WAIT;
    let answer = match state.catalog.package(name, version).await? {
        PackageAnswer::Page(page) => return look_again(state, name, version, page, until).await,
        answer => answer,
    };
    let upstream = match &answer {
        PackageAnswer::Unknown => state.upstream.unknown_package(name, WAIT).await,
        // It may have been published since.
        PackageAnswer::NoSuchVersion { observed, .. } if is_older(state, observed.as_deref(), RECENT) => {
            state.upstream.ask(Wish::Package { name: name.clone() }, WAIT).await
        }
        PackageAnswer::NoSuchVersion { .. } | PackageAnswer::Tag(_) | PackageAnswer::Page(_) => Answer::Stored,
    };
    let answer = if upstream == Answer::Stored { state.catalog.package(name, version).await? } else { answer };
    // A version of a package that was not known with its versions may need its README now.
    match answer {
        PackageAnswer::Page(page) if upstream == Answer::Stored && version.is_some() => look_again(state, name, version, page, until).await,
        answer => Ok(Looked { answer, upstream }),
    }
}

async fn look_again(
    state: &AppState,
    name: &PackageName,
    version: Option<&str>,
    page: Box<PackagePage>,
    until: Instant,
) -> Result<Looked, catalog::Error> {
    let wish = Wish::Package { name: name.clone() };
    let left = until.saturating_duration_since(Instant::now());
    let upstream = match &page.details_observed {
        None => state.upstream.ask(wish, left).await,
        Some(observed) => {
            if is_older(state, Some(observed), STALE) {
                // Nobody waits for it: what is stored is shown.
                state.upstream.ask(wish, Duration::ZERO).await;
            }
            match (&page.version, page.readme_state) {
                (Some(version), ReadmeState::Unknown) if page.unpublished.is_none() => {
                    state.upstream.ask(Wish::Version { name: name.clone(), version: version.clone() }, left).await
                }
                _ => return Ok(Looked { answer: PackageAnswer::Page(page), upstream: Answer::Stored }),
            }
        }
    };
    let answer = if upstream == Answer::Stored { state.catalog.package(name, version).await? } else { PackageAnswer::Page(page) };
    Ok(Looked { answer, upstream })
}

/// Has the downloads of these packages read, those that were never read or not lately. Nobody waits for it: npm is asked slowly. Gives the
/// names of those that were never read and are being read now.
pub(crate) async fn look_at_downloads(state: &AppState, data: &ChartData) -> Vec<String> {
    let lately = Day::of_seconds(state.clock.now()) - LANDS_WITHIN;
    let mut being_read = Vec::new();
    for line in data.series.iter().filter(|line| line.as_of.is_none_or(|day| day < lately)).take(MAX_SERIES) {
        let Some(name) = line.package.as_deref().and_then(|name| PackageName::parse(name).ok()) else { continue };
        let answer = state.upstream.ask(Wish::Downloads { name }, Duration::ZERO).await;
        if answer == Answer::Waiting && line.as_of.is_none() {
            being_read.push(line.name.clone());
        }
    }
    being_read
}

/// Has known vulnerabilities of a package read, where they are told and were not read lately. Nobody waits for it. What became of that,
/// when none are stored.
pub(crate) async fn look_at_advisories(state: &AppState, page: &PackagePage) -> Option<Answer> {
    let checked = page.advisories.as_ref().map(|known| known.checked.as_str());
    let can_ask = state.catalog.tells_advisories() && page.details_observed.is_some() && page.unpublished.is_none();
    // What was said of some versions only is asked for again when more are known.
    let is_whole = page.advisories.as_ref().is_some_and(|known| known.versions >= (page.versions.len() as u64).min(ASKED_ABOUT));
    if !can_ask || page.versions.is_empty() || is_whole && !is_older(state, checked, STALE) {
        return None;
    }
    let name = PackageName::parse(&page.name).ok()?;
    let answer = state.upstream.ask(Wish::PackageAdvisories { name }, Duration::ZERO).await;
    checked.is_none().then_some(answer)
}

/// The same of a user's packages.
pub(crate) async fn look_at_user_advisories(state: &AppState, page: &UserPage) -> Option<Answer> {
    let told = page.advisories.as_ref().filter(|_| page.total > 0)?;
    // Those whose versions were read since are asked about as well; what is fresh is not.
    let answer = state.upstream.ask(Wish::UserAdvisories { name: page.user.clone() }, Duration::ZERO).await;
    (told.packages < page.total || is_older(state, told.checked.as_deref(), STALE)).then_some(answer)
}

/// Whether a moment is more than so many seconds ago; no moment is older than any.
fn is_older(state: &AppState, moment: Option<&str>, seconds: i64) -> bool {
    let moment = moment.and_then(|moment| moment.parse::<jiff::Timestamp>().ok());
    moment.is_none_or(|moment| moment.as_second() < state.clock.now() - seconds)
}

/// Looks for a user's packages; asks the registry when that was never done, or long ago.
pub(crate) async fn look_at_user(state: &AppState, request: &UserRequest) -> Result<(UserPage, Answer), catalog::Error> {
    let asked = state.catalog.user_asked(&request.name).await?;
    let age = asked.map(|(at, is_whole)| (state.clock.now() - at, is_whole));
    let wish = Wish::User { name: request.name.clone() };
    let upstream = match age {
        None => state.upstream.unknown_user(&request.name, WAIT).await,
        Some((age, is_whole)) => {
            if age > if is_whole { STALE } else { STALE_PROBLEM } {
                state.upstream.ask(wish, Duration::ZERO).await;
            }
            Answer::Stored
        }
    };
    Ok((state.catalog.user(request).await?, upstream))
}

/// Asks the registry for a name that nobody knows.
pub(crate) async fn ask_for_unknown(state: &AppState, name: &PackageName) -> Answer {
    state.upstream.unknown_package(name, WAIT).await
}

/// Puts packages first in the queue of those whose downloads are asked for. Nobody waits for them.
pub(crate) async fn queue_downloads(state: &AppState, names: Vec<PackageName>) {
    state.upstream.ask(Wish::QueueDownloads { names }, Duration::ZERO).await;
}

/// Asks npm for a package's downloads by day.
pub(crate) async fn ask_for_downloads(state: &AppState, name: &PackageName, wait: Duration) -> Answer {
    state.upstream.ask(Wish::Downloads { name: name.clone() }, wait).await
}
