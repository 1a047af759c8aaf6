//! npm's downloads API, same shapes and errors: clients of `https://api.npmjs.org` work with this server's address in its place.
//!
//! `docs/downloads-api.md` has what is different: scoped names and long ranges go in bulk too, and what is not known is never answered as
//! zero. Answers come from counts by day alone, never from a monthly snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use catalog::{InvalidPeriod, NpmAnswer, NpmCounts, NpmPeriod};
use model::{Day, PackageName};
use serde::Serialize;
use sync::Answer;
use utoipa::ToSchema;

use crate::AppState;
use crate::ask::{WAIT, ask_for_downloads, ask_for_unknown, queue_downloads};
use crate::cache::{CachePolicy, Cached};

/// Names in one request. npm takes 128.
const MAX_NAMES: usize = 128;

/// The sum of a period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Point {
    /// The downloads of all days from `start` to `end` that are known.
    downloads: u64,
    /// The first day that is known.
    #[schema(value_type = String)]
    start: Day,
    /// The last day that is known.
    #[schema(value_type = String)]
    end: Day,
    /// The package; missing for the whole registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<String>,
    /// Days between them that are not in the sum, because nobody knows them. Not in npm's answers, and missing where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    missing: Vec<Day>,
}

/// The days of a period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Range {
    /// The first day that is known.
    #[schema(value_type = String)]
    start: Day,
    /// The last day that is known.
    #[schema(value_type = String)]
    end: Day,
    /// The package; missing for the whole registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<String>,
    /// The days that are known.
    downloads: Vec<DayDownloads>,
    /// Days between them that are not there, because nobody knows them. Not in npm's answers, and missing where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    missing: Vec<Day>,
}

/// A day.
#[derive(Debug, Serialize, ToSchema)]
struct DayDownloads {
    downloads: u64,
    #[schema(value_type = String)]
    day: Day,
}

/// The versions of a week.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Versions {
    /// The package.
    package: String,
    /// Versions and their downloads.
    downloads: HashMap<String, u64>,
    /// The last of the seven days. Not in npm's answers.
    #[schema(value_type = String)]
    end: Day,
}

/// An error as npm's downloads API words it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NpmProblem {
    error: String,
}

/// What is made of counts.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Point,
    Range,
}

/// One of the two.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Shaped {
    Point(Point),
    Range(Range),
}

impl Shape {
    fn of(self, counts: NpmCounts, package: Option<String>) -> Shaped {
        let (start, end) = (counts.range.first, counts.range.last);
        match self {
            Self::Point => Shaped::Point(Point { downloads: counts.sum(), start, end, package, missing: counts.missing }),
            Self::Range => {
                let downloads = counts.days.into_iter().map(|(day, downloads)| DayDownloads { downloads, day }).collect();
                Shaped::Range(Range { start, end, package, downloads, missing: counts.missing })
            }
        }
    }
}

fn problem(status: StatusCode, error: impl Into<String>) -> Response {
    let mut response = (status, Cached(CachePolicy::Never, Json(NpmProblem { error: error.into() }))).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, axum::http::HeaderValue::from_static("10"));
    }
    response
}

fn not_found(name: &str) -> Response {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(214).collect();
    problem(StatusCode::NOT_FOUND, format!("package {shown} not found"))
}

fn failed(error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "a request failed");
    problem(StatusCode::INTERNAL_SERVER_ERROR, "this server could not read its data; its log says why")
}

/// What is counted, and may be kept for a minute.
fn counted(value: &impl Serialize) -> Response {
    Cached(CachePolicy::Search, Json(value)).into_response()
}

/// The downloads of the whole registry, or of packages, in a period, as one sum.
#[utoipa::path(get, path = "/downloads/point/{period}/{packages}", tag = "npm", params(
        ("period" = String, Path, description = "last-day, last-week, last-month, last-year, 2026-11-21, or 2026-11-01:2026-11-21"),
        ("packages" = String, Path, description = "a name, or up to 128 with commas between them; without any, the whole registry")),
    responses((status = 200, body = Point, description = "of several packages an object of these by name, null for those that do not exist; packages whose counts are not known yet are left out"),
        (status = 400, body = NpmProblem), (status = 404, body = NpmProblem),
        (status = 503, body = NpmProblem, description = "not counted here yet; npm is being asked")))]
pub(crate) async fn point(State(state): State<AppState>, path: Result<Path<(String, String)>, PathRejection>) -> Response {
    packages(&state, Shape::Point, path).await
}

