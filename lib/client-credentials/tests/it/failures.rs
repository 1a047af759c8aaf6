//! What is tried again, what is remembered, and for how long.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use client_credentials::{
    BodyFormat, BoxFuture, Clock, Cooldown, ErrorKind, Retry, Secret, SecretProvider, SecretSource, TransportErrorKind,
};
use http::StatusCode;

use crate::support::{Does, World, json, poll, refuses, token};

const SECOND: Duration = Duration::from_secs(1);

/// What one failure leads to: its kind, requests of the first call, and seconds of the cool-down.
#[track_caller]
fn check(does: Does, kind: ErrorKind, requests: usize, cooldown: std::ops::RangeInclusive<u64>) {
    let world = World::new([does]);
    let client = world.builder().body_format(BodyFormat::Form).build().unwrap();
    let error = world.run(client.token()).unwrap_err();
    assert_eq!((error.kind(), world.server.requests()), (kind, requests), "{error}");
    assert_eq!(error.attempts() as usize, requests);
    let now = world.clock.now().wall;
    let left = error.retry_at().unwrap().duration_since(now).unwrap();
    let (shortest, longest) = (Duration::from_secs(*cooldown.start()), Duration::from_secs(*cooldown.end()));
    assert!((shortest * 3 / 4..=longest).contains(&left), "{left:?}: {error}");
    assert_eq!(client.status().cooling_until, error.retry_at());
    // Nobody asks before that, and somebody does then.
    world.clock.advance(left - Duration::from_millis(1));
    let remembered = world.run(client.token()).unwrap_err();
    assert!(remembered.is_remembered() && remembered.retry_at() == error.retry_at());
    assert_eq!(world.server.requests(), requests);
    world.clock.advance(Duration::from_millis(1));
    assert!(!world.run(client.token()).unwrap_err().is_remembered());
}

