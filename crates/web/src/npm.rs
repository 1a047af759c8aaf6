//! npm's own API, same shapes: `npm search --registry http://localhost:3000 …` works.
//!
//! Extensions: `text` may have 1 to 512 characters (npm: 2 to 64), and results reach to 100,000 (npm: 10,000). What is not known is left
//! out: `version` and `date` of a package known by name only, weekly or monthly downloads that nobody counted, and always mail addresses,
//! which are not stored. `downloads.as_of` says from when the counts are.

use std::time::Instant;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use catalog::{DownloadCount, SearchHit, SearchRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::AppState;
use crate::api::{reachable, run, timing};
use crate::cache::{CachePolicy, Cached};
use crate::error::Problem;

const SIZE: usize = 20;
const MAX_SIZE: usize = 250;
const MAX_TEXT: usize = 512;

/// `{}`, as npm answers.
#[utoipa::path(get, path = "/-/ping", responses((status = 200, description = "an empty object")))]
pub(crate) async fn ping() -> impl IntoResponse {
    Cached(CachePolicy::Never, Json(serde_json::json!({})))
}

/// Parameters of npm's search API. Others are accepted and change nothing.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct NpmParameters {
    /// What to search, 1 to 512 characters, qualifiers included.
    text: Option<String>,
    /// How many hits, default 20, at most 250.
    size: Option<String>,
    /// How many hits to pass over, default 0, at most 99,999; hits beyond number 100,000 are not given.
    from: Option<String>,
    /// A weight that npm's clients still send; accepted, and changes nothing, as on npm.
    #[allow(dead_code, reason = "it is only described")]
    quality: Option<String>,
    /// As `quality`.
    #[allow(dead_code, reason = "it is only described")]
    popularity: Option<String>,
    /// As `quality`.
    #[allow(dead_code, reason = "it is only described")]
    maintenance: Option<String>,
}

/// An answer of npm's search API.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NpmSearch {
    objects: Vec<NpmObject>,
    total: u64,
    time: String,
}

/// A hit of npm's search API.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NpmObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    downloads: Option<DownloadCount>,
    updated: String,
    #[serde(rename = "searchScore")]
    search_score: f32,
    package: NpmPackage,
    score: NpmScore,
    flags: NpmFlags,
}

#[derive(Debug, Serialize, ToSchema)]
struct NpmPackage {
    name: String,
    sanitized_name: String,
    keywords: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<NpmUser>,
    maintainers: Vec<NpmUser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecated: Option<String>,
    links: NpmLinks,
}

#[derive(Debug, Serialize, ToSchema)]
struct NpmUser {
    username: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct NpmLinks {
    #[serde(skip_serializing_if = "Option::is_none")]
    homepage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bugs: Option<String>,
    npm: String,
}

/// `detail` is constant on npm too.
#[derive(Debug, Serialize, ToSchema)]
struct NpmScore {
    r#final: f32,
    detail: NpmDetail,
}

#[derive(Debug, Serialize, ToSchema)]
struct NpmDetail {
    popularity: u8,
    quality: u8,
    maintenance: u8,
}

#[derive(Debug, Serialize, ToSchema)]
struct NpmFlags {
    insecure: u8,
}

impl From<SearchHit> for NpmObject {
    fn from(hit: SearchHit) -> Self {
        let user = |username| NpmUser { username };
        Self {
            downloads: hit.downloads,
            updated: hit.observed,
            search_score: hit.score,
            score: NpmScore { r#final: hit.score, detail: NpmDetail { popularity: 1, quality: 1, maintenance: 1 } },
            flags: NpmFlags { insecure: 0 },
            package: NpmPackage {
                sanitized_name: hit.name.clone(),
                links: NpmLinks {
                    homepage: hit.homepage,
                    repository: hit.repository,
                    bugs: hit.bugs,
                    npm: format!("https://www.npmjs.com/package/{}", hit.name),
                },
                name: hit.name,
                keywords: hit.keywords,
                version: hit.version,
                description: hit.description,
                publisher: hit.publisher.map(user),
                maintainers: hit.maintainers.into_iter().map(user).collect(),
                license: hit.license,
                date: hit.published,
                deprecated: hit.deprecated,
            },
        }
    }
}

/// npm's search.
#[utoipa::path(get, path = "/-/v1/search", params(NpmParameters),
    responses((status = 200, body = NpmSearch), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn search(
    State(state): State<AppState>,
    parameters: Result<Query<NpmParameters>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let refused = |code, error: &str| Problem::new(StatusCode::BAD_REQUEST, code, error);
    let Query(parameters) = parameters.map_err(|error| refused("ERR_QUERY", &error.body_text()))?;
    let text = parameters.text.filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| refused("ERR_TEXT_MISSING", "'text' query parameter is required"))?;
    if text.chars().count() > MAX_TEXT {
        return Err(refused("ERR_TEXT_LENGTH", "The 'text' parameter must be between 1 and 512 characters"));
    }
    let from = whole_number("from", parameters.from.as_deref(), 0)?;
    let size = reachable(from, whole_number("size", parameters.size.as_deref(), SIZE)?, MAX_SIZE);
    let began = Instant::now();
    let page = run(&state, SearchRequest { text, from, size, now: state.clock.now(), ..SearchRequest::default() }).await?;
    let took = timing(began.elapsed());
    let time = jiff::Timestamp::from_second(state.clock.now()).unwrap_or_default().to_string();
    Ok(Cached(
        CachePolicy::Search,
        (took, Json(NpmSearch { objects: page.hits.into_iter().map(NpmObject::from).collect(), total: page.total, time })),
    ))
}

/// A parameter that is a whole number, or its default when missing or empty.
pub(crate) fn whole_number(name: &str, text: Option<&str>, default: usize) -> Result<usize, Problem> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(default),
        // Larger than any number we know, but a number.
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(text.parse().unwrap_or(usize::MAX)),
        Some(text) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "ERR_QUERY",
            format!("'{name}' must be a whole number, not {:?}", text.chars().take(20).collect::<String>()),
        )),
    }
}
