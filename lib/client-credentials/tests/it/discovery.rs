//! What a server says of itself, and what follows from it; revocation, introspection and authorization details.

use std::time::Duration;

use client_credentials::{
    BasicEncoding, BodyFormat, Client, ClientAuthentication, ClientBuilder, ClientCertificate, Credential, Error, ErrorKind, Event, Preset,
    TokenRequest,
};
use serde_json::{Value, json};

use crate::support::{Does, World, json as answer, refuses, token};

const ISSUER: &str = "https://auth.example/tenant";
const SECOND: Duration = Duration::from_secs(1);

fn metadata(members: &Value) -> Does {
    let mut all = json!({
        "issuer": ISSUER,
        "token_endpoint": "https://auth.example/tenant/token?realm=7",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    });
    for (name, value) in members.as_object().unwrap() {
        all[name.as_str()] = value.clone();
    }
    answer(200, &all.to_string())
}

fn discover(world: &World, credential: impl Into<Credential>) -> ClientBuilder {
    Client::discover(ISSUER, "my-id", credential)
        .http_client(world.server.clone())
        .clock(world.clock.clone())
        .spawn(world.tasks.clone())
        .body_format(BodyFormat::Form)
}

const FIRST: &str = "GET https://auth.example/.well-known/oauth-authorization-server/tenant";
const SECOND_PLACE: &str = "GET https://auth.example/tenant/.well-known/openid-configuration";
const TOKEN: &str = "POST https://auth.example/tenant/token?realm=7";

#[test]
fn metadata_is_asked_for_once_and_kept() {
    let world = World::new([metadata(&json!({})), token("t-1", 3600)]);
    let client = discover(&world, "my-secret").scope("a").build().unwrap();
    assert_eq!(world.server.requests(), 0, "nothing is sent before it is needed");
    world.run(client.token()).unwrap();
    world.run(client.refresh()).unwrap();
    // An hour, when the answer does not say how long.
    world.clock.advance(3599 * SECOND);
    world.run(client.refresh()).unwrap();
    assert_eq!(world.server.targets(), [FIRST, TOKEN, TOKEN, TOKEN]);
    assert_eq!(world.server.header(0, "accept").as_deref(), Some("application/json"));
    let told = world.run(client.metadata()).unwrap();
    assert_eq!((told.issuer(), told.text("token_endpoint")), (ISSUER, Some("https://auth.example/tenant/token?realm=7")));
    assert_eq!(told.list("token_endpoint_auth_methods_supported"), Some(vec!["client_secret_post"]));
    world.server.then([metadata(&json!({})), token("t-2", 3600)]);
    world.clock.advance(2 * SECOND);
    world.run(client.refresh()).unwrap();
    assert_eq!(world.server.targets()[4..], [FIRST, TOKEN]);
}

#[test]
fn metadata_is_kept_as_long_as_its_answer_allows() {
    let check = |header: &str, kept: u64| {
        let Does::Answers(status, mut headers, body) = metadata(&json!({})) else { unreachable!() };
        headers.push(("cache-control", header.to_owned()));
        let world = World::new([Does::Answers(status, headers, body), token("t-1", 3600)]);
        let client = discover(&world, "my-secret").build().unwrap();
        world.run(client.token()).unwrap();
        world.clock.advance(Duration::from_secs(kept - 1));
        world.run(client.refresh()).unwrap();
        assert_eq!(world.server.requests(), 3, "{header}");
        world.server.then([metadata(&json!({})), token("t-2", 3600)]);
        world.clock.advance(2 * SECOND);
        world.run(client.refresh()).unwrap();
        assert_eq!(world.server.targets()[3], FIRST, "{header}");
    };
    check("public, max-age=600", 600);
    check("MAX-AGE=\"7200\"", 7200);
    // A minute at least, a day at most.
    check("no-store", 60);
    check("max-age=0", 60);
    check("max-age=99999999", 24 * 3600);
    check("max-age=soon", 3600);
}

