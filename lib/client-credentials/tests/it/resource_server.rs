//! What a resource server's answer leads to, and where a token may go.

use std::time::Duration;

use client_credentials::{Advice, ErrorKind, Event, Invalidated, Token, parse_challenges};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use crate::support::{World, token};

const SECOND: Duration = Duration::from_secs(1);

fn challenge(text: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(http::header::WWW_AUTHENTICATE, HeaderValue::from_static(text))])
}

fn api() -> Uri {
    Uri::from_static("https://api.example/orders")
}

fn world() -> World {
    World::new((1..=50).map(|index| token(&format!("t-{index}"), 36_000)))
}

#[test]
fn a_refused_token_is_dropped_and_the_request_replayed_once() {
    let world = world();
    let client = world.client();
    let mut events = client.subscribe();
    let first = world.run(client.token()).unwrap();
    world.clock.advance(11 * SECOND);
    let invalid = challenge(r#"Bearer error="invalid_token""#);
    assert_eq!(client.observe(&first, &api(), StatusCode::UNAUTHORIZED, &invalid), Advice::Replay);
    assert!(!client.authorized());
    // Another request that was sent with it.
    assert_eq!(client.observe(&first, &api(), StatusCode::UNAUTHORIZED, &invalid), Advice::Replay);
    let second = world.run(client.token()).unwrap();
    assert_eq!(second.access_token(), "t-2");
    assert_eq!(client.observe(&first, &api(), StatusCode::UNAUTHORIZED, &invalid), Advice::Replay);
    assert!(client.authorized(), "the new one is not dropped for the old one");
    // The replay was refused as well: the token is just minted, so it is not the token.
    assert_eq!(client.observe(&second, &api(), StatusCode::UNAUTHORIZED, &invalid), Advice::Rejected);
    assert_eq!(client.invalidate(&second), Invalidated::JustMinted);
    world.clock.advance(11 * SECOND);
    assert_eq!(client.invalidate(&second), Invalidated::CoolingDown);
    assert_eq!(client.observe(&second, &api(), StatusCode::UNAUTHORIZED, &invalid), Advice::Rejected);
    world.clock.advance(60 * SECOND);
    assert_eq!(client.invalidate(&second), Invalidated::Dropped);
    assert_eq!(client.invalidate(&second), Invalidated::AlreadyReplaced);
    let told = std::iter::from_fn(|| events.try_next()).filter(|event| matches!(event, Event::Invalidated { .. })).count();
    assert_eq!(told, 2);
}

#[test]
fn a_server_that_refuses_every_token_does_not_lead_to_a_request_for_every_call() {
    let world = world();
    let client = world.client();
    for _ in 0..100 * 60 {
        let token = world.run(client.token()).unwrap();
        if client.observe(&token, &api(), StatusCode::UNAUTHORIZED, &HeaderMap::new()) == Advice::Replay {
            let token: Token = world.run(client.token()).unwrap();
            assert_eq!(client.observe(&token, &api(), StatusCode::UNAUTHORIZED, &HeaderMap::new()), Advice::Rejected);
        }
        world.clock.advance(Duration::from_millis(10));
    }
    assert_eq!(world.server.requests(), 2, "a minute of a hundred calls a second");
    for _ in 0..3600 {
        let token = world.run(client.token()).unwrap();
        let _ = client.observe(&token, &api(), StatusCode::UNAUTHORIZED, &HeaderMap::new());
        world.clock.advance(SECOND);
    }
    assert!(world.server.requests() <= 9, "{}", world.server.requests());
}

#[test]
fn answers_are_told_apart() {
    let check = |status: StatusCode, headers: HeaderMap, expected: Advice, held: bool| {
        let world = world();
        let client = world.client();
        let token = world.run(client.token()).unwrap();
        world.clock.advance(60 * SECOND);
        assert_eq!(client.observe(&token, &api(), status, &headers), expected, "{status} {headers:?}");
        assert_eq!(client.authorized(), held, "{status} {headers:?}");
    };
    let insufficient = || challenge(r#"Bearer realm="x", error="insufficient_scope", scope="read  write""#);
    let scopes = || Advice::NeedsScope(vec!["read".to_owned(), "write".to_owned()]);
    check(StatusCode::OK, HeaderMap::new(), Advice::NotAboutTheToken, true);
    check(StatusCode::NOT_FOUND, HeaderMap::new(), Advice::NotAboutTheToken, true);
    check(StatusCode::INTERNAL_SERVER_ERROR, challenge(r#"Bearer error="invalid_token""#), Advice::NotAboutTheToken, true);
    check(StatusCode::FORBIDDEN, insufficient(), scopes(), true);
    check(StatusCode::UNAUTHORIZED, insufficient(), scopes(), true);
    check(StatusCode::FORBIDDEN, challenge(r#"Bearer error="insufficient_scope""#), Advice::NeedsScope(Vec::new()), true);
    check(StatusCode::FORBIDDEN, HeaderMap::new(), Advice::NotAboutTheToken, true);
    check(StatusCode::UNAUTHORIZED, challenge("Bearer error=invalid_request"), Advice::Rejected, true);
    for text in ["Bearer error=invalid_token", "bearer ERROR=\"invalid_token\"", "Bearer", "Basic realm=x", "Negotiate, Bearer realm=x"] {
        check(StatusCode::UNAUTHORIZED, challenge(text), Advice::Replay, false);
    }
    check(StatusCode::UNAUTHORIZED, HeaderMap::new(), Advice::Replay, false);
}

#[test]
fn a_success_between_two_refusals_makes_the_second_a_new_story() {
    let world = world();
    let client = world.client();
    for _ in 0..5 {
        let token = world.run(client.token()).unwrap();
        world.clock.advance(61 * SECOND);
        assert_eq!(client.invalidate(&token), Invalidated::Dropped);
        let token = world.run(client.token()).unwrap();
        assert_eq!(client.observe(&token, &api(), StatusCode::OK, &HeaderMap::new()), Advice::NotAboutTheToken);
    }
}

/// Scheme, its one value, and parameters.
type Expected<'a> = (&'a str, Option<&'a str>, &'a [(&'a str, &'a str)]);

#[test]
fn challenges_are_read_as_they_are_written() {
    let check = |text: &'static str, expected: &[Expected<'_>]| {
        let found = parse_challenges(&challenge(text));
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        for (challenge, (scheme, token68, parameters)) in found.iter().zip(expected) {
            assert_eq!((challenge.scheme(), challenge.token68()), (*scheme, *token68), "{text}");
            for (name, value) in *parameters {
                assert_eq!(challenge.parameter(name), Some(*value), "{text}");
            }
        }
    };
    check("", &[]);
    check("Bearer", &[("Bearer", None, &[])]);
    check("Negotiate YII=", &[("Negotiate", Some("YII="), &[])]);
    check("Basic realm=\"a, Bearer b=\\\"c\\\"\"", &[("Basic", None, &[("realm", "a, Bearer b=\"c\"")])]);
    check(
        "Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
        &[("Newauth", None, &[("type", "1"), ("title", "Login to \"apps\"")]), ("Basic", None, &[("realm", "simple")])],
    );
    check("Bearer , , Basic", &[("Bearer", None, &[]), ("Basic", None, &[])]);
    check("Bearer error = \"x\" , scope=y", &[("Bearer", None, &[("error", "x"), ("scope", "y")])]);
    check("Bearer a=\"never closed, Basic b=c", &[("Bearer", None, &[])]);
    check("=, Bearer error=x", &[("Bearer", None, &[("error", "x")])]);
    check("DPoP error=\"use_dpop_nonce\", Bearer", &[("DPoP", None, &[("error", "use_dpop_nonce")]), ("Bearer", None, &[])]);
    let mut headers = challenge("Basic");
    headers.append(http::header::WWW_AUTHENTICATE, HeaderValue::from_bytes(b"Bearer realm=\"\xfc\", error=invalid_token").unwrap());
    assert_eq!(parse_challenges(&headers)[1].parameter("error"), Some("invalid_token"));
}

#[test]
fn no_more_than_32_challenges_are_read_and_those_as_a_whole() {
    let many: Vec<String> = (0..50).map(|number| format!(r#"S{number} first=a, second="b""#)).collect();
    let mut headers = http::HeaderMap::new();
    headers.append("www-authenticate", many[..20].join(", ").parse().unwrap());
    headers.append("www-authenticate", many[20..].join(", ").parse().unwrap());
    let challenges = parse_challenges(&headers);
    assert_eq!(challenges.len(), 32);
    assert!(challenges.iter().all(|challenge| challenge.parameter("first") == Some("a") && challenge.parameter("second") == Some("b")));
}

#[test]
fn a_token_goes_only_to_allowed_origins() {
    let world = world();
    let client = world
        .builder()
        .allow_origin("https://API.example")
        .allow_origin("http://127.0.0.1:8080")
        .allow_http_on_loopback()
        .resources(["https://orders.example:8443/v1", "urn:example:x"])
        .build()
        .unwrap();
    let check = |target: &str, allowed: bool| {
        let before = world.server.requests();
        let result = world.run(client.authorization(&target.parse().unwrap()));
        assert_eq!(
            result.as_ref().err().map(client_credentials::Error::kind),
            (!allowed).then_some(ErrorKind::OriginNotAllowed),
            "{target}"
        );
        assert!(allowed || world.server.requests() == before);
        let headers = world.run(client.authorization_headers(&Method::GET, &target.parse().unwrap()));
        assert_eq!(headers.map_err(|error| error.kind()), result.map(|_| client.headers()).map_err(|error| error.kind()), "{target}");
    };
    check("https://evil.example/", false);
    check("https://api.example/any?thing", true);
    check("https://api.example:443/", true);
    check("https://api.example:444/", false);
    check("http://api.example/", false);
    check("https://api.example.evil.example/", false);
    check("https://api.example@evil.example/", false);
    check("https://orders.example:8443/v2", true);
    check("https://orders.example/v1", false);
    check("http://127.0.0.1:8080/", true);
    check("http://127.0.0.1:8081/", false);
    check("/path", false);
    // Nor with a token that was got for another address.
    let elsewhere = Uri::from_static("https://evil.example/");
    let error = world.run(client.headers_for(&client.access_token().unwrap(), &Method::GET, &elsewhere)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OriginNotAllowed);
    let nobody = world.client();
    let error = world.run(nobody.authorization(&"https://api.example/".parse().unwrap())).unwrap_err();
    assert!(error.to_string().contains("allow_origin"), "{error}");
    for wrong in ["http://api.example", "api.example", "https://", "ftp://api.example"] {
        assert!(world.builder().allow_origin(wrong).build().is_err(), "{wrong}");
    }
}
