//! Counters and a histogram of the `metrics` crate, from what a client does. A recorder that prints stands for an exporter, and a canned
//! answer for the server, so that it runs by itself.

use std::sync::Arc;

use bytes::Bytes;
use client_credentials::{Attempt, BoxFuture, Client, Error, Event, HttpClient, Limits, Observer, TransportError};
use metrics::{Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// This is all that a program needs.
struct Metrics;

impl Observer for Metrics {
    fn attempt(&self, attempt: &Attempt) {
        let status = attempt.status.map_or_else(String::new, |status| status.as_u16().to_string());
        let error = attempt.failure.as_ref().map_or("", |failure| failure.kind.name());
        let labels = [("server_address", attempt.host.clone()), ("http_response_status_code", status), ("error_type", error.to_owned())];
        metrics::histogram!("http_client_request_duration_seconds", &labels).record(attempt.duration.as_secs_f64());
    }

    fn event(&self, event: &Event) {
        metrics::counter!("client_credentials_events_total", "event" => event.name()).increment(1);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // In a program: metrics_exporter_prometheus::PrometheusBuilder::new().install().
    let _ = metrics::set_global_recorder(Printer);
    let client = Client::builder("https://auth.example/token", "my-id", "my-secret").http_client(Canned).observer(Metrics).build()?;
    client.authorize().await?;
    client.refresh().await?;
    client.sign_out();
    Ok(())
}

struct Canned;

impl HttpClient for Canned {
    fn send(&self, _request: http::Request<Bytes>, _limits: Limits) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let body = r#"{"access_token":"t-1","token_type":"Bearer","expires_in":3600}"#;
        Box::pin(async move { Ok(http::Response::new(Bytes::from_static(body.as_bytes()))) })
    }
}

struct Printer;

/// One line for each change.
struct Line(Key);

impl CounterFn for Line {
    #[allow(clippy::print_stdout, reason = "an example shows what it does")]
    fn increment(&self, value: u64) {
        println!("{} +{value}", self.0);
    }

    fn absolute(&self, _value: u64) {}
}

impl HistogramFn for Line {
    #[allow(clippy::print_stdout, reason = "an example shows what it does")]
    fn record(&self, value: f64) {
        println!("{} {value:.3}", self.0);
    }
}

impl Recorder for Printer {
    fn describe_counter(&self, _name: KeyName, _unit: Option<Unit>, _text: SharedString) {}
    fn describe_gauge(&self, _name: KeyName, _unit: Option<Unit>, _text: SharedString) {}
    fn describe_histogram(&self, _name: KeyName, _unit: Option<Unit>, _text: SharedString) {}

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Line(key.clone())))
    }

    fn register_gauge(&self, _key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Line(key.clone())))
    }
}
