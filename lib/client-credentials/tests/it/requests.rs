//! What is sent.

use base64::Engine as _;
use client_credentials::{BasicEncoding, BodyFormat, ClientAuthentication, ErrorKind, TokenRequest};

use crate::support::{World, token};

fn basic(id: &str, secret: &str, encoding: BasicEncoding, format: BodyFormat) -> (String, String) {
    let world = World::new([token("t", 3600)]);
    let client = client_credentials::Client::builder("https://auth.example/token?tenant=7", id, secret)
        .authentication(ClientAuthentication::SecretBasic(encoding))
        .body_format(format)
        .http_client(world.server.clone())
        .clock(world.clock.clone())
        .build()
        .unwrap();
    world.run(client.token()).unwrap();
    (world.server.header(0, "authorization").unwrap(), world.server.bodies().remove(0))
}

#[test]
fn basic_is_written_in_both_encodings() {
    let (id, secret) = ("1PpG/Q 1", "z/tZ9VwFZqApmIQ+ZH1I5pLk/uB4ud:X2/8bL+wfFTt1rFw=");
    let (header, body) = basic(id, secret, BasicEncoding::FormUrlEncoded, BodyFormat::Form);
    let expected = "Basic MVBwRyUyRlErMTp6JTJGdFo5VndGWnFBcG1JUSUyQlpIMUk1cExrJTJGdUI0dWQlM0FYMiUyRjhiTCUyQndmRlR0MXJGdyUzRA==";
    assert_eq!(header, expected);
    // Never two ways at once (RFC 6749, section 2.3).
    assert_eq!(body, "grant_type=client_credentials");
    let (header, body) = basic(id, secret, BasicEncoding::Raw, BodyFormat::Json);
    let decoded = base64::engine::general_purpose::STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
    assert_eq!(decoded, format!("{id}:{secret}").into_bytes());
    assert_eq!(body, r#"{"grant_type":"client_credentials"}"#);
}

#[test]
fn an_identifier_with_a_colon_is_not_sent_raw() {
    let build = |encoding| {
        let world = World::new([]);
        client_credentials::Client::builder("https://auth.example/token", "urn:my-id", "my-secret")
            .authentication(ClientAuthentication::SecretBasic(encoding))
            .http_client(world.server.clone())
            .build()
    };
    let error = build(BasicEncoding::Raw).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("colon"), "{error}");
    build(BasicEncoding::FormUrlEncoded).unwrap();
}

#[test]
fn forms_are_written_as_the_standard_wants_it() {
    let world = World::new([token("t", 3600)]);
    let client = world
        .builder()
        .body_format(BodyFormat::Form)
        .scopes(["a", "b", ""])
        .audience("https://api.example/ x")
        .parameter("organization", " %&+£€")
        .parameter("empty", "")
        .resources(["https://a.example", "urn:example:b"])
        .build()
        .unwrap();
    world.run(client.token()).unwrap();
    let expected = "grant_type=client_credentials&client_id=my-id&client_secret=my-secret&scope=a+b\
                    &audience=https%3A%2F%2Fapi.example%2F+x&organization=+%25%26%2B%C2%A3%E2%82%AC\
                    &resource=https%3A%2F%2Fa.example&resource=urn%3Aexample%3Ab";
    assert_eq!(world.server.bodies(), [expected]);
    assert!(world.server.header(0, "authorization").is_none());
}

#[test]
fn json_is_json_whatever_the_texts() {
    let world = World::new([token("t", 3600)]);
    let client = client_credentials::Client::builder("https://auth.example/token", r#"my"id"#, r"back\slash")
        .audience("line\nbreak")
        .parameter("organization", "ü")
        .http_client(world.server.clone())
        .clock(world.clock.clone())
        .build()
        .unwrap();
    world.run(client.token()).unwrap();
    let body: serde_json::Value = serde_json::from_str(&world.server.bodies()[0]).unwrap();
    assert_eq!(body["client_id"], r#"my"id"#);
    assert_eq!(body["client_secret"], r"back\slash");
    assert_eq!(body["audience"], "line\nbreak");
    assert_eq!(body["organization"], "ü");
    assert!(body.get("resource").is_none());
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let check = |request: TokenRequest, word: &str| {
        let world = World::new([]);
        let error = world.client().for_request(request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(word), "{error}");
    };
    let request = TokenRequest::new;
    check(request().scope("a\"b"), "scope");
    check(request().scope("a\tb"), "scope");
    check(request().scopes(["a b"]), "scope");
    check(request().scope("é"), "scope");
    for resource in ["", "api", "/path", "https://api.example/#part", "https://api.example/a b", "1a:b", ":x", "https:"] {
        check(request().resources([resource]), "resource");
    }
    for reserved in ["grant_type", "client_id", "client_secret", "scope", "resource", "audience", "client_assertion", "password"] {
        check(request().parameter(reserved, "x"), reserved);
    }
    check(request().parameter("", "x"), "parameter");
    check(request().parameter("a", "1").parameter("a", "2"), "twice");
}

#[test]
fn required_scopes_are_compared_with_what_was_granted() {
    let check = |granted: &str, fits: bool| {
        let body = format!(r#"{{"access_token":"t","token_type":"Bearer"{granted}}}"#);
        let world = World::new([crate::support::json(200, &body)]);
        let client = world.builder().scope("read write").require_scopes(["read", "write"]).build().unwrap();
        let result = world.run(client.token());
        assert_eq!(
            result.as_ref().map_err(client_credentials::Error::kind).err(),
            (!fits).then_some(ErrorKind::ScopeDowngrade),
            "{granted}"
        );
    };
    check("", true);
    check(r#","scope":"write extra read""#, true);
    check(r#","scope":"read""#, false);
    check(r#","scope":"READ write""#, false);
    check(r#","scope":"""#, false);
}

#[test]
fn the_rest_of_the_answer_is_readable() {
    let body = r#"{"access_token":"v^1.1#i^1#x","token_type":"BEARER","expires_in":60,"scope":"a b","instance":{"url":"https://x.example"},
        "refresh_token":"r","id_token":"i"}"#;
    let world = World::new([crate::support::json(200, body)]);
    let token = world.run(world.client().token()).unwrap();
    assert_eq!(token.access_token(), "v^1.1#i^1#x");
    assert_eq!(token.scope(), Some("a b"));
    assert_eq!(token.extra("instance").unwrap()["url"], "https://x.example");
    assert!(token.extra("access_token").is_none() && token.extra("refresh_token").is_none() && token.extra("id_token").is_none());
}

#[test]
fn a_token_is_not_looked_into() {
    // It says that it has expired long ago (RFC 9068, section 6).
    let jwt = "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.";
    let world = World::new([crate::support::json(200, &format!(r#"{{"access_token":"{jwt}","token_type":"Bearer"}}"#))]);
    let client = world.client();
    let token = world.run(client.token()).unwrap();
    assert_eq!((token.access_token(), client.authorized()), (jwt, true));
    assert_eq!(token.expires_at(), Some(token.plan().issued + std::time::Duration::from_secs(300)));
}
