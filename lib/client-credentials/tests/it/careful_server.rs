//! An authorization server and a resource server that look at everything: what the FAPI 2.0 conformance suite checks of a client with this
//! grant, in memory. What they dislike is in `error_description`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use client_credentials::{BoxFuture, Clock as _, HttpClient, Limits, TransportError};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use serde_json::{Value, json};

use crate::jose::{Jws, sha_256};
use crate::support::VirtualClock;

pub(crate) const ISSUER: &str = "https://auth.example";
pub(crate) const API: &str = "https://api.example/orders";
pub(crate) const CLIENT: &str = "my-id";

/// What can differ.
#[derive(Clone)]
pub(crate) struct Rules {
    /// The client's public key.
    pub(crate) client_key: Value,
    pub(crate) wants_nonce: bool,
    /// As it is written in the answer.
    pub(crate) token_type: &'static str,
    pub(crate) algorithms: Value,
    /// Statuses of further failures before anything else.
    pub(crate) failures: Vec<u16>,
}

#[derive(Clone)]
pub(crate) struct CarefulServer {
    clock: VirtualClock,
    state: Arc<Mutex<State>>,
}

struct State {
    rules: Rules,
    /// Every `jti` that was used, of assertions and proofs.
    used: HashSet<String>,
    /// The key that each token is bound to.
    tokens: HashMap<String, Value>,
    /// The current nonces of both sides.
    nonces: [u32; 2],
    requests: Vec<String>,
    assertions: Vec<String>,
}