#[test]
fn the_place_of_openid_connect_is_tried_as_well() {
    let world = World::new([refuses(404, "x"), metadata(&json!({})), token("t-1", 3600)]);
    world.run(discover(&world, "my-secret").build().unwrap().token()).unwrap();
    assert_eq!(world.server.targets(), [FIRST, SECOND_PLACE, TOKEN]);
    // A slash at the end is left out between, but not of the name (RFC 8414, section 3.1).
    for (issuer, first) in [
        ("https://auth.example", "GET https://auth.example/.well-known/oauth-authorization-server"),
        ("https://auth.example/", "GET https://auth.example/.well-known/oauth-authorization-server"),
        ("https://auth.example:8443/a/b/", "GET https://auth.example:8443/.well-known/oauth-authorization-server/a/b"),
    ] {
        let world = World::new([metadata(&json!({"issuer": issuer})), token("t-1", 3600)]);
        let client = Client::discover(issuer, "my-id", "my-secret").http_client(world.server.clone()).clock(world.clock.clone());
        world.run(client.build().unwrap().token()).unwrap();
        assert_eq!(world.server.targets()[0], first, "{issuer}");
    }
}

#[test]
fn an_issuer_is_https_without_query_or_fragment() {
    for (issuer, part) in [
        ("http://auth.example", "not https"),
        ("https://auth.example?x=y", "query"),
        ("https://auth.example#x", "fragment"),
        ("https://user@auth.example", "user name"),
        ("auth.example", "not https"),
    ] {
        let error = Client::discover(issuer, "my-id", "my-secret").build().unwrap_err();
        assert!(error.kind() == ErrorKind::Configuration && error.to_string().contains(part), "{issuer}: {error}");
    }
}

fn failure(does: impl IntoIterator<Item = Does>) -> (Error, usize) {
    let world = World::new(does);
    let client = discover(&world, "my-secret").build().unwrap();
    let error = world.run(client.token()).unwrap_err();
    assert!(!world.server.targets().iter().any(|target| target.starts_with("POST")), "no secret is sent: {error}");
    let requests = world.server.requests();
    assert!(world.run(client.token()).unwrap_err().is_remembered());
    (error, requests)
}

#[test]
fn metadata_of_another_issuer_is_not_used() {
    for other in
        [json!("https://evil.example"), json!("https://auth.example/tenant/"), json!("HTTPS://AUTH.EXAMPLE/tenant"), json!(7), Value::Null]
    {
        let (error, requests) = failure([metadata(&json!({"issuer": other}))]);
        assert_eq!((error.kind(), error.is_retryable(), requests), (ErrorKind::Discovery, false, 1), "{error}");
        assert!(error.to_string().contains("RFC 8414, section 3.3"), "{error}");
    }
}

#[test]
fn a_slash_may_be_allowed_where_the_issuer_is_a_host() {
    let token_for = |issuer: &str, told: &str, allowed: bool| {
        let world = World::new([metadata(&json!({"issuer": told})), token("t-1", 3600)]);
        let mut builder = Client::discover(issuer, "my-id", "my-secret").http_client(world.server.clone()).clock(world.clock.clone());
        if allowed {
            builder = builder.allow_issuer_slash();
        }
        world.run(builder.build().unwrap().token()).is_ok()
    };
    assert!(token_for("https://auth.example", "https://auth.example/", true));
    assert!(token_for("https://auth.example/", "https://auth.example", true));
    assert!(!token_for("https://auth.example", "https://auth.example/", false));
    assert!(!token_for("https://auth.example", "https://evil.example/", true));
    assert!(!token_for("https://auth.example/a", "https://auth.example/a/", true));
}

#[test]
fn metadata_that_cannot_be_had_or_used_is_told() {
    let check = |does: Vec<Does>, kind: ErrorKind, part: &str, sent: usize| {
        let (error, requests) = failure(does);
        assert_eq!((error.kind(), requests), (kind, sent), "{error}");
        let text = error.to_string();
        assert!(text.contains("the metadata of auth.example cannot be used") && text.contains(part), "{part}: {text}");
    };
    let none = || refuses(404, "x");
    check(vec![none(), none(), none(), none()], ErrorKind::Discovery, "there is none at https://auth.example/.well-known/", 4);
    check(vec![refuses(503, "x")], ErrorKind::Discovery, "HTTP 503", 3);
    check(vec![answer(302, "")], ErrorKind::Discovery, "redirects", 1);
    check(vec![answer(200, "<html>")], ErrorKind::Discovery, "not a JSON object", 1);
    check(vec![metadata(&json!({"token_endpoint": null}))], ErrorKind::Discovery, "no token_endpoint", 1);
    // Never to where others could read it.
    check(vec![metadata(&json!({"token_endpoint": "http://auth.example/token"}))], ErrorKind::Discovery, "not https", 1);
    check(vec![metadata(&json!({"token_endpoint": "http://127.0.0.1/token"}))], ErrorKind::Discovery, "plain http", 1);
    let takes_keys = metadata(&json!({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}));
    check(vec![takes_keys], ErrorKind::Discovery, "takes private_key_jwt, but what the client was given serves client_secret_post", 1);
    check(vec![Does::Fails(client_credentials::TransportErrorKind::Connect)], ErrorKind::Transport, "Connect", 3);
}

