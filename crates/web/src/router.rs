//! All addresses on one screen.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Request, StatusCode};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::error::{Problem, panic_response};
use crate::{AppState, api, health, home, npm, openapi};

/// No address takes a body yet.
const MAX_BODY: usize = 64 << 10;
/// No answer takes longer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that is served.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/", get(home::home))
        .route("/healthz", get(health::healthz))
        .route("/-/ping", get(npm::ping))
        .route("/-/v1/search", get(npm::search))
        .route("/api/v1/search", get(api::search))
        .route("/api/v1/status", get(api::status))
        .route("/api/openapi.json", get(openapi::serve))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "ERR_NOT_FOUND", "nothing lives at this address; / lists what does") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "ERR_METHOD", "this address is only read: use GET or HEAD")
        })
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(CatchPanicLayer::custom(panic_response))
        .layer(map_response(add_headers))
        .layer(
            TraceLayer::new_for_http().make_span_with(
                |request: &Request<_>| tracing::info_span!("request", method = %request.method(), path = request.uri().path()),
            ),
        )
        .with_state(state)
}

/// What every answer says.
async fn add_headers(mut response: Response) -> Response {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        // The answers are public, and web pages of others may read them as they read npm's.
        ("access-control-allow-origin", "*"),
    ] {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
