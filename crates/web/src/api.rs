//! Our own JSON.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use catalog::{
    ComparePage, HomePage, MAX_COMPARED, MAX_FROM_PLUS_SIZE, PackageAnswer, PackagePage, ReadmeState, SearchPage, SearchRequest, Status,
    SuggestionsPage, TrendsPage, UserPage, UserRequest, UserSort, trend_list,
};
use model::{Target, parse_target};
use serde::Deserialize;
use sync::Answer;
use utoipa::IntoParams;

use crate::ask::{Looked, look, look_at_advisories, look_at_user, look_at_user_advisories};
use crate::cache::{CachePolicy, Cached};
use crate::error::Problem;
use crate::npm::whole_number;
use crate::{AppState, format, pages};

/// Hits on a page unless asked otherwise, and the most that can be asked for.
const SIZE: usize = 20;
const MAX_SIZE: usize = 250;
const SUGGESTED: usize = 7;
const MAX_SUGGESTED: usize = 20;
/// Users, scopes and keywords, of each.
const SUGGESTED_OTHERS: usize = 3;
const USER_SIZE: usize = 100;
const MAX_USER_SIZE: usize = 10_000;

/// What can be asked of the search.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchParameters {
    /// Free text with qualifiers, at most 512 characters; empty or missing lists the most popular packages.
    q: Option<String>,
    /// How many hits to pass over, default 0; `from` and `size` together are at most 100,000.
    from: Option<String>,
    /// How many hits to give, default 20, at most 250.
    size: Option<String>,
    /// `1` to be told where the words stand in each hit.
    highlight: Option<String>,
    /// `1` to be told what every score is the product of.
    explain: Option<String>,
    /// `1` to be told how many of the matches have what one may narrow the search down by.
    facets: Option<String>,
    /// `1` to be told what else might be searched for.
    others: Option<String>,
}

/// A parameter that is on or off: `1` or `0`, `true` or `false`; off when missing, on when it stands there without a value.
pub(crate) fn switch(name: &str, text: Option<&str>) -> Result<bool, Problem> {
    match text.map(str::trim) {
        None | Some("0" | "false") => Ok(false),
        Some("" | "1" | "true") => Ok(true),
        Some(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "ERR_QUERY", format!("'{name}' is 1 or 0"))),
    }
}

/// How many hits to give: what was asked for, but no more than an answer may have, and none beyond the last that can be reached.
pub(crate) fn reachable(from: usize, size: usize, most: usize) -> usize {
    let left = MAX_FROM_PLUS_SIZE.saturating_sub(from);
    // Beyond all of them the search says so.
    if left == 0 { size.max(1) } else { size.min(most).min(left) }
}

/// How long the search took, for browsers' tools and other programs.
pub(crate) fn timing(took: Duration) -> [(HeaderName, HeaderValue); 1] {
    let text = format!("search;dur={:.1}", took.as_secs_f64() * 1e3);
    [(HeaderName::from_static("server-timing"), HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("search")))]
}

/// Searches packages.
#[utoipa::path(get, path = "/api/v1/search", params(SearchParameters),
    responses((status = 200, body = SearchPage), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn search(
    State(state): State<AppState>,
    parameters: Result<Query<SearchParameters>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(parameters) = parameters.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "ERR_QUERY", error.body_text()))?;
    let from = whole_number("from", parameters.from.as_deref(), 0)?;
    let request = SearchRequest {
        text: parameters.q.unwrap_or_default(),
        from,
        size: reachable(from, whole_number("size", parameters.size.as_deref(), SIZE)?, MAX_SIZE),
        now: state.clock.now(),
        highlight: switch("highlight", parameters.highlight.as_deref())?,
        explain: switch("explain", parameters.explain.as_deref())?,
        facets: switch("facets", parameters.facets.as_deref())?,
        others: switch("others", parameters.others.as_deref())?,
    };
    let began = Instant::now();
    let page = run(&state, request).await?;
    Ok(Cached(CachePolicy::Search, (timing(began.elapsed()), Json(page))))
}

/// What can be asked of suggestions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SuggestionParameters {
    /// What was typed so far, at most 512 characters.
    q: Option<String>,
    /// How many packages, default 7, at most 20.
    size: Option<String>,
}

/// Packages, users, scopes and keywords that somebody who types may mean.
#[utoipa::path(get, path = "/api/v1/suggestions", params(SuggestionParameters),
    responses((status = 200, body = SuggestionsPage), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn suggestions(
    State(state): State<AppState>,
    parameters: Result<Query<SuggestionParameters>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(parameters) = parameters.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "ERR_QUERY", error.body_text()))?;
    let text = parameters.q.unwrap_or_default();
    let size = whole_number("size", parameters.size.as_deref(), SUGGESTED)?.min(MAX_SUGGESTED);
    let began = Instant::now();
    let page = state.catalog.suggestions(&text, size, SUGGESTED_OTHERS).await?;
    Ok(Cached(CachePolicy::Search, (timing(began.elapsed()), Json(page))))
}

