//! Assertions and proofs of possession, as they are sent.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use client_credentials::{
    Advice, Algorithm, AssertionAudience, AssertionPolicy, BodyFormat, BoxFuture, ClientAuthentication, ClientBuilder, Credential,
    ErrorKind, MacAlgorithm, Retry, SecretSource, Signer, SigningKey, TokenType,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};

use crate::jose::{Jws, ec_jwk, ed25519_jwk, pem, rsa_jwk, sha_256};
use crate::support::{Does, START, World, json as answer, refuses, token};

/// A private key in every form that it comes in, with its public JWK.
struct Key {
    name: &'static str,
    pems: Vec<String>,
    jwk: Value,
    public: Value,
    algorithms: &'static [Algorithm],
}

fn keys() -> Vec<Key> {
    let ec = |name, curve, alg, algorithms| {
        let pair = EcdsaKeyPair::generate(alg).unwrap();
        let sec1: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
        let pems = vec![pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref()), pem("EC PRIVATE KEY", sec1.as_ref())];
        let (jwk, public) = ec_jwk(&pair, curve);
        Key { name, pems, jwk, public, algorithms }
    };
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let (ed_jwk, ed_public) = ed25519_jwk(&ed25519);
    let versions = [ed25519.to_pkcs8v1().unwrap(), ed25519.to_pkcs8().unwrap()];
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8: Pkcs8V1Der<'_> = rsa.as_der().unwrap();
    // What stands in PKCS #8 after its head is PKCS #1.
    let pkcs1 = &pkcs8.as_ref()[26..];
    let (rsa_private, rsa_public) = rsa_jwk(pkcs1);
    vec![
        ec("P-256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING, &[Algorithm::ES256]),
        ec("P-384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING, &[Algorithm::ES384]),
        Key {
            name: "Ed25519",
            pems: versions.iter().map(|version| pem("PRIVATE KEY", version.as_ref())).collect(),
            jwk: ed_jwk,
            public: ed_public,
            algorithms: &[Algorithm::EdDSA, Algorithm::Ed25519],
        },
        Key {
            name: "RSA",
            pems: vec![pem("PRIVATE KEY", pkcs8.as_ref()), pem("RSA PRIVATE KEY", pkcs1)],
            jwk: rsa_private,
            public: rsa_public,
            algorithms: &[Algorithm::PS256, Algorithm::RS256],
        },
    ]
}

fn builder(world: &World, credential: impl Into<Credential>) -> ClientBuilder {
    client_credentials::Client::builder("https://auth.example/token?tenant=7", "my-id", credential)
        .http_client(world.server.clone())
        .clock(world.clock.clone())
        .spawn(world.tasks.clone())
        .body_format(BodyFormat::Form)
}

/// Parameters of a form.
fn fields(body: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

fn field(body: &str, name: &str) -> String {
    let found: Vec<String> = fields(body).into_iter().filter(|(other, _)| other == name).map(|(_, value)| value).collect();
    let [value] = &found[..] else { panic!("{name} in {body}: {found:?}") };
    value.clone()
}

fn assertion(body: &str) -> Jws {
    Jws::parse(&field(body, "client_assertion")).expect("a signed assertion")
}

#[test]
fn every_kind_of_key_signs_assertions() {
    for key in keys() {
        let mut forms: Vec<SigningKey> = key.pems.iter().map(|pem| SigningKey::from_pem(pem).unwrap()).collect();
        forms.push(SigningKey::from_jwk(&key.jwk.to_string()).unwrap());
        for form in forms {
            // Without a word, the first; and each that is asked for.
            let all = std::iter::once(None).chain(key.algorithms.iter().copied().map(Some));
            for algorithm in all {
                let signing = algorithm.map_or_else(|| form.clone(), |algorithm| form.clone().algorithm(algorithm));
                let world = World::new([token("t", 3600)]);
                let client = builder(&world, signing.key_id("key-1")).build().unwrap();
                world.run(client.token()).unwrap();
                let assertion = assertion(&world.server.bodies()[0]);
                assert!(assertion.is_signed_by(&key.public), "{} {algorithm:?}", key.name);
                let expected = algorithm.unwrap_or(key.algorithms[0]).name();
                assert_eq!(assertion.header, json!({"alg": expected, "typ": "JWT", "kid": "key-1"}), "{}", key.name);
            }
        }
    }
}

#[test]
fn an_assertion_says_what_the_standards_want() {
    let world = World::new([token("t", 3600)]);
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let client = builder(&world, key).scope("orders:read").build().unwrap();
    world.run(client.token()).unwrap();
    let body = &world.server.bodies()[0];
    let Value::Object(mut claims) = assertion(body).claims else { panic!("an object") };
    let jti = claims.remove("jti").unwrap();
    assert!(jti.as_str().unwrap().len() >= 22, "128 bits: {jti}");
    // The address without its query.
    let expected = json!({"iss": "my-id", "sub": "my-id", "aud": "https://auth.example/token", "iat": START, "exp": START + 60});
    assert_eq!(Value::Object(claims), expected);
    let mut names: Vec<String> = fields(body).into_iter().map(|(name, _)| name).collect();
    names.sort();
    // No secret beside it, and one assertion (RFC 6749, section 2.3; RFC 7521, section 4.2).
    assert_eq!(names, ["client_assertion", "client_assertion_type", "client_id", "grant_type", "scope"]);
    assert_eq!(field(body, "client_assertion_type"), "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert_eq!(field(body, "client_id"), "my-id");
    assert_eq!(world.server.header(0, "authorization"), None);
}

#[test]
fn every_attempt_has_an_assertion_of_its_own() {
    let mut ways: Vec<(ClientAuthentication, Credential)> =
        vec![(ClientAuthentication::SecretJwt(MacAlgorithm::HS256), "a secret of more than thirty-two bytes".into())];
    ways.push((ClientAuthentication::PrivateKeyJwt, SigningKey::generate(Algorithm::EdDSA).unwrap().into()));
    for (way, credential) in ways {
        // In JSON first, which the server does not understand; then it is busy; then it is well again.
        let world = World::new([refuses(400, "invalid_request"), refuses(503, "x"), token("t-1", 3600)]);
        let client = builder(&world, credential).authentication(way).body_format(BodyFormat::Auto).build().unwrap();
        world.run(client.token()).unwrap();
        let bodies = world.server.bodies();
        let first: Value = serde_json::from_str(&bodies[0]).unwrap();
        let mut assertions = vec![Jws::parse(first["client_assertion"].as_str().unwrap()).unwrap()];
        assertions.extend(bodies[1..].iter().map(|body| assertion(body)));
        let identifiers: HashSet<&str> = assertions.iter().map(|one| one.claims["jti"].as_str().unwrap()).collect();
        assert_eq!((assertions.len(), identifiers.len()), (3, 3), "{way:?}");
        world.clock.advance(Duration::from_secs(100));
        world.run(client.refresh()).unwrap();
        let last = assertion(&world.server.bodies()[3]);
        assert!(last.claims["iat"].as_u64().unwrap() >= START + 100, "{way:?}");
    }
}

#[test]
fn the_audience_the_type_and_the_lifetime_are_up_to_the_caller() {
    let check = |change: fn(&mut AssertionPolicy), audience: Value, typ: Option<&str>, lifetime: u64| {
        let world = World::new([token("t", 3600)]);
        let mut policy = AssertionPolicy::default();
        change(&mut policy);
        let client = builder(&world, SigningKey::generate(Algorithm::ES256).unwrap()).assertion(policy).build().unwrap();
        world.run(client.token()).unwrap();
        let assertion = assertion(&world.server.bodies()[0]);
        assert_eq!(assertion.claims["aud"], audience);
        assert_eq!(assertion.header.get("typ").and_then(Value::as_str), typ);
        assert_eq!(assertion.claims["exp"], START + lifetime);
    };
    check(|policy| policy.audience = AssertionAudience::TokenEndpoint, json!("https://auth.example/token"), Some("JWT"), 60);
    check(
        |policy| {
            policy.audience = AssertionAudience::Value("https://auth.example".to_owned());
            policy.typ = "client-authentication+jwt".to_owned();
        },
        json!("https://auth.example"),
        Some("client-authentication+jwt"),
        60,
    );
    check(
        |policy| {
            policy.audience = AssertionAudience::List(vec!["https://a.example".to_owned(), "https://b.example".to_owned()]);
            policy.typ = String::new();
            policy.lifetime = Duration::from_secs(300);
        },
        json!(["https://a.example", "https://b.example"]),
        None,
        300,
    );
    let world = World::new([]);
    let policy = |change: fn(&mut AssertionPolicy)| {
        let mut policy = AssertionPolicy::default();
        change(&mut policy);
        builder(&world, SigningKey::generate(Algorithm::ES256).unwrap()).assertion(policy).build().unwrap_err().to_string()
    };
    assert!(policy(|policy| policy.audience = AssertionAudience::Issuer).contains("discovery"));
    assert!(policy(|policy| policy.lifetime = Duration::from_millis(900)).contains("a second"));
}

#[test]
fn a_secret_makes_codes_and_is_not_sent() {
    let secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (algorithm, shortest) in [(MacAlgorithm::HS256, 32), (MacAlgorithm::HS384, 48), (MacAlgorithm::HS512, 64)] {
        let world = World::new([token("t", 3600)]);
        let way = ClientAuthentication::SecretJwt(algorithm);
        let client = builder(&world, &secret[..shortest]).authentication(way).build().unwrap();
        world.run(client.token()).unwrap();
        let body = &world.server.bodies()[0];
        let assertion = assertion(body);
        assert_eq!(assertion.algorithm(), algorithm.name());
        assert!(assertion.is_made_of(&secret[..shortest]));
        assert!(!body.contains(&secret[..shortest]) && !body.contains("client_secret="), "{body}");
        // One byte less is refused, at once or when it is read (RFC 7518, section 3.2).
        let error = builder(&world, &secret[..shortest - 1]).authentication(way).build().unwrap_err();
        assert!(error.kind() == ErrorKind::Configuration && error.to_string().contains("too short"), "{error}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &secret[..shortest - 1]).unwrap();
        let client = builder(&world, SecretSource::file(file.path())).authentication(way).build().unwrap();
        let error = world.run(client.token()).unwrap_err();
        assert!(error.kind() == ErrorKind::Secret && error.to_string().contains("too short"), "{error}");
        assert_eq!(world.server.requests(), 1);
    }
}

#[test]
fn assertions_of_the_callers_are_read_for_every_attempt() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "first.assertion.signature\n").unwrap();
    let world = World::new([token("t-1", 3600)]);
    let client = builder(&world, Credential::assertion(SecretSource::file(file.path()))).build().unwrap();
    world.run(client.token()).unwrap();
    std::fs::write(file.path(), "second.assertion.signature").unwrap();
    world.run(client.refresh()).unwrap();
    let sent: Vec<String> = world.server.bodies().iter().map(|body| field(body, "client_assertion")).collect();
    assert_eq!(sent, ["first.assertion.signature", "second.assertion.signature"]);
    // A refused one is not sent again before it changes.
    world.server.then([refuses(401, "invalid_client"), token("t-3", 3600)]);
    let error = world.run(client.refresh()).unwrap_err();
    assert!(error.to_string().contains("client_assertion") && error.to_string().contains("age of the assertion"), "{error}");
    world.clock.advance(Duration::from_secs(2));
    assert!(world.run(client.refresh()).unwrap_err().is_remembered());
    std::fs::write(file.path(), "third.assertion.signature").unwrap();
    world.clock.advance(Duration::from_secs(2));
    world.run(client.refresh()).unwrap();
    assert_eq!(world.server.requests(), 4);
    std::fs::remove_file(file.path()).unwrap();
    let error = world.run(client.refresh()).unwrap_err();
    assert!(error.to_string().starts_with("the assertion could not be read from"), "{error}");
}

#[test]
fn keys_that_cannot_be_used_are_refused_at_once() {
    let check = |result: Result<SigningKey, client_credentials::Error>, part: &str| {
        let error = result.unwrap_err();
        assert!(error.kind() == ErrorKind::Configuration && error.to_string().contains(part), "{part}: {error}");
    };
    check(SigningKey::from_pem("nothing"), "PEM");
    check(SigningKey::from_pem(&pem("CERTIFICATE", b"x")), "PEM");
    check(SigningKey::from_pem(&pem("PRIVATE KEY", b"x")), "none of P-256");
    check(SigningKey::from_pem(&pem("ENCRYPTED PRIVATE KEY", b"x")), "unencrypted");
    check(SigningKey::from_jwk("[]"), "JSON object");
    let [p256, p384, ..] = &keys()[..] else { panic!("keys") };
    check(SigningKey::from_jwk(&p256.public.to_string()), "private key");
    let mut other = p256.jwk.clone();
    other["alg"] = json!("HS256");
    check(SigningKey::from_jwk(&other.to_string()), "HS256");
    other["alg"] = json!("ES256");
    other["kid"] = json!("from-the-jwk");
    assert!(format!("{:?}", SigningKey::from_jwk(&other.to_string()).unwrap()).contains("from-the-jwk"));
    // A private key that is not that of the public one beside it.
    other["x"] = p384.jwk["x"].clone();
    check(SigningKey::from_jwk(&other.to_string()), "private key");
    let world = World::new([]);
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let error = builder(&world, key.clone().algorithm(Algorithm::PS256)).build().unwrap_err();
    assert!(error.to_string().contains("cannot sign with PS256, only with ES256"), "{error}");
    let error = builder(&world, key.clone()).authentication(ClientAuthentication::SecretPost).build().unwrap_err();
    assert!(error.to_string().contains("client_secret_post needs a secret"), "{error}");
    let error = builder(&world, "my-secret").authentication(ClientAuthentication::PrivateKeyJwt).build().unwrap_err();
    assert!(error.to_string().contains("private_key_jwt needs a SigningKey"), "{error}");
    check(key.certificate("nothing"), "no certificate");
}

/// A key that is kept elsewhere.
struct Elsewhere {
    pair: EcdsaKeyPair,
    public: Option<Value>,
    signed: Mutex<usize>,
    fails: Mutex<bool>,
}

impl Signer for Elsewhere {
    fn algorithms(&self) -> &[Algorithm] {
        &[Algorithm::ES256]
    }

    fn public_jwk(&self) -> Option<Value> {
        self.public.clone()
    }

    fn sign<'a>(&'a self, algorithm: Algorithm, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        assert_eq!(algorithm, Algorithm::ES256);
        *self.signed.lock().unwrap() += 1;
        let random = aws_lc_rs::rand::SystemRandom::new();
        let result = if *self.fails.lock().unwrap() { Err("the vault is closed".to_owned()) } else { Ok(()) };
        let result = result.map(|()| self.pair.sign(&random, message).unwrap().as_ref().to_vec());
        Box::pin(std::future::ready(result))
    }
}

fn elsewhere(has_public_key: bool) -> (Arc<Elsewhere>, Value) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (_, public) = ec_jwk(&pair, "P-256");
    let given = has_public_key.then(|| public.clone());
    (Arc::new(Elsewhere { pair, public: given, signed: Mutex::default(), fails: Mutex::default() }), public)
}

