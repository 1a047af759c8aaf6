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

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
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
    upstream: Upstream,
    /// Package pages as they were sent a moment ago.
    pages: moka::sync::Cache<PageKey, Bytes>,
}

/// A package, a version of it, and whether all versions are listed.
type PageKey = (PackageName, Option<String>, bool);

impl AppState {
    /// `progress` is that of the background work, which also does what `upstream` is asked for.
    #[must_use]
    pub fn new(catalog: Catalog, clock: Clock, progress: watch::Receiver<Progress>, upstream: Upstream) -> Self {
        let pages = moka::sync::Cache::builder()
            .max_capacity(MAX_PAGES)
            .weigher(|_, page: &Bytes| u32::try_from(page.len()).unwrap_or(u32::MAX))
            .time_to_live(PAGE_FOR)
            .build();
        Self { catalog, clock, progress, searches: Arc::new(Semaphore::new(SEARCHES)), upstream, pages }
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