type Checked<T> = Result<T, (&'static str, String)>;

impl CarefulServer {
    pub(crate) fn new(clock: &VirtualClock, rules: Rules) -> Self {
        let state =
            State { rules, used: HashSet::new(), tokens: HashMap::new(), nonces: [100, 200], requests: Vec::new(), assertions: Vec::new() };
        Self { clock: clock.clone(), state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Method, path and status of every request.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    /// The client's assertions as they came.
    pub(crate) fn assertions(&self) -> Vec<String> {
        self.lock().assertions.clone()
    }

    /// Old nonces are worth nothing from now on.
    pub(crate) fn rotate_nonces(&self) {
        self.lock().nonces.iter_mut().for_each(|nonce| *nonce += 1);
    }

    /// A request to the resource server.
    pub(crate) fn call(&self, method: &Method, target: &str, headers: &HeaderMap) -> Response<Bytes> {
        let mut state = self.lock();
        let now = self.clock.now().wall;
        let (status, challenge) = match state.use_token(now, method, target, headers) {
            Ok(()) => (StatusCode::OK, None),
            Err((code, text)) => {
                (StatusCode::UNAUTHORIZED, Some(format!("DPoP error=\"{code}\", error_description=\"{text}\", algs=\"ES256\"")))
            }
        };
        state.requests.push(format!("{method} {target} {}", status.as_u16()));
        let mut response = Response::builder().status(status);
        if state.rules.wants_nonce {
            response = response.header("dpop-nonce", format!("rs-{}", state.nonces[1]));
        }
        if let Some(challenge) = challenge {
            response = response.header("www-authenticate", challenge);
        }
        response.body(Bytes::new()).unwrap()
    }
}

impl State {
    fn answer(&mut self, now: SystemTime, request: &Request<Bytes>) -> Response<Bytes> {
        let json = |status: u16, body: &Value| {
            Response::builder().status(status).header("content-type", "application/json").body(body.to_string().into())
        };
        let path = request.uri().path();
        if request.method() == Method::GET && path == "/.well-known/oauth-authorization-server" {
            return json(200, &self.metadata()).unwrap();
        }
        if !self.rules.failures.is_empty() {
            let status = self.rules.failures.remove(0);
            // Whatever was sent with it is used up all the same.
            let _ = self.token(now, request);
            return json(status, &json!({})).unwrap();
        }
        let mut response = match (request.method(), path) {
            (&Method::POST, "/token") => match self.token(now, request) {
                Ok(token) => json(200, &json!({"access_token": token, "token_type": self.rules.token_type, "expires_in": 300})),
                Err((code, text)) => json(400, &json!({"error": code, "error_description": text})),
            },
            _ => json(404, &json!({})),
        }
        .unwrap();
        if self.rules.wants_nonce {
            response.headers_mut().insert("dpop-nonce", format!("as-{}", self.nonces[0]).parse().unwrap());
        }
        response
    }

    fn metadata(&self) -> Value {
        json!({
            "issuer": ISSUER,
            "token_endpoint": format!("{ISSUER}/token"),
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "tls_client_auth"],
            "token_endpoint_auth_signing_alg_values_supported": self.rules.algorithms,
            "dpop_signing_alg_values_supported": self.rules.algorithms,
        })
    }

    /// A new token, if the request is in order.
    fn token(&mut self, now: SystemTime, request: &Request<Bytes>) -> Checked<String> {
        let invalid = |text: &str| Err(("invalid_request", text.to_owned()));
        let headers = request.headers();
        if headers.get("content-type").is_none_or(|kind| kind != "application/x-www-form-urlencoded") {
            return invalid("it is not a form");
        }
        if headers.contains_key("authorization") || request.uri().query().is_some() {
            return invalid("there is an Authorization header or a query");
        }
        let fields: Vec<(String, String)> = form_urlencoded::parse(request.body()).into_owned().collect();
        let field = |name: &str| {
            let mut values = fields.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
            values.next().filter(|_| values.next().is_none()).unwrap_or_default()
        };
        if field("grant_type") != "client_credentials" || fields.iter().any(|(name, _)| name == "client_secret") {
            return invalid("the grant is another one, or there is a secret");
        }
        if field("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
            return invalid("no client_assertion_type");
        }
        self.assertions.push(field("client_assertion").to_owned());
        self.check_assertion(now, field("client_assertion"))?;
        let key = self.check_proof(now, headers, request.method(), &format!("{ISSUER}/token"), None)?;
        let token = format!("token-{}-abcdefgh", self.tokens.len());
        self.tokens.insert(token.clone(), key);
        Ok(token)
    }

    fn check_assertion(&mut self, now: SystemTime, text: &str) -> Checked<()> {
        let invalid = |text: &str| Err(("invalid_client", text.to_owned()));
        let Some(assertion) = Jws::parse(text) else { return invalid("it is not signed") };
        if !assertion.is_signed_by(&self.rules.client_key) || !self.takes(assertion.algorithm()) {
            return invalid("the signature is wrong");
        }
        let claims = &assertion.claims;
        if claims["iss"] != CLIENT || claims["sub"] != CLIENT {
            return invalid("iss or sub is not the client");
        }
        // One text, not a list.
        if claims["aud"] != ISSUER {
            return invalid("aud is not the issuer alone");
        }
        let (Some(issued), Some(expires)) = (claims["iat"].as_u64(), claims["exp"].as_u64()) else { return invalid("no iat or exp") };
        if issued.abs_diff(seconds(now)) > 10 || expires <= seconds(now) || expires > issued + 60 {
            return invalid("it is too old, or for too long");
        }
        if !self.is_new(&claims["jti"]) {
            return invalid("its jti was used before");
        }
        Ok(())
    }

    /// The key of a proof that is in order.
    fn check_proof(&mut self, now: SystemTime, headers: &HeaderMap, method: &Method, target: &str, token: Option<&str>) -> Checked<Value> {
        let invalid = |text: &str| Err(("invalid_dpop_proof", text.to_owned()));
        let mut proofs = headers.get_all("dpop").iter();
        let (Some(proof), None) = (proofs.next(), proofs.next()) else { return invalid("there is not one proof") };
        let Some(proof) = Jws::parse(proof.to_str().unwrap_or_default()) else { return invalid("it is not signed") };
        let key = proof.header["jwk"].clone();
        if proof.header["typ"] != "dpop+jwt" || !proof.is_signed_by(&key) || !self.takes(proof.algorithm()) {
            return invalid("its type or signature is wrong");
        }
        if ["d", "p", "q", "k"].iter().any(|name| key.get(name).is_some()) {
            return invalid("it gives the private key away");
        }
        let claims = &proof.claims;
        if claims["htm"] != method.as_str() || claims["htu"] != target {
            return invalid("it is for another request");
        }
        if claims["iat"].as_u64().is_none_or(|issued| issued.abs_diff(seconds(now)) > 10) {
            return invalid("it is too old");
        }
        if claims.get("ath").and_then(Value::as_str).map(ToOwned::to_owned) != token.map(|token| sha_256(token.as_bytes())) {
            return invalid("it is for another token");
        }
        if !self.is_new(&claims["jti"]) {
            return invalid("its jti was used before");
        }
        let nonce = if token.is_some() { format!("rs-{}", self.nonces[1]) } else { format!("as-{}", self.nonces[0]) };
        if self.rules.wants_nonce && claims["nonce"] != nonce {
            return Err(("use_dpop_nonce", "the nonce is missing or old".to_owned()));
        }
        Ok(key)
    }

    fn use_token(&mut self, now: SystemTime, method: &Method, target: &str, headers: &HeaderMap) -> Checked<()> {
        let value = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(token) = value.strip_prefix("DPoP ") else { return Err(("invalid_token", "it is no DPoP token".to_owned())) };
        let Some(bound_to) = self.tokens.get(token).cloned() else { return Err(("invalid_token", "nobody issued it".to_owned())) };
        let uri: Uri = target.parse().unwrap();
        let without_query = format!("{}://{}{}", uri.scheme_str().unwrap(), uri.authority().unwrap(), uri.path());
        let key = self.check_proof(now, headers, method, &without_query, Some(token))?;
        if key != bound_to {
            return Err(("invalid_token", "it is bound to another key".to_owned()));
        }
        Ok(())
    }

    fn takes(&self, algorithm: &str) -> bool {
        self.rules.algorithms.as_array().unwrap().iter().any(|one| one == algorithm)
    }

    fn is_new(&mut self, jti: &Value) -> bool {
        // 96 random bits are 16 letters.
        jti.as_str().is_some_and(|jti| jti.len() >= 16 && self.used.insert(jti.to_owned()))
    }
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since: Duration| since.as_secs())
}

impl HttpClient for CarefulServer {
    fn send(&self, request: Request<Bytes>, _limits: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let mut state = self.lock();
        assert_eq!(request.uri().authority().map(http::uri::Authority::as_str), Some("auth.example"));
        let response = state.answer(self.clock.now().wall, &request);
        let line = format!("{} {} {}", request.method(), request.uri().path(), response.status().as_u16());
        state.requests.push(line);
        Box::pin(std::future::ready(Ok(response)))
    }
}