#[test]
fn whoever_signs_elsewhere_is_asked_for_every_attempt() {
    let (signer, public) = elsewhere(false);
    let world = World::new([refuses(503, "x"), token("t", 3600)]);
    let key = SigningKey::from_signer(Arc::clone(&signer)).key_id("vault-7");
    let client = builder(&world, key.clone()).build().unwrap();
    world.run(client.token()).unwrap();
    assert_eq!(*signer.signed.lock().unwrap(), 2);
    assert!(world.server.bodies().iter().all(|body| assertion(body).is_signed_by(&public)));
    *signer.fails.lock().unwrap() = true;
    let error = world.run(client.refresh()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Secret);
    assert!(error.to_string().contains("the vault is closed") && error.is_retryable(), "{error}");
    assert_eq!(world.server.requests(), 2, "nothing is sent without a signature");
    // A proof has to show the public key.
    let error = builder(&world, "my-secret").dpop(key).build().unwrap_err();
    assert!(error.to_string().contains("public key"), "{error}");
}

#[test]
fn a_certificate_names_the_key_by_its_thumbprint() {
    let certificate = rcgen::generate_simple_self_signed(["my-id".to_owned()]).unwrap();
    let key = SigningKey::from_pem(&pem("PRIVATE KEY", &certificate.signing_key.serialize_der())).unwrap();
    let key = key.certificate(&pem("CERTIFICATE", certificate.cert.der())).unwrap();
    let world = World::new([token("t", 3600)]);
    let client = builder(&world, key).build().unwrap();
    world.run(client.token()).unwrap();
    let header = assertion(&world.server.bodies()[0]).header;
    assert_eq!(header["x5t#S256"], sha_256(certificate.cert.der()));
}