#[test]
fn failures_are_told_apart() {
    for status in [408, 425, 429, 500, 502, 503, 504, 599] {
        check(json(status, ""), ErrorKind::Http, 3, 1..=1);
        // A gateway may echo anything.
        check(refuses(status, "invalid_client"), ErrorKind::Http, 3, 1..=1);
    }
    for status in [501, 505] {
        check(json(status, ""), ErrorKind::Http, 1, 300..=300);
    }
    for status in [400, 401, 403, 404, 405] {
        check(json(status, "<html>no</html>"), ErrorKind::Http, 2, 30..=30);
    }
    for status in [402, 406, 410, 413, 415, 422] {
        check(json(status, ""), ErrorKind::Http, 1, 30..=30);
    }
    for code in ["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_grant"] {
        check(refuses(400, code), ErrorKind::OAuth, 1, 60..=60);
        check(refuses(200, code), ErrorKind::OAuth, 1, 60..=60);
    }
    for code in ["invalid_scope", "invalid_target", "invalid_request", "access_denied", "something_else"] {
        check(refuses(400, code), ErrorKind::OAuth, 1, 5..=5);
    }
    for code in ["temporarily_unavailable", "slow_down", "server_error"] {
        check(refuses(400, code), ErrorKind::OAuth, 3, 1..=1);
    }
    for kind in [TransportErrorKind::Connect, TransportErrorKind::Timeout, TransportErrorKind::Interrupted] {
        check(Does::Fails(kind), ErrorKind::Transport, 3, 1..=1);
    }
    for kind in [TransportErrorKind::Tls, TransportErrorKind::Other] {
        check(Does::Fails(kind), ErrorKind::Transport, 1, 30..=30);
    }
    check(Does::Fails(TransportErrorKind::Redirect), ErrorKind::Transport, 1, 300..=300);
    check(Does::Fails(TransportErrorKind::TooLarge), ErrorKind::InvalidResponse, 1, 300..=300);
    for status in [301, 302, 303, 307, 308] {
        check(json(status, ""), ErrorKind::Transport, 1, 300..=300);
    }
    for body in ["", "null", "[]", "{", "<html>", "{}", r#"{"access_token":""}"#, r#"{"access_token":7}"#, r#"{"access_token":"a b"}"#] {
        check(json(200, body), ErrorKind::InvalidResponse, 1, 5..=5);
    }
    check(json(201, r#"{"access_token":"t","token_type":"Bearer"}"#), ErrorKind::InvalidResponse, 1, 5..=5);
    check(json(200, r#"{"access_token":"t","token_type":"mac"}"#), ErrorKind::UnsupportedTokenType, 1, 300..=300);
    check(json(200, r#"{"access_token":"t","access_token":"u"}"#), ErrorKind::InvalidResponse, 1, 5..=5);
    // Words of web frameworks are not codes of OAuth.
    for status in [400, 401, 404] {
        check(refuses(status, "Bad Request"), ErrorKind::Http, 2, 30..=30);
    }
    check(refuses(404, "not_found"), ErrorKind::Http, 2, 30..=30);
    // An error beside a token is an error.
    check(json(200, r#"{"access_token":"t","error":"invalid_scope"}"#), ErrorKind::OAuth, 1, 5..=5);
}

#[test]
fn cool_downs_grow_with_every_failure() {
    let check = |does: Does, expected: &[u64]| {
        let world = World::new([does]);
        let client = world.builder().body_format(BodyFormat::Json).retry(Retry::none()).build().unwrap();
        for &seconds in expected {
            let error = world.run(client.token()).unwrap_err();
            let left = error.retry_at().unwrap().duration_since(world.clock.now().wall).unwrap();
            let longest = Duration::from_secs(seconds);
            assert!((longest * 3 / 4..=longest).contains(&left), "{left:?} of {longest:?}");
            world.clock.advance(left);
        }
        world.server.then([token("t-1", 60), json(503, "")]);
        world.run(client.token()).unwrap();
        world.clock.advance(60 * SECOND);
        let error = world.run(client.token()).unwrap_err();
        let left = error.retry_at().unwrap().duration_since(world.clock.now().wall).unwrap();
        assert!(left <= SECOND, "a success ends the story: {left:?}");
    };
    check(json(503, ""), &[1, 2, 4, 8, 16, 32, 60, 60]);
    check(refuses(401, "invalid_client"), &[60, 120, 240, 480, 900, 900]);
}

#[test]
fn retry_after_is_kept_in_both_forms() {
    let check = |value: &str, seconds: Option<u64>| {
        let headers = vec![("retry-after", value.to_owned())];
        let world = World::new([Does::Answers(StatusCode::TOO_MANY_REQUESTS, headers, String::new())]);
        let client = world.client();
        let error = world.run(client.token()).unwrap_err();
        let left = error.retry_at().unwrap().duration_since(world.clock.now().wall).unwrap();
        match seconds {
            Some(seconds) => assert_eq!((left.as_secs(), world.server.requests()), (seconds, 1), "{value}"),
            None => assert!(left <= SECOND && world.server.requests() == 3, "{value}: {left:?}"),
        }
    };
    check("120", Some(120));
    check("Thu, 01 Jan 2026 00:02:00 GMT", Some(120));
    check("99999999999999999999999", Some(3600));
    check("Fri, 01 Jan 2100 00:00:00 GMT", Some(3600));
    for nothing in ["Thu, 01 Jan 2015 00:00:00 GMT", "0", "soon", "", "-5", "1.5"] {
        check(nothing, None);
    }
    // A short one is the pause before the next attempt.
    let headers = vec![("retry-after", "7".to_owned())];
    let world = World::new([Does::Answers(StatusCode::SERVICE_UNAVAILABLE, headers, String::new()), token("t-1", 3600)]);
    let before = world.clock.now().monotonic;
    world.run(world.client().token()).unwrap();
    // And the drawn one besides, so that not all come back in the same moment.
    let taken = world.clock.now().monotonic - before;
    assert!((7 * SECOND..=7 * SECOND + Duration::from_millis(200)).contains(&taken), "{taken:?}");
}

#[test]
fn one_deadline_is_over_everything() {
    let world = World::new([Does::Waits]);
    let client = world.builder().deadline(25 * SECOND).retry(Retry::default().retries(10)).build().unwrap();
    let before = world.clock.now().monotonic;
    let error = world.run(client.token()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.is_retryable());
    assert_eq!(world.clock.now().monotonic - before, 25 * SECOND);
    assert!(world.server.requests() >= 3);
    assert_eq!(world.server.under_way(), 0);
}

#[test]
fn a_slow_attempt_leaves_time_for_another() {
    let world = World::new([Does::Waits, token("t-1", 3600)]);
    let before = world.clock.now().monotonic;
    assert_eq!(world.run(world.client().token()).unwrap().access_token(), "t-1");
    let taken = world.clock.now().monotonic - before;
    assert!((10 * SECOND..11 * SECOND).contains(&taken), "{taken:?}");
}

#[test]
fn memory_can_be_switched_off_or_emptied() {
    let world = World::new([json(503, "")]);
    let client = world.builder().cooldown(Cooldown::off()).retry(Retry::none()).build().unwrap();
    for requests in 1..=3 {
        let error = world.run(client.token()).unwrap_err();
        assert!(!error.is_remembered() && error.retry_at().is_none());
        assert_eq!(world.server.requests(), requests);
    }
    let world = World::new([refuses(400, "unauthorized_client"), token("t-1", 3600)]);
    let client = world.client();
    world.run(client.token()).unwrap_err();
    client.sign_out();
    assert!(client.error().is_none());
    assert!(world.run(client.token()).unwrap_err().is_remembered(), "signing out does not empty it");
    client.reset();
    world.run(client.token()).unwrap();
}

struct Vault(Mutex<Vec<&'static str>>);

impl SecretProvider for Vault {
    fn secret(&self) -> BoxFuture<'_, Result<Secret, String>> {
        let secret = *self.0.lock().unwrap().last().unwrap();
        Box::pin(async move { if secret.is_empty() { Err("the vault is sealed".to_owned()) } else { Ok(secret.into()) } })
    }
}

#[test]
fn a_changed_secret_ends_the_memory_of_a_refused_client() {
    let vault = Arc::new(Vault(Mutex::new(vec!["old"])));
    let world = World::new([refuses(401, "invalid_client"), refuses(401, "invalid_client"), token("t-1", 60), token("t-2", 60)]);
    let source = SecretSource::provider(Arc::clone(&vault));
    let client = client_credentials::Client::builder("https://auth.example/token", "my-id", source)
        .http_client(world.server.clone())
        .clock(world.clock.clone())
        .build()
        .unwrap();
    world.run(client.token()).unwrap_err();
    for _ in 0..20 {
        world.clock.advance(SECOND);
        let error = world.run(client.token()).unwrap_err();
        assert!(error.is_remembered() && error.oauth().unwrap().code() == "invalid_client", "{error}");
    }
    assert_eq!(world.server.requests(), 2, "the same secret is not tried again");
    vault.0.lock().unwrap().push("new");
    assert!(world.run(client.token()).unwrap_err().is_remembered(), "it is looked at once a second");
    world.clock.advance(SECOND);
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-1");
    assert!(world.server.bodies()[2].contains("new"));
    // Read anew for every request.
    vault.0.lock().unwrap().push("newer");
    world.clock.advance(60 * SECOND);
    world.run(client.token()).unwrap();
    assert!(world.server.bodies()[3].contains("newer"));
    vault.0.lock().unwrap().push("");
    world.clock.advance(60 * SECOND);
    let error = world.run(client.token()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Secret);
    assert!(error.to_string().contains("the vault is sealed"), "{error}");
}

#[test]
fn secrets_come_from_files_and_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let world = World::new([token("t-1", 60)]);
    let build = |source: SecretSource| {
        client_credentials::Client::builder("https://auth.example/token", "my-id", source)
            .http_client(world.server.clone())
            .clock(world.clock.clone())
            .build()
            .unwrap()
    };
    let client = build(SecretSource::file(&path));
    let error = world.run(client.token()).unwrap_err();
    assert!(error.kind() == ErrorKind::Secret && error.to_string().contains(&path.display().to_string()), "{error}");
    for (text, secret) in [("one\n", "one"), ("two\r\n", "two"), ("three", "three"), (" four \n", " four ")] {
        std::fs::write(&path, text).unwrap();
        client.reset();
        world.run(client.refresh()).unwrap();
        assert!(world.server.bodies().last().unwrap().contains(&format!(r#""client_secret":"{secret}""#)));
    }
    for text in ["", "\n", "two\nlines\n"] {
        std::fs::write(&path, text).unwrap();
        client.reset();
        assert_eq!(world.run(client.refresh()).unwrap_err().kind(), ErrorKind::Secret, "{text:?}");
    }
    // Cargo sets this for every test.
    let client = build(SecretSource::environment("CARGO_PKG_NAME"));
    world.run(client.token()).unwrap();
    assert!(world.server.bodies().last().unwrap().contains(r#""client_secret":"client-credentials""#));
    let client = build(SecretSource::environment("NO_SUCH_VARIABLE_HERE"));
    let error = world.run(client.token()).unwrap_err();
    assert!(error.to_string().contains("NO_SUCH_VARIABLE_HERE"), "{error}");
}

#[test]
fn a_caller_who_waits_in_the_background_flight_gets_the_stale_token() {
    let world = World::new([token("t-1", 60), Does::Waits]);
    let client = world.client();
    world.run(client.token()).unwrap();
    world.clock.advance(33 * SECOND);
    world.run(client.token()).unwrap();
    world.tasks.run();
    world.clock.advance(8 * SECOND);
    let mut call = Box::pin(client.token());
    assert!(poll(&mut call).is_pending());
    world.server.release(json(503, ""));
    assert_eq!(world.run(call).unwrap().access_token(), "t-1");
    assert_eq!(world.server.requests(), 3, "now that somebody waits it is tried again");
}

#[test]
fn a_source_of_ever_new_secrets_is_no_way_around_the_memory() {
    struct Random(Mutex<u32>);
    impl SecretProvider for Random {
        fn secret(&self) -> BoxFuture<'_, Result<Secret, String>> {
            let mut count = self.0.lock().unwrap();
            *count += 1;
            let secret = format!("s-{count}");
            Box::pin(async move { Ok(secret.into()) })
        }
    }
    let world = World::new([refuses(401, "invalid_client")]);
    let source = SecretSource::provider(Random(Mutex::new(0)));
    let client = client_credentials::Client::builder("https://auth.example/token", "my-id", source)
        .body_format(BodyFormat::Form)
        .http_client(world.server.clone())
        .clock(world.clock.clone())
        .build()
        .unwrap();
    for _ in 0..600 {
        world.run(client.token()).unwrap_err();
        world.clock.advance(SECOND);
    }
    assert!(world.server.requests() <= 11, "{} requests in ten minutes", world.server.requests());
}

#[test]
fn many_tokens_see_one_outage() {
    let world = World::new([Does::Waits]);
    let client = world.builder().retry(Retry::none()).build().unwrap();
    let handles: Vec<_> =
        (0..10).map(|index| client.for_request(client_credentials::TokenRequest::new().scope(format!("s{index}"))).unwrap()).collect();
    let mut calls: Vec<_> = handles.iter().map(|handle| Box::pin(handle.token())).collect();
    for call in &mut calls {
        assert!(poll(call).is_pending());
    }
    assert_eq!(world.server.requests(), 10);
    for call in calls {
        world.server.release(json(503, ""));
        let error = world.run(call).unwrap_err();
        let left = error.retry_at().unwrap().duration_since(world.clock.now().wall).unwrap();
        assert!(left <= SECOND, "one outage, not ten: {left:?}");
    }
    // One of them tries when the time has come; the others hear of it.
    world.clock.advance(SECOND);
    world.server.then([json(503, "")]);
    for handle in &handles {
        world.run(handle.token()).unwrap_err();
    }
    assert_eq!(world.server.requests(), 11);
    world.clock.advance(2 * SECOND);
    world.server.then([token("t", 3600)]);
    for handle in &handles {
        world.run(handle.token()).unwrap();
    }
}

#[test]
fn a_long_latch_is_not_shortened_by_a_passing_failure() {
    let world = World::new([Does::Waits]);
    let client = world.builder().retry(Retry::none()).body_format(BodyFormat::Form).build().unwrap();
    let other = client.for_request(client_credentials::TokenRequest::new().scope("other")).unwrap();
    let (mut first, mut second) = (Box::pin(client.token()), Box::pin(other.token()));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    world.server.release(refuses(401, "invalid_client"));
    world.run(first).unwrap_err();
    world.server.release(json(503, ""));
    world.run(second).unwrap_err();
    world.clock.advance(50 * SECOND);
    assert_eq!(world.run(client.token()).unwrap_err().oauth().unwrap().code(), "invalid_client");
    assert_eq!(world.server.requests(), 2);
    // Nor is a refused client counted on from failures of another kind.
    let world = World::new([json(503, "")]);
    let client = world.builder().retry(Retry::none()).body_format(BodyFormat::Form).build().unwrap();
    for _ in 0..6 {
        world.run(client.token()).unwrap_err();
        world.clock.advance(60 * SECOND);
    }
    world.server.then([refuses(401, "invalid_client")]);
    let error = world.run(client.token()).unwrap_err();
    assert_eq!(error.retry_at().unwrap().duration_since(world.clock.now().wall).unwrap(), 60 * SECOND);
}

#[test]
fn the_error_fields_tell_what_a_caller_was_told() {
    let world = World::new([refuses(401, "invalid_client")]);
    let client = world.client();
    let other = client.for_request(client_credentials::TokenRequest::new().scope("other")).unwrap();
    world.run(client.token()).unwrap_err();
    world.run(other.token()).unwrap_err();
    assert_eq!(other.error().as_deref(), Some("invalid_client"));
    client.sign_out();
    assert_eq!(client.error(), None);
    world.run(client.token()).unwrap_err();
    assert_eq!(client.error().as_deref(), Some("invalid_client"));
    // The words of a gateway are not the server's.
    let world = World::new([refuses(503, "invalid_client")]);
    let client = world.client();
    let error = world.run(client.token()).unwrap_err();
    assert!(error.oauth().is_none() && client.error().is_none() && !error.to_string().contains("Check the client"), "{error}");
}

#[test]
fn an_endless_cool_down_is_endless() {
    let mut cooldown = Cooldown::default();
    cooldown.short = Duration::MAX;
    let world = World::new([refuses(400, "invalid_scope")]);
    let client = world.builder().cooldown(cooldown).build().unwrap();
    for _ in 0..5 {
        world.run(client.token()).unwrap_err();
        world.clock.advance(3600 * SECOND);
    }
    assert_eq!(world.server.requests(), 1);
}

#[test]
fn an_echoed_secret_is_struck_out_however_it_is_written() {
    let secret = r#"s3cr&t<"abc'+/\=%20ü"#.replace('ü', "u");
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&#34;").replace('\'', "&#x27;");
    let percent = secret.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
    let json_text = secret.replace('\\', "\\\\").replace('"', "\\\"").replace('/', "\\/");
    let twice = html.replace('&', "&amp;");
    for echo in [secret.clone(), html, percent, json_text, twice, secret[..12].to_owned()] {
        let world = World::new([json(403, &format!("<p>you sent {echo}</p>"))]);
        let client = client_credentials::Client::builder("https://auth.example/token", "my-id", secret.clone())
            .http_client(world.server.clone())
            .clock(world.clock.clone())
            .build()
            .unwrap();
        let error = world.run(client.token()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(&echo) && !shown.contains(&secret[..8]), "{shown}");
    }
    // Nor is what may be a token.
    let world = World::new([json(403, r#"{"accessToken":"abc"}"#), json(403, "eyJhbGciOiJub25lIn0.e30.")]);
    let client = world.builder().body_format(BodyFormat::Form).build().unwrap();
    let error = world.run(client.token()).unwrap_err();
    assert!(!error.to_string().contains("abc") && !error.to_string().contains("eyJ"), "{error}");
}

#[test]
fn a_secret_with_a_space_is_struck_out_whatever_blank_comes_back() {
    for blank in [" ", "\\t", "\\n", "\\u0085"] {
        let body = format!(r#"{{"error":"invalid_scope","error_description":"you sent two{blank}words"}}"#);
        let world = World::new([json(400, &body)]);
        let client = client_credentials::Client::builder("https://auth.example/token", "my-id", "two words")
            .http_client(world.server.clone())
            .clock(world.clock.clone())
            .build()
            .unwrap();
        let error = world.run(client.authorize()).unwrap_err();
        assert_eq!(error.oauth().unwrap().description(), Some("you sent …"), "{blank}");
    }
}

#[test]
fn a_remembered_refusal_keeps_its_words_whichever_memory_it_is_in() {
    for code in ["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_grant"] {
        let world = World::new([refuses(400, code)]);
        let source = SecretSource::provider(Vault(Mutex::new(vec!["same"])));
        let client = client_credentials::Client::builder("https://auth.example/token", "my-id", source)
            .body_format(BodyFormat::Form)
            .http_client(world.server.clone())
            .clock(world.clock.clone())
            .build()
            .unwrap();
        world.run(client.token()).unwrap_err();
        for _ in 0..3 {
            world.clock.advance(2 * SECOND);
            let error = world.run(client.token()).unwrap_err();
            assert_eq!(error.oauth().map(client_credentials::OAuthError::code), Some(code), "{error}");
        }
        assert_eq!(world.server.requests(), 1);
    }
}

#[test]
fn one_token_that_cannot_be_had_does_not_starve_the_others() {
    /// Answers 500 whenever it is asked for the scope `bad`.
    #[derive(Default)]
    struct Picky(Mutex<(u32, u32)>);
    impl client_credentials::HttpClient for Picky {
        fn send(
            &self,
            request: http::Request<bytes::Bytes>,
            _limits: client_credentials::Limits,
        ) -> BoxFuture<'_, Result<http::Response<bytes::Bytes>, client_credentials::TransportError>> {
            let is_bad = std::str::from_utf8(request.body()).unwrap().contains("bad");
            let mut count = self.0.lock().unwrap();
            *if is_bad { &mut count.0 } else { &mut count.1 } += 1;
            let good = (200, r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#);
            let answer = if is_bad { (500, "") } else { good };
            Box::pin(async move { Ok(http::Response::builder().status(answer.0).body(answer.1.into()).unwrap()) })
        }
    }
    let world = World::new([]);
    let server = Arc::new(Picky::default());
    let client = world.builder().http_client(Arc::clone(&server)).build().unwrap();
    let scope = |scope: &str| client.for_request(client_credentials::TokenRequest::new().scope(scope)).unwrap();
    let (bad, good) = (scope("bad"), scope("good"));
    let mut failed = 0;
    for call in 0..36_000 {
        // An hour: one is wanted ten times a second, the other every ten seconds.
        world.run(bad.token()).unwrap_err();
        if call % 100 == 50 && world.run(good.token()).is_err() {
            failed += 1;
        }
        world.clock.advance(SECOND / 10);
    }
    let (bad_requests, good_requests) = *server.0.lock().unwrap();
    assert!(failed <= 1, "{failed} of 360 calls failed");
    assert!(good_requests <= 2, "{good_requests}");
    assert!(bad_requests <= 3 * 90, "backs off to a minute: {bad_requests}");
}

#[test]
fn a_thousand_tokens_meet_an_outage_one_a_second() {
    let world = World::new([json(503, "")]);
    let client = world.builder().retry(Retry::none()).build().unwrap();
    let handles: Vec<_> =
        (0..1000).map(|index| client.for_request(client_credentials::TokenRequest::new().scope(format!("s{index}"))).unwrap()).collect();
    for _ in 0..30 {
        for handle in &handles {
            world.run(handle.token()).unwrap_err();
        }
        world.clock.advance(SECOND);
    }
    assert!(world.server.requests() <= 35, "{} requests in half a minute", world.server.requests());
    // With no answer at all nobody needs to try for himself.
    let world = World::new([Does::Fails(TransportErrorKind::Connect)]);
    let client = world.builder().retry(Retry::none()).build().unwrap();
    for index in 0..1000 {
        let handle = client.for_request(client_credentials::TokenRequest::new().scope(format!("s{index}"))).unwrap();
        world.run(handle.token()).unwrap_err();
    }
    assert_eq!(world.server.requests(), 1);
}

#[test]
fn one_failed_refresh_in_the_background_fails_no_other_token() {
    let world = World::new([token("t-1", 3600), json(503, ""), token("t-2", 3600)]);
    let client = world.client();
    world.run(client.token()).unwrap();
    world.clock.advance(3000 * SECOND);
    world.run(client.token()).unwrap();
    world.tasks.run();
    let other = client.for_request(client_credentials::TokenRequest::new().scope("other")).unwrap();
    assert_eq!(world.run(other.token()).unwrap().access_token(), "t-2");
}

#[test]
fn who_joins_a_refresh_in_the_background_with_no_token_gets_its_retries() {
    let world = World::new([token("t-1", 3600), Does::Waits, token("t-2", 3600)]);
    let client = world.client();
    let first = world.run(client.token()).unwrap();
    world.clock.advance(3000 * SECOND);
    world.run(client.token()).unwrap();
    world.tasks.run();
    assert_eq!(client.invalidate(&first), client_credentials::Invalidated::Dropped);
    let mut call = Box::pin(client.token());
    assert!(poll(&mut call).is_pending());
    world.server.release(json(503, ""));
    assert_eq!(world.run(call).unwrap().access_token(), "t-2");
}

#[test]
fn short_cool_downs_grow_too() {
    let world = World::new([json(503, "")]);
    let mut cooldown = Cooldown::default();
    cooldown.transient = SECOND / 5;
    let client = world.builder().retry(Retry::none()).body_format(BodyFormat::Form).cooldown(cooldown).build().unwrap();
    for _ in 0..600 * 10 {
        world.run(client.token()).unwrap_err();
        world.clock.advance(SECOND / 10);
    }
    assert!(world.server.requests() <= 25, "{} requests in ten minutes", world.server.requests());
}

#[test]
fn a_failure_of_another_kind_takes_the_place_of_one_that_is_over() {
    let world = World::new([refuses(400, "unauthorized_client"), json(503, "")]);
    let client = world.builder().retry(Retry::none()).body_format(BodyFormat::Form).build().unwrap();
    world.run(client.token()).unwrap_err();
    world.clock.advance(60 * SECOND);
    for is_remembered in [false, true] {
        let error = world.run(client.token()).unwrap_err();
        assert_eq!((error.status(), error.is_remembered()), (Some(StatusCode::SERVICE_UNAVAILABLE), is_remembered), "{error}");
    }
}

#[test]
fn an_outage_of_yesterday_does_not_count() {
    let world = World::new([json(503, "")]);
    let client = world.builder().retry(Retry::none()).build().unwrap();
    for _ in 0..7 {
        world.run(client.token()).unwrap_err();
        world.clock.advance(61 * SECOND);
    }
    world.clock.advance(24 * 3600 * SECOND);
    let error = world.run(client.token()).unwrap_err();
    assert!(error.retry_at().unwrap().duration_since(world.clock.now().wall).unwrap() <= SECOND, "{error}");
}

#[test]
fn ever_new_secrets_are_no_way_around_retry_after() {
    struct Random(Mutex<u32>);
    impl SecretProvider for Random {
        fn secret(&self) -> BoxFuture<'_, Result<Secret, String>> {
            let mut count = self.0.lock().unwrap();
            *count += 1;
            let secret = format!("s-{count}");
            Box::pin(async move { Ok(secret.into()) })
        }
    }
    let headers = vec![("retry-after", "3600".to_owned())];
    let refused = Does::Answers(StatusCode::UNAUTHORIZED, headers, r#"{"error":"invalid_client"}"#.to_owned());
    let world = World::new([refused, refuses(401, "invalid_client")]);
    let source = SecretSource::provider(Random(Mutex::new(0)));
    let client = client_credentials::Client::builder("https://auth.example/token", "my-id", source)
        .body_format(BodyFormat::Form)
        .http_client(world.server.clone())
        .clock(world.clock.clone())
        .build()
        .unwrap();
    for _ in 0..600 {
        world.run(client.token()).unwrap_err();
        world.clock.advance(SECOND);
    }
    assert!(world.server.requests() <= 11, "{} logins in ten minutes", world.server.requests());
}

#[test]
fn refreshes_that_are_never_run_hold_nobody_off() {
    /// As the Tokio feature outside a runtime.
    struct Nowhere;
    impl client_credentials::Spawn for Nowhere {
        fn spawn(&self, _task: BoxFuture<'static, ()>) {}
    }
    let world = World::new([token("t-1", 3600), json(503, "")]);
    let client = world.builder().spawn(Nowhere).retry(Retry::none()).build().unwrap();
    let other = client.for_request(client_credentials::TokenRequest::new().scope("other")).unwrap();
    world.run(client.token()).unwrap();
    world.clock.advance(2900 * SECOND);
    world.run(other.token()).unwrap_err();
    world.clock.advance(2 * SECOND);
    world.server.then([token("t-2", 3600)]);
    world.run(client.token()).unwrap();
    assert_eq!(world.run(other.token()).unwrap().access_token(), "t-2");
}

#[test]
fn a_failure_that_is_not_remembered_ends_no_other_memory() {
    let world = World::new([Does::Waits]);
    let mut cooldown = Cooldown::default();
    cooldown.medium = Duration::ZERO;
    let client = world.builder().retry(Retry::none()).body_format(BodyFormat::Form).cooldown(cooldown).build().unwrap();
    let other = client.for_request(client_credentials::TokenRequest::new().scope("other")).unwrap();
    let (mut first, mut second) = (Box::pin(client.token()), Box::pin(other.token()));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    world.server.release(refuses(401, "invalid_client"));
    world.run(first).unwrap_err();
    world.server.release(json(403, ""));
    world.run(second).unwrap_err();
    assert!(client.status().cooling_until.is_some());
}
