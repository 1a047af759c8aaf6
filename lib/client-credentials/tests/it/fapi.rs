//! The FAPI 2.0 profile: what it refuses, and the three modules of the OpenID conformance suite for this grant
//! (`fapi2-security-profile-final-client-test-plan` with `fapi_client_credentials_grant`), in memory.

use std::time::Duration;

use client_credentials::{
    Advice, Algorithm, AssertionAudience, AssertionPolicy, BodyFormat, Client, ClientBuilder, ClientCertificate, Credential, ErrorKind,
    Preset, Profile, SecretSource, SigningKey,
};
use http::{Method, Uri};
use serde_json::{Value, json};

use crate::careful_server::{API, CLIENT, CarefulServer, ISSUER, Rules};
use crate::jose::ec_jwk;
use crate::support::VirtualClock;

/// A client's key, and what the server knows of it.
fn client_key() -> (SigningKey, Value) {
    let curve = &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let (jwk, public) = ec_jwk(&aws_lc_rs::signature::EcdsaKeyPair::generate(curve).unwrap(), "P-256");
    (SigningKey::from_jwk(&jwk.to_string()).unwrap(), public)
}

struct Plan {
    clock: VirtualClock,
    server: CarefulServer,
    client: Client,
}

impl Plan {
    fn new(change: impl FnOnce(&mut Rules)) -> Self {
        let (key, client_key) = client_key();
        let mut rules =
            Rules { client_key, wants_nonce: true, token_type: "DPoP", algorithms: json!(["PS256", "ES256"]), failures: Vec::new() };
        change(&mut rules);
        let clock = VirtualClock::new();
        let server = CarefulServer::new(&clock, rules);
        let client = profile(key)
            .dpop(SigningKey::generate(Algorithm::ES256).unwrap())
            .scope("orders:read")
            .allow_origin("https://api.example")
            .http_client(server.clone())
            .clock(clock.clone())
            .build()
            .unwrap();
        Self { clock, server, client }
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..100 {
            if let std::task::Poll::Ready(result) = future.as_mut().poll(&mut context) {
                return result;
            }
            self.clock.advance(self.clock.next().expect("somebody sleeps"));
        }
        panic!("it never ends");
    }

    /// A request to the API as the README says it, and the status it ends with.
    fn call(&self) -> u16 {
        let target = Uri::from_static(API);
        let mut may_replay = true;
        loop {
            let token = self.run(self.client.authorization(&target)).unwrap();
            let headers = self.run(self.client.headers_for(&token, &Method::GET, &target)).unwrap();
            let response = self.server.call(&Method::GET, API, &headers);
            match self.client.observe(&token, &target, response.status(), response.headers()) {
                Advice::Replay if may_replay => may_replay = false,
                _ => return response.status().as_u16(),
            }
        }
    }
}

fn profile(credential: impl Into<Credential>) -> ClientBuilder {
    Client::discover(ISSUER, CLIENT, credential).profile(Profile::Fapi2).body_format(BodyFormat::Form)
}

const METADATA: &str = "GET /.well-known/oauth-authorization-server 200";

#[test]
fn happy_path() {
    let plan = Plan::new(|_| {});
    assert_eq!(plan.call(), 200);
    let expected =
        [METADATA, "POST /token 400", "POST /token 200", "GET https://api.example/orders 401", "GET https://api.example/orders 200"];
    assert_eq!(plan.server.requests(), expected);
    // The same nonces do again, and so does the token.
    assert_eq!(plan.call(), 200);
    assert_eq!(plan.server.requests()[5..], ["GET https://api.example/orders 200"]);
    // New nonces on both sides cost one attempt each.
    plan.server.rotate_nonces();
    plan.clock.advance(Duration::from_secs(290));
    assert_eq!(plan.call(), 200);
    let expected = ["POST /token 400", "POST /token 200", "GET https://api.example/orders 401", "GET https://api.example/orders 200"];
    assert_eq!(plan.server.requests()[6..], expected);
}

#[test]
fn happy_path_without_dpop_nonce() {
    let plan = Plan::new(|rules| rules.wants_nonce = false);
    assert_eq!(plan.call(), 200);
    assert_eq!(plan.call(), 200);
    let calls = ["GET https://api.example/orders 200"; 2];
    assert_eq!(plan.server.requests(), [&[METADATA, "POST /token 200"], &calls[..]].concat());
}

#[test]
fn token_type_case_insensitivity() {
    for token_type in ["dpop", "DPOP", "dPoP"] {
        let plan = Plan::new(|rules| rules.token_type = token_type);
        assert_eq!(plan.call(), 200, "{token_type}");
        assert_eq!(plan.client.headers()["authorization"].to_str().unwrap()[..5], *"DPoP ", "{token_type}");
    }
}