/// Why a search was not made.
pub(crate) enum Refused {
    /// Too many run already.
    Busy,
    /// It failed.
    Failed(catalog::Error),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "ERR_BUSY", "too many searches at a time; ask again in two seconds")
            }
            Refused::Failed(error) => error.into(),
        }
    }
}

/// Searches, when not too many do. A search that nobody waits for any more still holds its place until it has ended.
pub(crate) async fn run(state: &AppState, request: SearchRequest) -> Result<SearchPage, Refused> {
    let place = tokio::time::timeout(Duration::from_secs(1), Arc::clone(&state.searches).acquire_owned()).await;
    let Ok(Ok(place)) = place else { return Err(Refused::Busy) };
    let catalog = state.catalog.clone();
    let search = tokio::spawn(async move {
        let _place = place;
        catalog.search(&request).await
    });
    search.await.map_err(|_| Refused::Failed(catalog::Error::Task))?.map_err(Refused::Failed)
}

/// What is stored, and from when.
#[utoipa::path(get, path = "/api/v1/status", responses((status = 200, body = Status)))]
pub(crate) async fn status(State(state): State<AppState>) -> Result<impl IntoResponse, Problem> {
    Ok(Cached(CachePolicy::Never, Json(state.catalog.status().await?)))
}

/// The front page's lists.
#[utoipa::path(get, path = "/api/v1/home", responses((status = 200, body = HomePage)))]
pub(crate) async fn home(State(state): State<AppState>) -> Result<impl IntoResponse, Problem> {
    let page = state.catalog.home(state.clock.now()).await?;
    Ok(Cached(CachePolicy::Page, Json((*page).clone())))
}

/// A package, or one version of it: `/api/v1/packages/@scope/name@1.0.0`. What is not stored is asked for, for two seconds at the most.
#[utoipa::path(get, path = "/api/v1/packages/{name}", params(("name" = String, Path, description = "NAME or NAME@VERSION")),
    responses((status = 200, body = PackagePage), (status = 404, body = Problem), (status = 410, body = PackagePage, description = "unpublished"),
        (status = 503, body = Problem, description = "not stored, and the registry cannot be asked")))]
pub(crate) async fn package(
    State(state): State<AppState>,
    version: Version,
    headers: HeaderMap,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let state = state.asked_by(version, &headers);
    let Path(path) = path?;
    let not_found = |error: String| Problem::new(StatusCode::NOT_FOUND, "ERR_NOT_FOUND", error);
    let Target::Package { name, version } = parse_target(&format!("pkg:{path}")) else {
        return Err(not_found(format!("{:?} is not a package name", path.chars().take(80).collect::<String>())));
    };
    let Looked { answer, upstream } = look(&state, &name, version.as_deref()).await?;
    match (answer, upstream) {
        (PackageAnswer::Unknown, Answer::Missing) => Err(not_found(format!("the registry has no package {name}, or hides it"))),
        (PackageAnswer::Unknown, Answer::Unavailable { why }) => {
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ERR_UPSTREAM", format!("{name} is not stored here, and {why}")))
        }
        (PackageAnswer::Unknown, _) => {
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ERR_UPSTREAM", format!("the registry is being asked for {name}; ask again")))
        }
        (PackageAnswer::NoSuchVersion { .. }, Answer::Stored | Answer::Missing) => {
            Err(not_found(format!("{name} has no version or tag {}", version.unwrap_or_default())))
        }
        (PackageAnswer::NoSuchVersion { .. }, _) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ERR_UPSTREAM",
            format!("{name} has no version or tag {} that is known here, and the registry has not said", version.unwrap_or_default()),
        )),
        (PackageAnswer::Tag(version), _) => {
            let to = format!("/api/v1/packages/{}", format::version_path(name.as_str(), &version).trim_start_matches("/pkg:"));
            Ok((StatusCode::FOUND, Cached(CachePolicy::Search, [(LOCATION, to)])).into_response())
        }
        (PackageAnswer::Page(page), Answer::Missing) if page.is_only_listed() => {
            Err(not_found(format!("the registry has no package {} any more, or hides it", page.name)))
        }
        (PackageAnswer::Page(page), upstream) => {
            let are_advisories_read = look_at_advisories(&state, &page).await == Some(Answer::Waiting);
            let status = if page.unpublished.is_some() { StatusCode::GONE } else { StatusCode::OK };
            let policy = if are_advisories_read { CachePolicy::Never } else { settled(&page, &upstream) };
            Ok(state.kept_private((status, Cached(policy, Json(page))).into_response()))
        }
    }
}

/// A package's page may be kept when nothing of it is still being read.
pub(crate) fn settled(page: &PackagePage, upstream: &Answer) -> CachePolicy {
    let is_read = page.details_observed.is_some() && !(page.readme_state == ReadmeState::Unknown && *upstream == Answer::Waiting);
    if is_read { CachePolicy::Page } else { CachePolicy::Never }
}