#[test]
fn a_busy_server_is_asked_for_metadata_when_it_says() {
    let later = Does::Answers(http::StatusCode::SERVICE_UNAVAILABLE, vec![("retry-after", "7".to_owned())], String::new());
    let world = World::new([later, metadata(&json!({})), token("t-1", 3600)]);
    let client = discover(&world, "my-secret").build().unwrap();
    let before = client.status().at;
    let token = world.run(client.token()).unwrap();
    assert_eq!(world.server.targets(), [FIRST, FIRST, TOKEN]);
    assert!(token.plan().issued >= before + 7 * SECOND);
}

#[test]
fn old_metadata_is_used_on_when_new_cannot_be_had() {
    let world = World::new([metadata(&json!({})), token("t-1", 36_000)]);
    let client = discover(&world, "my-secret").build().unwrap();
    world.run(client.token()).unwrap();
    world.clock.advance(3601 * SECOND);
    world.server.then([refuses(503, "x"), token("t-2", 36_000)]);
    world.run(client.refresh()).unwrap();
    world.run(client.refresh()).unwrap();
    assert_eq!(world.server.targets()[2..], [FIRST, TOKEN, TOKEN], "for a minute it is not asked for again");
    world.clock.advance(61 * SECOND);
    world.server.then([metadata(&json!({"token_endpoint": "https://auth.example/new"})), token("t-3", 36_000)]);
    world.run(client.refresh()).unwrap();
    assert_eq!(world.server.targets()[5..], [FIRST, "POST https://auth.example/new"]);
}

#[test]
fn all_tokens_share_one_request_for_metadata() {
    let world = World::new([Does::Waits, token("t", 3600)]);
    let client = discover(&world, "my-secret").build().unwrap();
    let clients = ["a", "b", "c"].map(|scope| client.for_request(TokenRequest::new().scope(scope)).unwrap());
    let mut calls: Vec<_> = clients.iter().map(|client| Box::pin(client.token())).collect();
    for call in &mut calls {
        assert!(crate::support::poll(call).is_pending());
    }
    assert_eq!(world.server.targets(), [FIRST]);
    // Whoever asked first leaves, and nothing is lost.
    drop(calls.remove(0));
    world.server.release(metadata(&json!({})));
    for call in calls {
        world.run(call).unwrap();
    }
    assert_eq!(world.server.targets(), [FIRST, TOKEN, TOKEN]);
}

#[test]
fn the_method_is_chosen_from_the_metadata() {
    let check = |methods: Value, expected: &str| {
        let world = World::new([metadata(&json!({"token_endpoint_auth_methods_supported": methods})), token("t-1", 3600)]);
        world.run(discover(&world, "a secret of more than thirty-two bytes").build().unwrap().token()).unwrap();
        let body = world.server.bodies().remove(1);
        let found = match world.server.header(1, "authorization") {
            Some(_) => "basic",
            None if body.contains("client_secret=") => "post",
            None if body.contains("client_assertion=") => "jwt",
            None => "nothing",
        };
        assert_eq!(found, expected, "{methods}");
    };
    check(json!(["client_secret_basic", "client_secret_post"]), "post");
    check(json!(["client_secret_basic"]), "basic");
    // RFC 8414, section 2: Basic, when nothing is said.
    check(Value::Null, "basic");
    #[cfg(feature = "jwt")]
    check(json!(["client_secret_jwt", "private_key_jwt"]), "jwt");
    // What the caller says counts.
    let world = World::new([metadata(&json!({})), refuses(401, "invalid_client")]);
    let basic = ClientAuthentication::SecretBasic(BasicEncoding::Raw);
    let error = world.run(discover(&world, "my-secret").authentication(basic).build().unwrap().token()).unwrap_err();
    assert!(world.server.header(1, "authorization").is_some());
    assert!(error.to_string().ends_with("The server says that it takes client_secret_post."), "{error}");
}