#[test]
fn assertions_and_proofs_are_new_when_the_server_fails() {
    let plan = Plan::new(|rules| rules.failures = vec![503, 500]);
    assert_eq!(plan.call(), 200);
    let mut assertions = plan.server.assertions();
    assert_eq!(assertions.len(), 4, "two failures, one without a nonce, and a success");
    assertions.sort();
    assertions.dedup();
    assert_eq!(assertions.len(), 4);
}

#[test]
fn a_bearer_token_is_no_success() {
    let plan = Plan::new(|rules| rules.token_type = "Bearer");
    let error = plan.run(plan.client.token()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BindingDowngrade, "{error}");
}

#[test]
fn what_the_profile_forbids_is_refused_at_once() {
    let (key, _) = client_key();
    let dpop = || SigningKey::generate(Algorithm::ES256).unwrap();
    let check = |builder: ClientBuilder, part: &str| {
        let error = builder.build().unwrap_err();
        let text = error.to_string();
        assert!(error.kind() == ErrorKind::Configuration && text.starts_with("FAPI 2.0 ") && text.contains(part), "{part}: {text}");
    };
    let policy = |change: fn(&mut AssertionPolicy)| {
        let mut policy = AssertionPolicy::default();
        change(&mut policy);
        profile(key.clone()).dpop(dpop()).assertion(policy)
    };
    let form = |builder: ClientBuilder| builder.profile(Profile::Fapi2).body_format(BodyFormat::Form).dpop(dpop());
    check(profile("my-secret").dpop(dpop()), "no client secrets");
    check(profile(Credential::assertion(SecretSource::file("x"))).dpop(dpop()), "Credential::assertion");
    check(profile(key.clone()), "bound to the client");
    check(form(Client::builder("https://auth.example/token", CLIENT, key.clone())), "Client::discover()");
    check(form(Client::discover("http://127.0.0.1:1", CLIENT, key.clone()).allow_http_on_loopback()), "plain http");
    check(profile(key.clone()).dpop(dpop()).revocation_endpoint("https://auth.example/revoke"), "name no endpoints");
    check(profile(key.clone()).dpop(dpop()).introspection_endpoint("https://auth.example/introspect"), "name no endpoints");
    check(profile(key.clone()).dpop(dpop()).allow_issuer_slash(), "to the letter");
    check(profile(key.clone()).dpop(dpop()).body_format(BodyFormat::Auto), "forms");
    check(profile(key.clone()).dpop(dpop()).body_format(BodyFormat::Json), "forms");
    for wrong in [Algorithm::ES384, Algorithm::RS256] {
        let wrong_key = SigningKey::generate(wrong).unwrap();
        check(
            profile(wrong_key.clone()).dpop(dpop()),
            &format!("but not {}: say which with SigningKey::algorithm for assertions", wrong.name()),
        );
        check(profile(key.clone()).dpop(wrong_key), &format!("but not {}: say which with SigningKey::algorithm for DPoP", wrong.name()));
    }
    check(policy(|policy| policy.audience = AssertionAudience::TokenEndpoint), "for the issuer alone");
    check(policy(|policy| policy.audience = AssertionAudience::Value(ISSUER.to_owned())), "for the issuer alone");
    check(policy(|policy| policy.audience = AssertionAudience::List(vec![ISSUER.to_owned()])), "for the issuer alone");
    check(policy(|policy| policy.lifetime = Duration::from_secs(61)), "a minute at most");
    let mut form_answers = Preset::OIDC_PROVIDER;
    form_answers.form_answer = true;
    form_answers.authentication = client_credentials::ClientAuthentication::PrivateKeyJwt;
    check(profile(key.clone()).dpop(dpop()).preset(&form_answers), "answers in JSON");
}

#[test]
fn what_the_profile_allows_is_built() {
    let (key, _) = client_key();
    let clock = VirtualClock::new();
    let rules = Rules { client_key: json!({}), wants_nonce: false, token_type: "DPoP", algorithms: json!([]), failures: Vec::new() };
    let server = CarefulServer::new(&clock, rules);
    let build = |builder: ClientBuilder| builder.http_client(server.clone()).build().unwrap();
    let certificate = ClientCertificate::of_http_client;
    for algorithm in [Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA] {
        let other = SigningKey::generate(algorithm).unwrap();
        build(profile(other.clone()).dpop(other));
    }
    build(profile(key).client_certificate(certificate()));
    build(profile(certificate()));
    build(profile(certificate()).dpop(SigningKey::generate(Algorithm::ES256).unwrap()));
}