/// A token of the type DPoP.
fn bound(name: &str) -> Does {
    answer(200, &format!(r#"{{"access_token":"{name}","token_type":"DPoP","expires_in":3600}}"#))
}

/// An answer with a nonce.
fn with_nonce(does: Does, nonce: &str) -> Does {
    let Does::Answers(status, mut headers, body) = does else { panic!("an answer") };
    headers.push(("dpop-nonce", nonce.to_owned()));
    Does::Answers(status, headers, body)
}

fn proof(world: &World, index: usize) -> Jws {
    Jws::parse(&world.server.header(index, "dpop").expect("a proof")).expect("a signed proof")
}

fn api() -> Uri {
    Uri::from_static("https://api.example/orders?page=2")
}

fn proof_of(headers: &HeaderMap) -> Jws {
    assert!(headers["dpop"].is_sensitive());
    Jws::parse(headers["dpop"].to_str().unwrap()).expect("a signed proof")
}

#[test]
fn proofs_are_made_with_every_kind_of_key() {
    for key in keys() {
        for algorithm in key.algorithms {
            let world = World::new([bound("t-1")]);
            let signing = SigningKey::from_jwk(&key.jwk.to_string()).unwrap().algorithm(*algorithm).key_id("not in proofs");
            let client = builder(&world, "my-secret").dpop(signing).build().unwrap();
            let token = world.run(client.token()).unwrap();
            assert_eq!((token.token_type(), token.access_token()), (TokenType::Dpop, "t-1"));
            let proof = proof(&world, 0);
            assert!(proof.is_signed_by(&key.public), "{} {algorithm:?}", key.name);
            assert_eq!(proof.header, json!({"typ": "dpop+jwt", "alg": algorithm.name(), "jwk": key.public}), "{}", key.name);
            let Value::Object(mut claims) = proof.claims else { panic!("an object") };
            assert!(claims.remove("jti").unwrap().as_str().unwrap().len() >= 22);
            // Without the query (RFC 9449, section 4.2).
            assert_eq!(Value::Object(claims), json!({"htm": "POST", "htu": "https://auth.example/token", "iat": START}));
        }
    }
}

#[test]
fn the_nonce_of_the_authorization_server_is_sent_back() {
    // JSON is not understood; the form needs a nonce; the success brings the next one.
    let world = World::new([
        refuses(400, "invalid_request"),
        with_nonce(refuses(400, "use_dpop_nonce"), "n-1"),
        with_nonce(bound("t-1"), "n-2"),
        bound("t-2"),
    ]);
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let credential = SigningKey::generate(Algorithm::ES256).unwrap();
    let client = builder(&world, credential).dpop(key).body_format(BodyFormat::Auto).build().unwrap();
    let before = world.clock.next();
    world.run(client.token()).unwrap();
    assert_eq!(before, None);
    world.run(client.refresh()).unwrap();
    let nonces: Vec<Option<Value>> = (0..4).map(|index| proof(&world, index).claims.get("nonce").cloned()).collect();
    assert_eq!(nonces, [None, None, Some(json!("n-1")), Some(json!("n-2"))]);
    let identifiers: HashSet<String> = (0..4).map(|index| proof(&world, index).claims["jti"].to_string()).collect();
    assert_eq!(identifiers.len(), 4, "every attempt has a proof of its own");
    // And an assertion of its own (RFC 7523, section 3).
    let assertions: HashSet<String> = world.server.bodies()[1..].iter().map(|body| assertion(body).claims["jti"].to_string()).collect();
    assert_eq!(assertions.len(), 3);
}

#[test]
fn a_server_that_always_wants_another_nonce_is_asked_twice() {
    let world = World::new([with_nonce(refuses(400, "use_dpop_nonce"), "n")]);
    let client = builder(&world, "my-secret").dpop(SigningKey::generate(Algorithm::ES256).unwrap()).build().unwrap();
    let error = world.run(client.token()).unwrap_err();
    assert_eq!((world.server.requests(), error.attempts()), (2, 2));
    assert_eq!((error.kind(), error.oauth().unwrap().code()), (ErrorKind::OAuth, "use_dpop_nonce"));
    assert!(error.to_string().contains("clock"), "{error}");
    assert!(world.run(client.token()).unwrap_err().is_remembered());
    // Without a nonce there is nothing to send back.
    let world = World::new([refuses(400, "use_dpop_nonce")]);
    let client = builder(&world, "my-secret").dpop(SigningKey::generate(Algorithm::ES256).unwrap()).build().unwrap();
    world.run(client.token()).unwrap_err();
    assert_eq!(world.server.requests(), 1);
}

#[test]
fn a_token_that_is_not_bound_is_thrown_away() {
    let dpop = |world: &World| builder(world, "my-secret").dpop(SigningKey::generate(Algorithm::ES256).unwrap()).build().unwrap();
    for does in [token("t-1", 3600), answer(200, r#"{"access_token":"t-1","expires_in":3600}"#)] {
        let world = World::new([does]);
        let client = dpop(&world);
        let error = world.run(client.token()).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::BindingDowngrade, false), "{error}");
        assert!(!client.authorized() && !error.to_string().contains("t-1"), "{error}");
        assert_eq!(world.server.requests(), 1);
        world.clock.advance(Duration::from_secs(200));
        assert!(world.run(client.token()).unwrap_err().is_remembered());
    }
    // It is what counts, when another body format was not understood before.
    let world = World::new([refuses(400, "invalid_request"), token("t-1", 3600)]);
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let client = builder(&world, "my-secret").dpop(key).body_format(BodyFormat::Auto).build().unwrap();
    assert_eq!(world.run(client.token()).unwrap_err().kind(), ErrorKind::BindingDowngrade);
    // The name has no case (RFC 6749, section 5.1).
    for name in ["DPoP", "dpop", "DPOP", "dPoP"] {
        let world = World::new([answer(200, &format!(r#"{{"access_token":"t-1","token_type":"{name}","expires_in":3600}}"#))]);
        let token = world.run(dpop(&world).token()).unwrap();
        assert_eq!(token.header(), "DPoP t-1");
    }
    // Nobody asked for one.
    let world = World::new([bound("t-1")]);
    let error = world.run(builder(&world, "my-secret").build().unwrap().token()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedTokenType);
    assert!(error.to_string().contains("dpop()"), "{error}");
}

#[test]
fn every_request_to_a_resource_server_has_its_own_proof() {
    let world = World::new([bound("t-1")]);
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let client = builder(&world, "my-secret").dpop(key).allow_origin("https://api.example").build().unwrap();
    let token = world.run(client.authorization(&api())).unwrap();
    let headers = world.run(client.headers_for(&token, &Method::PUT, &api())).unwrap();
    assert_eq!(headers["authorization"], "DPoP t-1");
    assert!(headers.len() == 2 && headers["authorization"].is_sensitive());
    let first = proof_of(&headers);
    assert!(first.is_signed_by(&proof(&world, 0).header["jwk"]), "by the key that the token is bound to");
    let claims = &first.claims;
    assert_eq!((&claims["htm"], &claims["htu"]), (&json!("PUT"), &json!("https://api.example/orders")));
    assert_eq!((&claims["ath"], claims.get("nonce")), (&json!(sha_256(b"t-1")), None));
    let second = proof_of(&world.run(client.authorization_headers(&Method::PUT, &api())).unwrap());
    assert_ne!(first.claims["jti"], second.claims["jti"]);
    // As servers write an address (RFC 3986, section 6.2).
    let other = Uri::from_static("https://API.example:443");
    let third = proof_of(&world.run(client.authorization_headers(&Method::GET, &other)).unwrap());
    assert_eq!(third.claims["htu"], "https://api.example/");
}

#[test]
fn nonces_of_resource_servers_are_kept_by_origin() {
    let world = World::new([with_nonce(bound("t-1"), "authorization-server")]);
    let client = builder(&world, "my-secret")
        .dpop(SigningKey::generate(Algorithm::ES256).unwrap())
        .allow_origin("https://api.example")
        .allow_origin("https://other.example")
        // The same origin as the authorization server's, and another server all the same.
        .allow_origin("https://auth.example")
        .build()
        .unwrap();
    let nonce = |target: &'static str| {
        proof_of(&world.run(client.authorization_headers(&Method::GET, &Uri::from_static(target))).unwrap()).claims.get("nonce").cloned()
    };
    let token = world.run(client.token()).unwrap();
    for target in ["https://api.example/a", "https://other.example/", "https://auth.example/api"] {
        assert_eq!(nonce(target), None, "{target}");
    }
    let mut headers = HeaderMap::new();
    headers.insert("dpop-nonce", HeaderValue::from_static("api-1"));
    headers.insert("www-authenticate", HeaderValue::from_static(r#"DPoP error="use_dpop_nonce", algs="ES256""#));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(client.observe(&token, &api(), StatusCode::UNAUTHORIZED, &headers), Advice::Replay);
    assert!(client.authorized(), "the token is good");
    assert_eq!(nonce("https://api.example/b"), Some(json!("api-1")));
    assert_eq!((nonce("https://other.example/"), nonce("https://auth.example/api")), (None, None));
    // A success may bring the next one (RFC 9449, section 8.2).
    headers.remove("www-authenticate");
    headers.insert("dpop-nonce", HeaderValue::from_static("api-2"));
    assert_eq!(client.observe(&token, &api(), StatusCode::OK, &headers), Advice::NotAboutTheToken);
    assert_eq!(nonce("https://api.example/b"), Some(json!("api-2")));
    // A challenge without a nonce cannot be met, and is nothing that a new token changes.
    headers.remove("dpop-nonce");
    headers.insert("www-authenticate", HeaderValue::from_static(r#"DPoP error="use_dpop_nonce""#));
    assert_eq!(client.observe(&token, &api(), StatusCode::UNAUTHORIZED, &headers), Advice::Rejected);
    // A token is refused as any other.
    headers.insert("www-authenticate", HeaderValue::from_static(r#"Bearer, DPoP error="invalid_token""#));
    assert_eq!(client.observe(&token, &api(), StatusCode::UNAUTHORIZED, &headers), Advice::Replay);
    assert!(!client.authorized());
}

#[test]
fn a_token_serves_while_its_key_does_not_sign() {
    let (signer, _) = elsewhere(true);
    let world = World::new([bound("t-1")]);
    let key = SigningKey::from_signer(Arc::clone(&signer));
    let client = builder(&world, "my-secret").dpop(key).allow_origin("https://api.example").retry(Retry::none()).build().unwrap();
    world.run(client.token()).unwrap();
    *signer.fails.lock().unwrap() = true;
    let error = world.run(client.authorization_headers(&Method::GET, &api())).unwrap_err();
    assert!(error.kind() == ErrorKind::Secret && error.to_string().contains("api.example: the key did not sign"), "{error}");
    assert!(client.authorized());
    let error = world.run(client.refresh()).unwrap_err();
    assert!(error.kind() == ErrorKind::Secret && error.to_string().contains("the vault is closed"), "{error}");
    assert_eq!(world.server.requests(), 1);
    *signer.fails.lock().unwrap() = false;
    assert!(world.run(client.authorization_headers(&Method::GET, &api())).is_ok());
}