#[cfg(feature = "jwt")]
#[test]
fn the_algorithm_and_the_audience_are_chosen_from_the_metadata() {
    use client_credentials::{Algorithm, AssertionAudience, AssertionPolicy, SigningKey};

    use crate::jose::Jws;

    let sent = |key: &SigningKey, algorithms: Value, audience: AssertionAudience| {
        let told = json!({
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "dpop_signing_alg_values_supported": algorithms,
        });
        let bound = answer(200, r#"{"access_token":"t-1","token_type":"DPoP","expires_in":3600}"#);
        let world = World::new([metadata(&told), bound]);
        let mut policy = AssertionPolicy::default();
        policy.audience = audience;
        let client = discover(&world, key.clone()).dpop(key.clone()).assertion(policy).build().unwrap();
        world.run(client.token()).map(|_| {
            let body = world.server.bodies().remove(1);
            let assertion = form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "client_assertion").unwrap().1.into_owned();
            let proof = world.server.header(1, "dpop").unwrap();
            (Jws::parse(&assertion).unwrap(), Jws::parse(&proof).unwrap().algorithm().to_owned())
        })
    };
    let rsa = SigningKey::generate(Algorithm::PS256).unwrap();
    // One that was named for a purpose is used for it alone.
    let rsa_pem = {
        use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        SigningKey::from_pem(&crate::jose::pem("PRIVATE KEY", der.as_ref())).unwrap()
    };
    for (key, algorithms, expected) in [
        (&rsa_pem, json!(["RS256", "ES256"]), "RS256"),
        (&rsa_pem, json!(["RS256", "PS256"]), "PS256"),
        (&rsa_pem, Value::Null, "PS256"),
        (&rsa, json!(["PS256"]), "PS256"),
        (&SigningKey::generate(Algorithm::ES384).unwrap(), json!(["ES256", "ES384"]), "ES384"),
    ] {
        let (assertion, proof) = sent(key, algorithms, AssertionAudience::Auto).unwrap();
        assert_eq!((assertion.algorithm(), proof.as_str()), (expected, expected));
        assert_eq!(assertion.claims["aud"], ISSUER);
    }
    let error = sent(&rsa, json!(["RS256"]), AssertionAudience::Auto).err().unwrap();
    assert!(error.to_string().contains("takes assertions signed with RS256, but the key signs with PS256"), "{error}");
    let (assertion, _) = sent(&rsa, Value::Null, AssertionAudience::TokenEndpoint).unwrap();
    assert_eq!(assertion.claims["aud"], "https://auth.example/tenant/token");
    let (assertion, _) = sent(&rsa, Value::Null, AssertionAudience::Issuer).unwrap();
    assert_eq!(assertion.claims["aud"], ISSUER);
}

#[test]
fn a_certificate_leads_to_the_alias_endpoints() {
    let told = json!({
        "token_endpoint_auth_methods_supported": ["client_secret_post", "self_signed_tls_client_auth"],
        "revocation_endpoint": "https://auth.example/revoke",
        "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.auth.example/token"},
    });
    let world = World::new([metadata(&told), token("t-1", 3600), answer(200, "")]);
    let client = discover(&world, ClientCertificate::of_http_client()).scope("a").build().unwrap();
    let token_1 = world.run(client.token()).unwrap();
    // The identifier is sent, and nothing secret (RFC 8705, section 2).
    assert_eq!(world.server.bodies()[1], "grant_type=client_credentials&client_id=my-id&scope=a");
    world.run(client.revoke(&token_1)).unwrap();
    assert_eq!(world.server.targets()[1..], ["POST https://mtls.auth.example/token", "POST https://auth.example/revoke"]);
    // As well when tokens are only bound to it.
    let world = World::new([metadata(&told), token("t-1", 3600)]);
    let client = discover(&world, "my-secret").client_certificate(ClientCertificate::of_http_client()).build().unwrap();
    world.run(client.token()).unwrap();
    assert_eq!(world.server.targets()[1], "POST https://mtls.auth.example/token");
    assert!(world.server.bodies()[1].contains("client_secret=my-secret"));
    // Without one, there is no reason to.
    let world = World::new([metadata(&told), token("t-1", 3600)]);
    world.run(discover(&world, "my-secret").build().unwrap().token()).unwrap();
    assert_eq!(world.server.targets()[1], TOKEN);
}