/// What can be asked of a user's packages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UserParameters {
    /// `downloads` (the default, of 30 days), `week`, `year`, `change`, `name`, `published`, `dependents` or `attention`.
    sort: Option<String>,
    /// How many packages to pass over, default 0.
    from: Option<String>,
    /// How many packages to give, default 100, at most 10,000.
    size: Option<String>,
}

/// A user's packages, and those of the scope and of the repositories of the same name.
#[utoipa::path(get, path = "/api/v1/users/{name}", params(("name" = String, Path, description = "the user name"), UserParameters),
    responses((status = 200, body = UserPage), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn user(
    State(state): State<AppState>,
    version: Version,
    headers: HeaderMap,
    name: Result<Path<String>, PathRejection>,
    parameters: Result<Query<UserParameters>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let state = state.asked_by(version, &headers);
    let Path(name) = name?;
    let Query(parameters) = parameters.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "ERR_QUERY", error.body_text()))?;
    let sort = parameters.sort.as_deref().map_or(Some(UserSort::default()), UserSort::parse);
    let sort = sort.ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "ERR_QUERY",
            "'sort' is downloads, week, year, change, name, published, dependents or attention",
        )
    })?;
    if !model::is_user_name(&name) {
        return Err(Problem::new(StatusCode::NOT_FOUND, "ERR_NOT_FOUND", "no user has a name like this"));
    }
    let request = UserRequest {
        name,
        sort,
        from: whole_number("from", parameters.from.as_deref(), 0)?,
        size: whole_number("size", parameters.size.as_deref(), USER_SIZE)?.min(MAX_USER_SIZE),
        now: state.clock.now(),
    };
    let (page, upstream) = look_at_user(&state, &request).await?;
    let are_advisories_read = look_at_user_advisories(&state, &page).await == Some(Answer::Waiting);
    if page.is_empty() && upstream != Answer::Waiting {
        let nobody = format!("no package is known that names {}", page.user);
        return Err(match upstream {
            Answer::Unavailable { why } => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ERR_UPSTREAM", format!("{nobody}, and {why}")),
            _ => Problem::new(StatusCode::NOT_FOUND, "ERR_NOT_FOUND", nobody),
        });
    }
    let policy = if upstream == Answer::Stored && !are_advisories_read { CachePolicy::Page } else { CachePolicy::Never };
    Ok(state.kept_private(Cached(policy, Json(page)).into_response()))
}

/// Up to ten packages side by side: `?p=react&p=vue`.
#[utoipa::path(get, path = "/api/v1/compare", params(("p" = Vec<String>, Query, description = "the packages, at most ten; repeated, or with commas between them")),
    responses((status = 200, body = ComparePage), (status = 400, body = Problem)))]
pub(crate) async fn compare(State(state): State<AppState>, OriginalUri(uri): OriginalUri) -> Result<impl IntoResponse, Problem> {
    let (names, wrong) = pages::compared_names(uri.query());
    let refused = |error: String| Problem::new(StatusCode::BAD_REQUEST, "ERR_QUERY", error);
    if !wrong.is_empty() {
        return Err(refused(wrong.join(" ")));
    }
    if names.is_empty() {
        return Err(refused("name packages, as in ?p=react&p=vue".to_owned()));
    }
    if names.len() > MAX_COMPARED {
        return Err(refused(format!("{} packages are too many; at most {MAX_COMPARED} stand side by side", names.len())));
    }
    Ok(Cached(CachePolicy::Page, Json(state.catalog.compare(&names, state.clock.now()).await?)))
}

/// What can be asked of the trends.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrendsParameters {
    /// Only packages with this keyword; the thousand keywords that most packages have, have lists.
    keyword: Option<String>,
}

/// The packages that are most popular, rise, fall or are new, computed in the background.
#[utoipa::path(get, path = "/api/v1/trends/{list}", params(("list" = String, Path, description = "popular, rising, falling or newest"), TrendsParameters),
    responses((status = 200, body = TrendsPage), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn trends(
    State(state): State<AppState>,
    list: Result<Path<String>, PathRejection>,
    parameters: Result<Query<TrendsParameters>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Path(list) = list?;
    let Query(parameters) = parameters.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "ERR_QUERY", error.body_text()))?;
    let not_found = |error: &str| Problem::new(StatusCode::NOT_FOUND, "ERR_NOT_FOUND", error);
    let list = trend_list(&list).ok_or_else(|| not_found("the lists are popular, rising, falling and newest"))?;
    let keyword = parameters.keyword.as_deref().map(str::trim).filter(|keyword| !keyword.is_empty());
    let page = state.catalog.trends(list, keyword).await?;
    let page = page.ok_or_else(|| not_found("there are no lists of this keyword, only of the thousand that most packages have"))?;
    Ok(Cached(CachePolicy::Page, Json((*page).clone())))
}
