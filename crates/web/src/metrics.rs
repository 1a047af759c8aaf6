//! Numbers for whoever operates the server, in the form that Prometheus reads, on a listener of their own.

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::AppState;
use crate::cache::{CachePolicy, Cached};
use crate::error::Problem;

const REQUESTS: &str = "pkgstats_http_requests_total";
const SECONDS: &str = "pkgstats_http_request_seconds";
/// Upper bounds of the histogram of request times.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0];

/// Collects numbers for the whole process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Starts collecting. Can be done once in a process.
    pub fn install() -> Result<Self, String> {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(SECONDS.to_owned()), &BUCKETS)
            .map_err(|error| error.to_string())?;
        let handle = builder.install_recorder().map_err(|error| error.to_string())?;
        metrics::describe_counter!(REQUESTS, "Requests answered, by kind of address and status.");
        metrics::describe_histogram!(SECONDS, "Seconds until a request was answered, by kind of address.");
        Ok(Self(handle))
    }
}

pub(crate) fn router(state: AppState, metrics: Metrics) -> Router {
    Router::new().route("/metrics", get(show)).with_state((state, metrics))
}

async fn show(State((state, metrics)): State<(AppState, Metrics)>) -> Result<Response, Problem> {
    let status = state.catalog.status().await?;
    metrics::gauge!("pkgstats_packages").set(status.packages as f64);
    metrics::gauge!("pkgstats_packages_indexed").set(status.indexed.unwrap_or(0) as f64);
    metrics::gauge!("pkgstats_packages_with_details").set(status.details as f64);
    metrics::gauge!("pkgstats_index_behind_changes").set(status.behind as f64);
    let text = metrics.0.render();
    Ok(Cached(CachePolicy::Never, ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)).into_response())
}

/// Counts and times a request.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let kind = kind(&request);
    let response = next.run(request).await;
    metrics::counter!(REQUESTS, "address" => kind.clone(), "status" => response.status().as_str().to_owned()).increment(1);
    metrics::histogram!(SECONDS, "address" => kind).record(began.elapsed());
    response
}

/// The pattern of the address; what is asked for stands in no label, or there would be millions.
fn kind(request: &Request) -> String {
    if let Some(pattern) = request.extensions().get::<MatchedPath>() {
        return pattern.as_str().to_owned();
    }
    let path = request.uri().path();
    let known = [("/pkg:", "/pkg:NAME"), ("/@", "/@USER"), ("/~", "/~USER"), ("/package/", "/package/NAME"), ("/assets/", "/assets/NAME")];
    known.iter().find(|(start, _)| path.starts_with(start)).map_or("other", |(_, kind)| kind).to_owned()
}