#[test]
fn certificates_are_checked_at_once() {
    let check = |builder: ClientBuilder, part: &str| {
        let error = builder.build().unwrap_err();
        assert!(error.kind() == ErrorKind::Configuration && error.to_string().contains(part), "{part}: {error}");
    };
    let world = World::new([]);
    let certificate = ClientCertificate::from_pem("-----BEGIN CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----").unwrap();
    check(world.builder().client_certificate(certificate.clone()), "of_http_client()");
    check(world.builder().root_certificates("x"), "whom to trust");
    let both = Client::builder("https://auth.example/token", "my-id", certificate.clone()).client_certificate(certificate.clone());
    check(both, "two");
    let secret = Client::builder("https://auth.example/token", "my-id", certificate).authentication(ClientAuthentication::SecretPost);
    check(secret, "needs a secret");
    for (certificates, key) in
        [("x", "-----BEGIN PRIVATE KEY-----"), ("-----BEGIN CERTIFICATE-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----")]
    {
        assert_eq!(ClientCertificate::from_pem(certificates, key).unwrap_err().kind(), ErrorKind::Configuration);
    }
}

#[test]
fn metadata_is_for_clients_with_discovery() {
    let world = World::new([]);
    let error = world.run(world.client().metadata()).unwrap_err();
    assert!(error.kind() == ErrorKind::Configuration && error.to_string().contains("discover()"), "{error}");
}

#[test]
fn a_revoked_token_is_gone() {
    let world = World::new([token("t-1", 3600), answer(200, ""), token("t-2", 3600)]);
    let client = world.builder().revocation_endpoint("https://auth.example/revoke").build().unwrap();
    let mut events = client.subscribe();
    let first = world.run(client.token()).unwrap();
    world.run(client.revoke(&first)).unwrap();
    assert_eq!(world.server.targets()[1], "POST https://auth.example/revoke");
    let body = "token=t-1&token_type_hint=access_token&client_id=my-id&client_secret=my-secret";
    assert_eq!(world.server.bodies()[1], body);
    assert!(!client.authorized());
    assert!(std::iter::from_fn(|| events.try_next()).any(|event| matches!(event, Event::Revoked { .. })));
    // Another token than the one that is held.
    let second = world.run(client.token()).unwrap();
    world.server.then([answer(200, "")]);
    world.run(client.revoke(&first)).unwrap();
    assert_eq!(client.access_token().map(|token| token.header().clone()), Some(second.header().clone()));
}

#[test]
fn a_revocation_that_fails_changes_nothing() {
    let world = World::new([token("t-1", 3600)]);
    let client = world.builder().revocation_endpoint("https://auth.example/revoke").build().unwrap();
    let first = world.run(client.token()).unwrap();
    // The token is still there (RFC 7009, section 2.2.1).
    world.server.then([Does::Answers(http::StatusCode::SERVICE_UNAVAILABLE, vec![("retry-after", "120".to_owned())], String::new())]);
    let now = client.status().at;
    let error = world.run(client.revoke(&first)).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable(), error.retry_at()), (ErrorKind::Http, true, Some(now + 120 * SECOND)), "{error}");
    assert!(client.authorized() && error.to_string().starts_with("the revocation request to auth.example failed"), "{error}");
    world.server.then([refuses(400, "unsupported_token_type")]);
    let error = world.run(client.revoke(&first)).unwrap_err();
    assert_eq!((error.kind(), error.oauth().unwrap().code(), error.is_retryable()), (ErrorKind::OAuth, "unsupported_token_type", false));
    assert!(client.authorized() && client.last_error().is_none());
    let error = world.run(world.client().revoke(&first)).unwrap_err();
    assert!(error.kind() == ErrorKind::Configuration && error.to_string().contains("revocation_endpoint()"), "{error}");
}