/// As `point`, day by day.
#[utoipa::path(get, path = "/downloads/range/{period}/{packages}", tag = "npm", params(
        ("period" = String, Path, description = "as of /downloads/point"), ("packages" = String, Path, description = "as of /downloads/point")),
    responses((status = 200, body = Range), (status = 400, body = NpmProblem), (status = 404, body = NpmProblem), (status = 503, body = NpmProblem)))]
pub(crate) async fn range(State(state): State<AppState>, path: Result<Path<(String, String)>, PathRejection>) -> Response {
    packages(&state, Shape::Range, path).await
}

pub(crate) async fn registry_point(State(state): State<AppState>, period: Result<Path<String>, PathRejection>) -> Response {
    registry(&state, Shape::Point, period).await
}

pub(crate) async fn registry_range(State(state): State<AppState>, period: Result<Path<String>, PathRejection>) -> Response {
    registry(&state, Shape::Range, period).await
}

fn refused(invalid: InvalidPeriod) -> Response {
    let error = match invalid {
        InvalidPeriod::Date => "invalid date",
        InvalidPeriod::Order => "end date > start date",
    };
    problem(StatusCode::BAD_REQUEST, error)
}

async fn registry(state: &AppState, shape: Shape, period: Result<Path<String>, PathRejection>) -> Response {
    let Ok(Path(period)) = period else { return problem(StatusCode::BAD_REQUEST, "invalid date") };
    let period = match NpmPeriod::parse(&period) {
        Ok(period) => period,
        Err(invalid) => return refused(invalid),
    };
    registry_downloads(state, shape, period).await
}

async fn registry_downloads(state: &AppState, shape: Shape, period: NpmPeriod) -> Response {
    match state.catalog.npm_registry_downloads(period, Day::of_seconds(state.clock.now())).await {
        Ok(Some(counts)) => counted(&shape.of(counts, None)),
        Ok(None) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "the downloads of the whole registry are not counted here yet; ask again later")
        }
        Err(error) => failed(&error),
    }
}

async fn packages(state: &AppState, shape: Shape, path: Result<Path<(String, String)>, PathRejection>) -> Response {
    let Ok(Path((period, text))) = path else { return problem(StatusCode::BAD_REQUEST, "this address is not text") };
    let period = match NpmPeriod::parse(&period) {
        Ok(period) => period,
        Err(invalid) => return refused(invalid),
    };
    let text = text.trim_end_matches('/');
    if text.is_empty() {
        return registry_downloads(state, shape, period).await;
    }
    if !text.contains(',') {
        return single(state, shape, period, text).await;
    }
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.len() > MAX_NAMES {
        return problem(StatusCode::BAD_REQUEST, format!("exceeded max packages of {MAX_NAMES}"));
    }
    bulk(state, shape, period, &names).await
}

async fn single(state: &AppState, shape: Shape, period: NpmPeriod, text: &str) -> Response {
    let Ok(name) = PackageName::parse(text) else { return not_found(text) };
    let today = Day::of_seconds(state.clock.now());
    let look = async || Ok::<_, catalog::Error>(state.catalog.npm_downloads(std::slice::from_ref(&name), period, today).await?.pop());
    let mut answer = match look().await {
        Ok(answer) => answer.unwrap_or(NpmAnswer::Unknown),
        Err(error) => return failed(&error),
    };
    let mut upstream = Answer::Stored;
    if answer == NpmAnswer::Unknown {
        upstream = match state.catalog.knows_all_names().await {
            Ok(true) if state.upstream.is_offline() => Answer::Missing,
            Ok(_) => ask_for_unknown(state, &name).await,
            Err(error) => return failed(&error),
        };
        if upstream == Answer::Stored {
            answer = NpmAnswer::Uncounted;
        }
    }
    if answer == NpmAnswer::Uncounted {
        upstream = ask_for_downloads(state, &name, WAIT).await;
        if upstream == Answer::Stored {
            answer = match look().await {
                Ok(answer) => answer.unwrap_or(NpmAnswer::Unknown),
                Err(error) => return failed(&error),
            };
        }
    }
    match answer {
        NpmAnswer::Counted(counts) => {
            if counts.is_cut {
                // Nobody waits for the days that lack at an end; whoever asks again later has them.
                ask_for_downloads(state, &name, std::time::Duration::ZERO).await;
            }
            counted(&shape.of(counts, Some(name.to_string())))
        }
        NpmAnswer::Unknown | NpmAnswer::Uncounted => match upstream {
            Answer::Missing => not_found(name.as_str()),
            Answer::Stored | Answer::Waiting => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the downloads of {name} are not counted here yet; npm is being asked, ask again later"),
            ),
            Answer::Unavailable { why } => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the downloads of {name} are not counted here, and npm cannot be asked: {why}"),
            ),
        },
    }
}

