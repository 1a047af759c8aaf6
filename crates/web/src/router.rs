//! All addresses on one screen.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::cache::{CachePolicy, Cached};
use crate::charts::Shared;
use crate::error::{Problem, panic_response};
use crate::{AppState, api, assets, cache, charts, downloads, health, images, metrics, npm, openapi, pages};

/// No address takes a body yet.
const MAX_BODY: usize = 64 << 10;
/// No answer takes longer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that is served.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/", get(pages::home_or_search))
        .route("/search", get(pages::home_or_search))
        .route("/about", get(pages::about))
        .route("/badge/{kind}/{*rest}", get(charts::badge))
        .route("/chart", get(pages::chart))
        .route("/chart/downloads.csv", get(charts::csv))
        .route("/chart/downloads.json", get(charts::json))
        .route("/chart/downloads.svg", get(charts::svg))
        .route("/oembed", get(charts::oembed))
        .route("/help/search", get(pages::search_help))
        .route("/compare", get(pages::compare))
        .route("/trends", get(pages::trends_overview))
        .route("/trends/{list}", get(pages::trends))
        .route("/robots.txt", get(robots))
        .route("/llms.txt", get(llms))
        .route("/img/{signature}/{address}", get(images::image))
        .route("/healthz", get(health::healthz))
        .route("/-/ping", get(npm::ping))
        .route("/-/v1/search", get(npm::search))
        .route("/downloads/point/{period}", get(downloads::registry_point))
        .route("/downloads/point/{period}/{*packages}", get(downloads::point))
        .route("/downloads/range/{period}", get(downloads::registry_range))
        .route("/downloads/range/{period}/{*packages}", get(downloads::range))
        .route("/versions/{*name}", get(downloads::versions))
        .route("/api/v1/compare", get(api::compare))
        .route("/api/v1/home", get(api::home))
        .route("/api/v1/packages/{*name}", get(api::package))
        .route("/api/v1/search", get(api::search))
        .route("/api/v1/status", get(api::status))
        .route("/api/v1/suggestions", get(api::suggestions))
        .route("/api/v1/trends/{list}", get(api::trends))
        .route("/api/v1/users/{name}", get(api::user))
        .route("/api/openapi.json", get(openapi::serve))
        // /pkg:NAME, /@USER, /~USER, /@SCOPE/NAME, /package/NAME, /assets/…
        .fallback(by_path)
        .method_not_allowed_fallback(only_read)
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(CatchPanicLayer::custom(panic_response))
        // Inside the tags, so that a 304 says the same as the answer it stands for.
        .layer(map_response(add_headers))
        .layer(from_fn(cache::tag))
        .layer(CompressionLayer::new())
        .layer(from_fn(metrics::measure))
        .layer(
            TraceLayer::new_for_http().make_span_with(
                |request: &Request<_>| tracing::info_span!("request", method = %request.method(), path = request.uri().path()),
            ),
        )
        .with_state(state)
}

/// Addresses that no pattern above describes, and those that do not exist: as a page, or as JSON for programs.
async fn by_path(State(state): State<AppState>, method: Method, version: Version, uri: Uri, headers: HeaderMap) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return only_read().await.into_response();
    }
    let path = uri.path();
    if let Some(asset) = assets::get(path) {
        return asset;
    }
    if ["/api", "/-/", "/badge/", "/chart/", "/downloads/", "/versions/", "/healthz"].iter().any(|start| path.starts_with(start)) {
        return Problem::new(StatusCode::NOT_FOUND, "ERR_NOT_FOUND", "nothing lives at this address; /api/openapi.json lists what does")
            .into_response();
    }
    let state = state.asked_by(version, &headers);
    match pages::by_path(&state, path, uri.query()).await {
        Some(page) => state.kept_private(page),
        None => pages::not_found("It may be mistyped. Packages are at /pkg:NAME, users at /@NAME."),
    }
}

async fn only_read() -> impl IntoResponse {
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "ERR_METHOD", "this address is only read: use GET or HEAD");
    ([(ALLOW, "GET,HEAD")], problem)
}

/// Sorted, filtered and later pages are of no use to search engines.
async fn robots() -> impl IntoResponse {
    Cached(CachePolicy::Program, "User-agent: *\nDisallow: /*?\nDisallow: /api/\nDisallow: /-/\n")
}

/// What there is, for language models and whoever writes programs with them: <https://llmstxt.org>.
async fn llms() -> impl IntoResponse {
    Cached(CachePolicy::Program, include_str!("../assets/llms.txt"))
}

/// What a page may load: our own style, script and images, and nothing else from anywhere.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
/// An image that is opened by itself, above all an SVG, runs nothing and loads nothing.
const IMAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// What every answer says, by what it is.
async fn add_headers(mut response: Response) -> Response {
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_page = media_type.starts_with("text/html");
    let shared = response.extensions().get::<Shared>().map(|shared| shared.0);
    let policy = match media_type {
        _ if shared.is_some() => shared.unwrap_or(DATA_POLICY),
        _ if is_page => PAGE_POLICY,
        _ if media_type.starts_with("image/") => IMAGE_POLICY,
        _ => DATA_POLICY,
    };
    // The data are public, and web pages of others may read them as they read npm's, and show charts and badges; but not what is for one's
    // own use.
    let is_private = response.headers().get(CACHE_CONTROL).is_some_and(|policy| policy.as_bytes().starts_with(b"private"));
    let is_shared = shared.is_some() || media_type.starts_with("application/json") && !is_private;
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", policy),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"),
        ("cross-origin-resource-policy", if is_shared { "cross-origin" } else { "same-origin" }),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if is_shared {
        headers.insert(HeaderName::from_static("access-control-allow-origin"), HeaderValue::from_static("*"));
    }
    response
}
