//! Our own JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use catalog::{SearchPage, SearchRequest, Status};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::AppState;
use crate::cache::{CachePolicy, Cached};
use crate::error::Problem;
use crate::npm::whole_number;

/// Hits on a page unless asked otherwise, and the most that can be asked for.
const SIZE: usize = 20;
const MAX_SIZE: usize = 250;

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
}

/// Searches packages.
#[utoipa::path(get, path = "/api/v1/search", params(SearchParameters),
    responses((status = 200, body = SearchPage), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn search(
    State(state): State<AppState>,
    parameters: Result<Query<SearchParameters>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(parameters) = parameters.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "ERR_QUERY", error.body_text()))?;
    let request = SearchRequest {
        text: parameters.q.unwrap_or_default(),
        from: whole_number("from", parameters.from.as_deref(), 0)?,
        size: whole_number("size", parameters.size.as_deref(), SIZE)?.min(MAX_SIZE),
    };
    let page = run(&state, request).await?;
    Ok(Cached(CachePolicy::Search, Json(page)))
}

/// Searches, when not too many do. A search that nobody waits for any more still holds its place until it has ended.
pub(crate) async fn run(state: &AppState, request: SearchRequest) -> Result<SearchPage, Problem> {
    let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ERR_BUSY", "too many searches at a time; ask again in two seconds");
    let place = tokio::time::timeout(std::time::Duration::from_secs(1), Arc::clone(&state.searches).acquire_owned()).await;
    let place = place.map_err(|_| busy())?.map_err(|_| busy())?;
    let catalog = state.catalog.clone();
    let search = tokio::spawn(async move {
        let _place = place;
        catalog.search(&request).await
    });
    Ok(search.await.map_err(|_| catalog::Error::Task)??)
}

/// What is stored, and from when.
#[utoipa::path(get, path = "/api/v1/status", responses((status = 200, body = Status)))]
pub(crate) async fn status(State(state): State<AppState>) -> Result<impl IntoResponse, Problem> {
    Ok(Cached(CachePolicy::Never, Json(state.catalog.status().await?)))
}