async fn bulk(state: &AppState, shape: Shape, period: NpmPeriod, texts: &[&str]) -> Response {
    // All years of many packages take tens of megabytes, so not too many at a time.
    let Ok(_place) = state.bulks.acquire().await else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "this server is stopping");
    };
    let texts: BTreeSet<&str> = texts.iter().copied().collect();
    let names: Vec<PackageName> = texts.iter().filter_map(|text| PackageName::parse(text).ok()).collect();
    let answers = state.catalog.npm_downloads(&names, period, Day::of_seconds(state.clock.now())).await;
    let (answers, all_names) = match (answers, state.catalog.knows_all_names().await) {
        (Ok(answers), Ok(all_names)) => (answers, all_names),
        (Err(error), _) | (_, Err(error)) => return failed(&error),
    };
    let (mut found, mut uncounted): (BTreeMap<String, Option<Shaped>>, Vec<PackageName>) = Default::default();
    for text in texts.iter().filter(|text| PackageName::parse(text).is_err()) {
        found.insert((*text).to_owned(), None);
    }
    for (name, answer) in names.into_iter().zip(answers) {
        match answer {
            NpmAnswer::Unknown if all_names => {
                found.insert(name.to_string(), None);
            }
            NpmAnswer::Unknown | NpmAnswer::Uncounted => uncounted.push(name),
            NpmAnswer::Counted(counts) => {
                found.insert(name.to_string(), Some(shape.of(counts, Some(name.to_string()))));
            }
        }
    }
    // Whoever asks again later finds more: nobody waits for the slowest of many.
    let is_all = uncounted.is_empty();
    if !is_all {
        queue_downloads(state, uncounted).await;
    }
    if found.values().all(Option::is_none) && !is_all {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the downloads of none of these packages are counted here yet; ask again later");
    }
    if is_all {
        return counted(&found);
    }
    // It is not all, and will soon be more.
    Cached(CachePolicy::Never, Json(found)).into_response()
}

/// The downloads of each version of a package in the last week: `/versions/NAME/last-week`, in the name `/` may stand as `%2F`.
#[utoipa::path(get, path = "/versions/{name}/last-week", tag = "npm", params(("name" = String, Path, description = "the package")),
    responses((status = 200, body = Versions), (status = 404, body = NpmProblem), (status = 503, body = NpmProblem)))]
pub(crate) async fn versions(State(state): State<AppState>, path: Result<Path<String>, PathRejection>) -> Response {
    let Ok(Path(path)) = path else { return problem(StatusCode::BAD_REQUEST, "this address is not text") };
    let Some(text) = path.strip_suffix("/last-week") else {
        return problem(StatusCode::NOT_FOUND, "npm tells the downloads of versions for the last week only: /versions/NAME/last-week");
    };
    let Ok(name) = PackageName::parse(text) else { return not_found(text) };
    match state.catalog.npm_versions(&name, Day::of_seconds(state.clock.now())).await {
        Ok(Ok(Some(week))) => {
            let versions = Versions { package: name.to_string(), end: week.last, downloads: week.counts.into_iter().collect() };
            Cached(CachePolicy::Search, Json(versions)).into_response()
        }
        Ok(Ok(None)) => {
            // Whoever looks comes first in the queue.
            ask_for_downloads(&state, &name, std::time::Duration::ZERO).await;
            problem(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the downloads of the versions of {name} are not counted here yet; ask again later"),
            )
        }
        Ok(Err(_)) => match state.catalog.knows_all_names().await {
            Ok(true) if state.upstream.is_offline() => not_found(name.as_str()),
            Ok(_) => match ask_for_unknown(&state, &name).await {
                Answer::Missing => not_found(name.as_str()),
                _ => problem(StatusCode::SERVICE_UNAVAILABLE, format!("{name} is not among the packages stored here; ask again later")),
            },
            Err(error) => failed(&error),
        },
        Err(error) => failed(&error),
    }
}
