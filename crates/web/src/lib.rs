//! The web server: one router, pages, npm's search API, our own JSON, and what operators ask.
//!
//! Requests read what is stored; nothing here fetches. A page may ask `sync` for a package, a user or an image, and waits for it briefly.

mod api;
mod ask;
mod assets;
mod cache;
mod charts;
mod downloads;
mod error;
mod format;
mod health;
mod images;
mod metrics;
mod npm;
mod openapi;
mod pages;
mod router;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Version};
use axum::response::Response;
use catalog::Catalog;
use model::PackageName;
use sync::{Clock, Progress, Upstream};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

pub use metrics::Metrics;
pub use openapi::openapi_json;
pub use router::router;

/// Searches that may run at a time; more wait, and after a second are refused.
const SEARCHES: usize = 64;
/// Answers about the downloads of many packages that may be made at a time.
const BULKS: usize = 2;

/// Bytes of package pages that are kept, and for how long: a sixth of what a browser may keep them.
const MAX_PAGES: u64 = 192 << 20;
const PAGE_FOR: Duration = Duration::from_secs(10);

/// What the handlers share.
#[derive(Debug, Clone)]
pub struct AppState {
    catalog: Catalog,
    clock: Clock,
    progress: watch::Receiver<Progress>,
    searches: Arc<Semaphore>,
    /// Answers about the downloads of many packages.
    bulks: Arc<Semaphore>,
    upstream: Upstream,
    /// Package pages as they were sent a moment ago.
    pages: moka::sync::Cache<PageKey, Bytes>,
    /// Only people on this machine can ask.
    is_own: bool,
}

/// A package, a version of it, whether all versions are listed, and whether known vulnerabilities are.
type PageKey = (PackageName, Option<String>, bool, bool);

/// What proxies add to requests that they pass on, beside everything that begins with `x-forwarded`.
const PASSED_ON: [&str; 6] = ["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"];

impl AppState {
    /// `progress` is that of the background work, which also does what `upstream` is asked for.
    #[must_use]
    pub fn new(catalog: Catalog, clock: Clock, progress: watch::Receiver<Progress>, upstream: Upstream) -> Self {
        let pages = moka::sync::Cache::builder()
            .max_capacity(MAX_PAGES)
            .weigher(|_, page: &Bytes| u32::try_from(page.len()).unwrap_or(u32::MAX))
            .time_to_live(PAGE_FOR)
            .build();
        Self {
            catalog,
            clock,
            progress,
            searches: Arc::new(Semaphore::new(SEARCHES)),
            bulks: Arc::new(Semaphore::new(BULKS)),
            upstream,
            pages,
            is_own: false,
        }
    }

    /// Says that only people on this machine can ask, as on a loopback listener: they are told of known vulnerabilities, which npm's terms
    /// keep for one's own use.
    #[must_use]
    pub fn for_own_use(self) -> Self {
        Self { is_own: true, ..self }
    }

    /// What whoever sent these headers may read: what a proxy passes on, what was meant for another name, and what the page of another
    /// site asks for, is not our own use.
    fn asked_by(&self, version: Version, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // Some proxies say nothing of themselves but for the version that they speak, which no browser does.
        let is_passed_on = version < Version::HTTP_11
            || headers.keys().any(|name| name.as_str().starts_with("x-forwarded") || PASSED_ON.contains(&name.as_str()));
        let is_of_a_page_elsewhere = headers.contains_key(ORIGIN)
            || text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"))
                && text("sec-fetch-mode") != Some("navigate");
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(|host| host.parse::<Authority>().ok());
        let is_here = host.is_some_and(|host| {
            let name = host.host().trim_start_matches('[').trim_end_matches(']');
            name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        });
        let is_own = self.is_own && is_here && !is_passed_on && !is_of_a_page_elsewhere;
        let catalog = if is_own { self.catalog.for_own_use() } else { self.catalog.clone() };
        Self { catalog, ..self.clone() }
    }

    /// An answer that tells of known vulnerabilities is for nobody else.
    fn kept_private(&self, mut response: Response) -> Response {
        let policy = response.headers().get(CACHE_CONTROL).and_then(|policy| policy.to_str().ok());
        if let Some(rest) = policy.and_then(|policy| policy.strip_prefix("public")).filter(|_| self.catalog.tells_advisories())
            && let Ok(policy) = HeaderValue::from_str(&format!("private{rest}"))
        {
            response.headers_mut().insert(CACHE_CONTROL, policy);
        }
        response
    }
}

/// Answers on a listener until `stop` completes, then finishes the requests that are open.
pub async fn serve(listener: TcpListener, state: AppState, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    axum::serve(listener, router(state)).with_graceful_shutdown(stop).await
}

/// Answers `/metrics` on a listener of its own until `stop` completes.
pub async fn serve_metrics(
    listener: TcpListener,
    state: AppState,
    metrics: Metrics,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, metrics::router(state, metrics)).with_graceful_shutdown(stop).await
}