#[test]
fn introspection_tells_what_the_server_knows() {
    let told = r#"{"active":true,"scope":"a b","cnf":{"jkt":"x"}}"#;
    let world = World::new([answer(200, told), answer(200, r#"{"active":false}"#)]);
    let client = world.builder().introspection_endpoint("https://auth.example/introspect").build().unwrap();
    let found = world.run(client.introspect("somebody's-token")).unwrap();
    assert!(found.is_active());
    assert_eq!((found.get("scope"), &found.get("cnf").unwrap()["jkt"]), (Some(&json!("a b")), &json!("x")));
    let body = "token=somebody%27s-token&token_type_hint=access_token&client_id=my-id&client_secret=my-secret";
    assert_eq!(
        (world.server.targets().remove(0).as_str(), world.server.bodies().remove(0).as_str()),
        ("POST https://auth.example/introspect", body)
    );
    // Asked anew every time.
    assert!(!world.run(client.introspect("somebody's-token")).unwrap().is_active());
    for does in [answer(200, "{}"), answer(200, r#"{"active":"true"}"#), answer(200, "yes")] {
        world.server.then([does]);
        assert_eq!(world.run(client.introspect("t")).unwrap_err().kind(), ErrorKind::InvalidResponse);
    }
    world.server.then([answer(401, r#"{"error":"invalid_client","error_description":"no somebody's-token"}"#)]);
    let error = world.run(client.introspect("somebody's-token")).unwrap_err();
    assert!(error.kind() == ErrorKind::OAuth && !format!("{error} {error:?}").contains("somebody"), "{error}");
}

#[test]
fn authorization_details_are_sent_and_told() {
    let details = json!([{"type": "orders", "actions": ["read"]}, {"type": "stock"}]);
    let granted = r#"{"access_token":"t-1","token_type":"Bearer","expires_in":3600,"authorization_details":[{"type":"orders"}]}"#;
    for format in [BodyFormat::Form, BodyFormat::Json] {
        let world = World::new([answer(200, granted)]);
        let client = world.builder().body_format(format).authorization_details(details.as_array().unwrap().clone()).build().unwrap();
        let token = world.run(client.token()).unwrap();
        let body = world.server.bodies().remove(0);
        let sent: Value = match format {
            BodyFormat::Json => serde_json::from_str::<Value>(&body).unwrap()["authorization_details"].clone(),
            // A list in one text (RFC 9396, section 2).
            _ => {
                let found: Vec<_> = form_urlencoded::parse(body.as_bytes()).filter(|(name, _)| name == "authorization_details").collect();
                assert_eq!(found.len(), 1);
                serde_json::from_str(&found[0].1).unwrap()
            }
        };
        assert_eq!(sent, details, "{format:?}");
        assert_eq!(token.authorization_details().unwrap(), [json!({"type": "orders"})]);
        // Tokens with other details are others.
        let other = client.for_request(TokenRequest::new().authorization_details([json!({"type": "stock"})])).unwrap();
        assert!(!other.authorized());
    }
    let world = World::new([refuses(400, "invalid_authorization_details")]);
    let client = world.builder().authorization_details([json!({"type": "orders"})]).build().unwrap();
    assert_eq!(world.run(client.token()).unwrap_err().oauth().unwrap().code(), "invalid_authorization_details");
    for wrong in [json!({}), json!({"type": 7}), json!({"type": ""}), json!("orders")] {
        let error = world.builder().authorization_details([wrong]).build().unwrap_err();
        assert!(error.to_string().contains("RFC 9396"), "{error}");
    }
    let error = world.builder().parameter("authorization_details", "[]").build().unwrap_err();
    assert!(error.to_string().contains("reserved"), "{error}");
}

#[test]
fn a_preset_may_know_about_the_issuer() {
    let preset = Preset::ALL.iter().find(|preset| preset.issuer_slash).expect("one of them");
    let world = World::new([metadata(&json!({"issuer": "https://auth.example/"})), token("t-1", 3600)]);
    let client = Client::discover("https://auth.example", "my-id", "my-secret").preset(preset).http_client(world.server.clone());
    world.run(client.clock(world.clock.clone()).build().unwrap().token()).unwrap();
}
