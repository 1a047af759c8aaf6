//! The description of the API, for programs.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa::OpenApi;

use crate::cache::{CachePolicy, Cached};
use crate::{api, charts, downloads, health, npm};

#[derive(OpenApi)]
#[openapi(
    info(title = "pkgstats", description = "npm packages, searched on a machine of your own."),
    paths(
        charts::json,
        charts::oembed,
        health::healthz,
        npm::ping,
        npm::search,
        downloads::point,
        downloads::range,
        downloads::versions,
        api::compare,
        api::home,
        api::package,
        api::search,
        api::status,
        api::suggestions,
        api::trends,
        api::user
    )
)]
struct Description;

/// The OpenAPI document.
#[must_use]
pub fn openapi_json() -> String {
    Description::openapi().to_pretty_json().unwrap_or_else(|_| "{}".to_owned())
}

pub(crate) async fn serve() -> impl IntoResponse {
    Cached(CachePolicy::Program, ([(CONTENT_TYPE, "application/json")], openapi_json()))
}
