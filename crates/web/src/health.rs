//! For whoever operates the server.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::AppState;
use crate::cache::{CachePolicy, Cached};
use crate::error::Problem;

/// Whether searches can be answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `filling` while there is no index yet.
    status: &'static str,
    /// The background work under way, in words; empty when there is none.
    step: String,
    /// Bytes or packages done in this step.
    done: u64,
    /// How many there will be, when that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

/// Whether this server is alive: 200 as soon as it answers, also while it still fills, 500 when the database does not answer.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = Health), (status = 500, body = Problem)))]
pub(crate) async fn healthz(State(state): State<AppState>) -> Result<impl IntoResponse, Problem> {
    let status = if state.catalog.is_ready().await? { "ok" } else { "filling" };
    let progress = state.progress.borrow().clone();
    let health = Health { status, step: progress.step, done: progress.done, total: progress.total };
    Ok((StatusCode::OK, Cached(CachePolicy::Never, Json(health))))
}
