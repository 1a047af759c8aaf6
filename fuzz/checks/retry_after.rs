//! What holds when a server says 429 with any `Retry-After`, a header a line.

use std::time::Duration;

use bytes::Bytes;
use client_credentials::{Clock, Cooldown, ErrorKind, Retry};
use http::header::{HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use super::canned::World;

/// More is not believed.
const HOUR: Duration = Duration::from_secs(3_600);

/// Asks twice, and again when the time has come.
pub(crate) fn check(bytes: &[u8]) {
    let values: Vec<HeaderValue> =
        bytes.split(|byte| *byte == b'\n').take(10).filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let headers = values.clone();
    let world = World::new(move |_| {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        for value in &headers {
            response.headers_mut().append(RETRY_AFTER, value.clone());
        }
        response
    });
    let client = world.builder().build().expect("a client");
    let began = world.now().wall;
    let error = world.run(client.token()).expect_err("429");
    let now = world.now().wall;
    assert_eq!((error.kind(), error.status()), (ErrorKind::Http, Some(StatusCode::TOO_MANY_REQUESTS)));
    assert!(error.is_retryable() && (1..=3).contains(&world.requests()));
    assert!(now.duration_since(began).expect("time goes on") <= Duration::from_secs(30), "the deadline holds");

    let cooldown = Cooldown::default();
    let retry_at = error.retry_at().expect("it may be tried again");
    let wait = retry_at.duration_since(now).expect("not earlier than now");
    assert!(wait <= HOUR + cooldown.transient, "{wait:?}");
    if let Some(seconds) = values.first().and_then(seconds) {
        let asked = Duration::from_secs(seconds).min(HOUR);
        assert!(wait >= asked && wait <= asked.max(cooldown.transient), "{asked:?} was asked for, {wait:?} it is");
        // What does not fit into the deadline is not waited for while somebody waits.
        let fits = asked < Duration::from_secs(30);
        assert_eq!(world.requests() > 1, fits, "{asked:?}");
        assert!(!fits || now.duration_since(began).expect("time goes on") >= asked, "{asked:?}");
    }

    // Nothing is sent before that, and then it is.
    let before = world.requests();
    world.advance(wait.saturating_sub(Duration::from_millis(1)));
    let again = world.run(client.token()).expect_err("remembered");
    assert!(again.is_remembered() && again.retry_at() == Some(retry_at) && world.requests() == before);
    world.advance(Duration::from_millis(1));
    assert!(!world.run(client.token()).expect_err("429").is_remembered());
    assert!(world.requests() > before && world.requests() <= before + 1 + Retry::default().retries);
}

/// The form of RFC 9110, section 10.2.3, that has digits alone.
fn seconds(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}
