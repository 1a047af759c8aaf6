//! What observers and spans tell.

use std::sync::{Arc, Mutex};

use client_credentials::{Attempt, BodyFormat, ErrorKind, Event, Observer};

use crate::support::{Does, World, json, refuses, token};

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn attempt(&self, attempt: &Attempt) {
        let format = if attempt.format == BodyFormat::Json { "json" } else { "form" };
        let failure = attempt.failure.as_ref().map(|failure| (failure.kind.name(), failure.code.as_deref().unwrap_or("-")));
        let status = attempt.status.map(|status| status.as_u16());
        let (number, host, method) = (attempt.number, &attempt.host, attempt.method);
        self.0.lock().unwrap().push(format!("{number} {host} {method} {format} {status:?} {failure:?}"));
    }

    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.name().to_owned());
    }
}

impl Told {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn attempts_and_events_in_their_order() {
    let world =
        World::new([refuses(400, "invalid_request"), Does::Fails(client_credentials::TransportErrorKind::Timeout), token("t-1", 3600)]);
    let told = Told::default();
    let client = world.builder().observer(told.clone()).build().unwrap();
    world.run(client.authorize()).unwrap();
    assert_eq!(
        told.take(),
        [
            r#"1 auth.example client_secret_post json Some(400) Some(("oauth", "invalid_request"))"#,
            r#"2 auth.example client_secret_post form None Some(("transport", "-"))"#,
            "3 auth.example client_secret_post form Some(200) None",
            "fetched",
        ]
    );
    // From memory: nothing happens.
    world.run(client.authorize()).unwrap();
    assert_eq!(told.take(), [""; 0]);
    world.run(client.refresh()).unwrap();
    client.sign_out();
    assert_eq!(told.take(), ["1 auth.example client_secret_post form Some(200) None", "refreshed", "signed_out"]);
}

#[test]
fn a_success_that_is_none_is_told_with_its_status() {
    let world = World::new([json(200, "{}")]);
    let told = Told::default();
    let client = world.builder().observer(told.clone()).body_format(BodyFormat::Form).build().unwrap();
    world.run(client.authorize()).unwrap_err();
    assert_eq!(told.take(), [r#"1 auth.example client_secret_post form Some(200) Some(("invalid_response", "-"))"#, "failed"]);
}

#[test]
fn a_panic_of_an_observer_costs_nobody_their_token() {
    struct Panics;
    impl Observer for Panics {
        fn attempt(&self, _attempt: &Attempt) {
            panic!("as the test wants it");
        }

        fn event(&self, _event: &Event) {
            panic!("as the test wants it");
        }
    }
    let world = World::new([token("t-1", 3600)]);
    let client = world.builder().observer(Panics).build().unwrap();
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-1");
    client.sign_out();
    assert!(!client.authorized());
}

#[test]
fn names_of_kinds_are_labels() {
    for (kind, name) in [(ErrorKind::OAuth, "oauth"), (ErrorKind::InvalidResponse, "invalid_response"), (ErrorKind::Http, "http")] {
        assert_eq!(kind.name(), name);
    }
}

#[cfg(feature = "tracing")]
mod spans {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    use super::{Arc, Mutex, World, refuses, token};

    type Recorded = BTreeMap<String, String>;

    /// The fields of spans: of those that are open, by their numbers, and of those that have ended.
    #[derive(Clone, Default)]
    struct Spans(Arc<Mutex<OpenAndEnded>>);

    type OpenAndEnded = (BTreeMap<u64, Recorded>, Vec<Recorded>);

    struct Fields<'a>(&'a mut Recorded);

    impl Visit for Fields<'_> {
        fn record_str(&mut self, field: &Field, value: &str) {
            self.0.insert(field.name().to_owned(), value.to_owned());
        }

        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.insert(field.name().to_owned(), format!("{value:?}"));
        }
    }

    impl<S: tracing::Subscriber> Layer<S> for Spans {
        fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _context: Context<'_, S>) {
            let mut spans = self.0.lock().unwrap();
            let fields = spans.0.entry(id.into_u64()).or_default();
            fields.insert("span".to_owned(), attributes.metadata().name().to_owned());
            attributes.record(&mut Fields(fields));
        }

        fn on_record(&self, id: &Id, values: &Record<'_>, _context: Context<'_, S>) {
            values.record(&mut Fields(self.0.lock().unwrap().0.entry(id.into_u64()).or_default()));
        }

        fn on_close(&self, id: Id, _context: Context<'_, S>) {
            let mut spans = self.0.lock().unwrap();
            let ended = spans.0.remove(&id.into_u64());
            spans.1.extend(ended);
        }
    }

    #[test]
    fn have_the_names_of_opentelemetry() {
        let spans = Spans::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(spans.clone()), || {
            let world = World::new([refuses(400, "invalid_request"), token("t-1", 3600)]);
            let client = world.client();
            // The caller's own span, with fields of the same names, stays as it is.
            let own = tracing::debug_span!("own", otel.status_code = tracing::field::Empty, attempts = tracing::field::Empty);
            own.in_scope(|| world.run(client.authorize())).unwrap();
        });
        let spans = &spans.0.lock().unwrap().1;
        let named = |name: &str| -> Vec<_> { spans.iter().filter(|fields| fields["span"] == name).collect() };
        let has = |fields: &Recorded, expected: &[(&str, &str)]| {
            for (name, value) in expected {
                assert_eq!(fields.get(*name).map(String::as_str), Some(*value), "{name} in {fields:?}");
            }
        };
        let mut attempts = named("token_request_attempt");
        attempts.sort_by_key(|fields| fields.get("http.request.resend_count").cloned());
        assert_eq!(attempts.len(), 2, "{spans:?}");
        let common = [
            ("otel.name", "POST"),
            ("otel.kind", "client"),
            ("http.request.method", "POST"),
            ("server.address", "auth.example"),
            ("server.port", "443"),
        ];
        has(attempts[0], &common);
        has(attempts[0], &[("http.response.status_code", "400"), ("error.type", "400"), ("otel.status_code", "ERROR")]);
        has(attempts[1], &common);
        has(attempts[1], &[("http.request.resend_count", "1"), ("http.response.status_code", "200")]);
        assert!(!attempts[1].contains_key("error.type") && !attempts[1].contains_key("otel.status_code"));
        let flights = named("token_request");
        assert_eq!(flights.len(), 1);
        has(flights[0], &[("endpoint", "auth.example"), ("background", "false"), ("attempts", "2")]);
        assert_eq!(named("own")[0].len(), 1, "{spans:?}");
        assert!(!format!("{spans:?}").contains("my-secret") && !format!("{spans:?}").contains("t-1"));
    }
}
