//! The contract, line by line.

use std::time::{Duration, SystemTime};

use client_credentials::{BodyFormat, Client, ErrorKind, UnknownExpiry};

use crate::support::{Does, START, World, json, poll, refuses, token};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(START + seconds)
}

#[test]
fn the_body_is_json_with_all_that_was_configured() {
    let world = World::new([token("t-1", 3600)]);
    let client = world.builder().scope("read write").resources(["https://api.example/a"]).build().unwrap();
    world.run(client.authorize()).unwrap();
    let body: serde_json::Value = serde_json::from_str(&world.server.bodies()[0]).unwrap();
    let expected = serde_json::json!({
        "grant_type": "client_credentials",
        "client_id": "my-id",
        "client_secret": "my-secret",
        "scope": "read write",
        "resource": ["https://api.example/a"],
    });
    assert_eq!(body, expected);
    assert_eq!(world.server.header(0, "content-type").as_deref(), Some("application/json"));
    assert_eq!(world.server.header(0, "accept").as_deref(), Some("application/json"));
}

#[test]
fn what_was_not_configured_is_not_sent() {
    let world = World::new([token("t-1", 3600)]);
    let client = world.client();
    world.run(client.authorize()).unwrap();
    assert_eq!(world.server.bodies(), [r#"{"grant_type":"client_credentials","client_id":"my-id","client_secret":"my-secret"}"#]);
}

#[test]
fn a_server_that_takes_only_forms_is_served_too() {
    let refusals = [
        json(400, ""),
        json(401, ""),
        json(415, ""),
        refuses(400, "invalid_request"),
        refuses(400, "unsupported_grant_type"),
        refuses(401, "invalid_client"),
    ];
    for refusal in refusals {
        let world = World::new([refusal, token("t-1", 60)]);
        let client = world.builder().resources(["https://api.example/a", "https://api.example/b"]).build().unwrap();
        assert_eq!(client.status().body_format, BodyFormat::Auto);
        world.run(client.authorize()).unwrap();
        assert_eq!(world.server.requests(), 2);
        let form = "grant_type=client_credentials&client_id=my-id&client_secret=my-secret\
                    &resource=https%3A%2F%2Fapi.example%2Fa&resource=https%3A%2F%2Fapi.example%2Fb";
        assert_eq!(world.server.bodies()[1], form);
        assert_eq!(world.server.header(1, "content-type").as_deref(), Some("application/x-www-form-urlencoded"));
        // What worked is kept.
        assert_eq!(client.status().body_format, BodyFormat::Form);
        world.clock.advance(60 * SECOND);
        world.run(client.authorize()).unwrap();
        assert_eq!(world.server.requests(), 3);
        assert!(world.server.bodies()[2].starts_with("grant_type="));
    }
}

#[test]
fn other_refusals_lead_to_no_form() {
    for refusal in [refuses(400, "invalid_scope"), refuses(400, "unauthorized_client"), refuses(403, "access_denied")] {
        let world = World::new([refusal]);
        let client = world.client();
        world.run(client.authorize()).unwrap_err();
        assert_eq!(world.server.requests(), 1);
    }
}

#[test]
fn json_that_has_worked_is_not_doubted() {
    let world = World::new([token("t-1", 60), refuses(401, "invalid_client")]);
    let client = world.client();
    world.run(client.authorize()).unwrap();
    world.clock.advance(60 * SECOND);
    let error = world.run(client.authorize()).unwrap_err();
    assert_eq!(error.oauth().unwrap().code(), "invalid_client");
    assert_eq!(world.server.requests(), 2);
}

#[test]
fn when_both_formats_fail_both_answers_are_in_the_error() {
    let description = r#"{"error":"invalid_client","error_description":"no such client"}"#;
    let world = World::new([refuses(400, "invalid_request"), json(401, description)]);
    let client = world.client();
    let error = world.run(client.authorize()).unwrap_err();
    let answers: Vec<_> = error.answers().iter().map(|answer| (answer.format, answer.oauth.as_ref().unwrap().code())).collect();
    assert_eq!(answers, [(BodyFormat::Json, "invalid_request"), (BodyFormat::Form, "invalid_client")]);
    assert_eq!(error.oauth().unwrap().description(), Some("no such client"));
    let text = error.to_string();
    assert!(text.contains("auth.example") && text.contains("invalid_request") && text.contains("no such client"), "{text}");
    // Only now the cool-down begins.
    assert!(world.run(client.authorize()).unwrap_err().is_remembered());
    assert_eq!(world.server.requests(), 2);
}

#[test]
fn pinned_formats_are_not_left() {
    for (format, first) in [(BodyFormat::Json, "{"), (BodyFormat::Form, "g")] {
        let world = World::new([refuses(401, "invalid_client")]);
        let client = world.builder().body_format(format).build().unwrap();
        world.run(client.authorize()).unwrap_err();
        assert_eq!(world.server.requests(), 1);
        assert!(world.server.bodies()[0].starts_with(first));
    }
}

#[test]
fn authorize_sets_everything() {
    let world = World::new([refuses(400, "invalid_scope"), token("t-1", 3600)]);
    let client = world.client();
    world.run(client.authorize()).unwrap_err();
    assert_eq!(client.error().as_deref(), Some("invalid_scope"));
    assert!(!client.authorized() && client.headers().is_empty() && client.expires().is_none() && client.access_token().is_none());
    world.clock.advance(5 * SECOND);
    let same = world.run(client.authorize()).unwrap();
    assert_eq!(same.headers()["authorization"], "Bearer t-1");
    assert!(same.headers()["authorization"].is_sensitive());
    assert!(client.authorized());
    assert_eq!(client.access_token().unwrap().access_token(), "t-1");
    assert_eq!(client.expires(), Some(at(3605)));
    assert_eq!((client.error(), client.error_description(), client.error_uri()), (None, None, None));
}

#[test]
fn a_token_that_expires_more_than_20_seconds_from_now_is_served_at_once() {
    let world = World::new([token("t-1", 3600), Does::Waits]);
    let client = world.client();
    world.run(client.authorize()).unwrap();
    world.clock.advance(3580 * SECOND - Duration::from_millis(1));
    let mut call = Box::pin(client.authorize());
    assert!(poll(&mut call).is_ready());
    drop(call);
    world.clock.advance(Duration::from_millis(1));
    let mut call = Box::pin(client.token());
    assert!(poll(&mut call).is_pending(), "exactly 20 seconds are not more than 20 seconds");
    world.server.release(token("t-2", 3600));
    assert_eq!(world.run(call).unwrap().access_token(), "t-2");
}

#[test]
fn concurrent_calls_are_one_request() {
    let world = World::new([Does::Waits]);
    let client = world.client();
    assert!(client.authorizing().is_none());
    let mut calls: Vec<_> = (0..50).map(|_| Box::pin(client.token())).collect();
    for call in &mut calls {
        assert!(poll(call).is_pending());
    }
    assert!(client.status().authorizing);
    let mut authorizing = client.authorizing().unwrap();
    assert!(poll(&mut authorizing).is_pending());
    world.server.release(token("t-1", 3600));
    for call in calls {
        assert_eq!(world.run(call).unwrap().access_token(), "t-1");
    }
    assert_eq!(world.run(authorizing).unwrap().access_token(), "t-1");
    assert!(client.authorizing().is_none());
    assert_eq!(world.server.requests(), 1);
}

#[test]
fn errors_are_readable_afterwards_and_on_the_error() {
    let body = r#"{"error":"invalid_scope","error_description":"no such scope","error_uri":"https://auth.example/help"}"#;
    let world = World::new([json(400, body)]);
    let client = world.client();
    let error = world.run(client.authorize()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OAuth);
    let oauth = error.oauth().unwrap();
    assert_eq!(
        (oauth.code(), oauth.description(), oauth.uri()),
        ("invalid_scope", Some("no such scope"), Some("https://auth.example/help"))
    );
    assert_eq!(client.error().as_deref(), Some("invalid_scope"));
    assert_eq!(client.error_description().as_deref(), Some("no such scope"));
    assert_eq!(client.error_uri().as_deref(), Some("https://auth.example/help"));
}

#[test]
fn sign_out_clears_everything() {
    let world = World::new([token("t-1", 60), refuses(400, "invalid_scope"), token("t-2", 60)]);
    let client = world.client();
    let other = client.for_request(client_credentials::TokenRequest::new().scope("other")).unwrap();
    world.run(client.authorize()).unwrap();
    world.run(other.authorize()).unwrap_err();
    client.sign_out();
    assert!(!client.authorized() && client.headers().is_empty() && client.expires().is_none() && client.access_token().is_none());
    assert!(other.error().is_none() && other.last_error().is_none());
    assert_eq!(world.server.requests(), 2, "nothing is sent");
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-2");
}

#[test]
fn a_response_in_flight_cannot_bring_the_token_back() {
    let world = World::new([Does::Waits]);
    let client = world.client();
    let mut call = Box::pin(client.token());
    assert!(poll(&mut call).is_pending());
    client.sign_out();
    assert_eq!(world.server.under_way(), 0, "the request is given up");
    world.server.release(token("t-1", 3600));
    assert_eq!(world.run(call).unwrap_err().kind(), ErrorKind::SignedOut);
    assert!(!client.authorized() && client.error().is_none() && client.last_error().is_none());
    // The next one is new.
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-1");
}

#[test]
fn there_is_no_user_info_and_nothing_to_initialize() {
    let world = World::new([]);
    let client = world.client();
    assert_eq!(client.user_info().unwrap_err().kind(), ErrorKind::NotApplicable);
    let (mut initialize, mut initialized) = (client.initialize(), client.initialized());
    assert!(poll(&mut initialize).is_ready() && poll(&mut initialized).is_ready());
    assert_eq!(world.server.requests(), 0);
}

#[test]
fn tokens_are_in_memory_only() {
    let world = World::new([token("t-1", 3600)]);
    let client = world.client();
    world.run(client.authorize()).unwrap();
    drop(client);
    assert!(!world.client().authorized(), "another client knows nothing of it");
}

#[test]
fn what_every_client_needs_is_asked_for_at_once() {
    let check = |endpoint: &str, id: &str, secret: &str, word: &str| {
        let error = Client::builder(endpoint, id, secret).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{endpoint}");
        assert!(error.to_string().contains(word), "{error}");
    };
    check("", "id", "secret", "URL");
    check("/token", "id", "secret", "absolute");
    check("http://auth.example/token", "id", "secret", "https");
    check("http://127.0.0.1/token", "id", "secret", "allow_http_on_loopback");
    check("https://id:pass@auth.example/token", "id", "secret", "password");
    check("https://auth.example/token#part", "id", "secret", "fragment");
    check("https://auth.example/token", "", "secret", "identifier");
    check("https://auth.example/token", "é", "secret", "identifier");
    check("https://auth.example/token", "id", "", "secret");
    check("https://auth.example/token", "id", "line\nbreak", "secret");
}

#[test]
fn expires_is_now_plus_expires_in() {
    let check = |expires_in: &str, policy: Option<UnknownExpiry>, seconds: Option<u64>| {
        let world = World::new([json(200, &format!(r#"{{"access_token":"t","token_type":"bearer"{expires_in}}}"#))]);
        let mut freshness = client_credentials::Freshness::default();
        if let Some(policy) = policy {
            freshness.missing_expiry = policy;
            freshness.zero_expiry = policy;
        }
        let client = world.builder().freshness(freshness).build().unwrap();
        world.run(client.authorize()).unwrap();
        assert_eq!(client.expires(), seconds.map(at), "{expires_in}");
        assert_eq!(client.headers()["authorization"], "Bearer t", "{expires_in}");
    };
    check(r#","expires_in":3600"#, None, Some(3600));
    check(r#","expires_in":"3600""#, None, Some(3600));
    check(r#","expires_in":3600.7"#, None, Some(3600));
    check(r#","expires_in":1e30"#, None, Some(366 * 24 * 3600));
    check("", None, Some(300));
    for unreadable in ["null", "\"soon\"", "true", "{}", "[3600]", "\"NaN\""] {
        check(&format!(r#","expires_in":{unreadable}"#), None, Some(300));
    }
    for over in ["0", "-1", "\"0\"", "0.4"] {
        check(&format!(r#","expires_in":{over}"#), None, None);
        check(&format!(r#","expires_in":{over}"#), Some(UnknownExpiry::Assume(60 * SECOND)), Some(60));
    }
    check("", Some(UnknownExpiry::Forever), None);
    check("", Some(UnknownExpiry::NotKept), None);
}
