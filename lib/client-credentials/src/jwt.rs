//! Assertions and proofs of possession: JSON Web Tokens (RFC 7519) that are signed here (RFC 7515).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, Method, Uri};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::address::Origin;
use crate::{Algorithm, AssertionPolicy, MacAlgorithm, Secret, SigningKey};

/// The header of a proof (RFC 9449, section 4.1), and that of a nonce (section 8.1).
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What an assertion is made of.
pub(crate) struct Claims<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) audience: Value,
    pub(crate) policy: &'a AssertionPolicy,
    pub(crate) now: SystemTime,
}

impl Claims<'_> {
    /// RFC 7523, section 3, and OpenID Connect Core, section 9, which wants a `jti`.
    fn members(&self) -> Result<Value, String> {
        let now = seconds(self.now);
        Ok(json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "jti": unique()?,
            "iat": now,
            "exp": now.saturating_add(self.policy.lifetime.as_secs()),
        }))
    }

    fn header(&self, algorithm: &str) -> Map<String, Value> {
        let typ = Some(&self.policy.typ).filter(|typ| !typ.is_empty()).map(|typ| ("typ".to_owned(), json!(typ)));
        [("alg".to_owned(), json!(algorithm))].into_iter().chain(typ).collect()
    }
}

/// An assertion for `private_key_jwt`.
pub(crate) async fn signed_assertion(key: &SigningKey, algorithm: Algorithm, claims: &Claims<'_>) -> Result<Secret, String> {
    let mut header = claims.header(algorithm.name());
    header.extend(key.header());
    Ok(Secret::from(signed(key, algorithm, header, &claims.members()?).await?))
}

/// An assertion for `client_secret_jwt`.
pub(crate) fn coded_assertion(secret: &Secret, algorithm: MacAlgorithm, claims: &Claims<'_>) -> Result<Secret, String> {
    let shortest = algorithm.shortest();
    if secret.expose().len() < shortest {
        let name = algorithm.name();
        return Err(format!("the client secret is too short for {name}, which wants {shortest} bytes (RFC 7518, section 3.2)"));
    }
    let hash = match algorithm {
        MacAlgorithm::HS256 => hmac::HMAC_SHA256,
        MacAlgorithm::HS384 => hmac::HMAC_SHA384,
        MacAlgorithm::HS512 => hmac::HMAC_SHA512,
    };
    let message = message(claims.header(algorithm.name()), &claims.members()?);
    let code = hmac::sign(&hmac::Key::new(hash, secret.expose().as_bytes()), message.as_bytes());
    Ok(Secret::from(format!("{message}.{}", URL_SAFE_NO_PAD.encode(code))))
}

/// Whose nonce it is: that of an authorization server is no other server's, even at the same origin (RFC 9449, section 9).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    AuthorizationServer,
    ResourceServer,
}

/// The last nonce of every server, which the next proof for it repeats (RFC 9449, sections 8 and 9).
#[derive(Default)]
pub(crate) struct Nonces(Mutex<HashMap<(Side, Origin), String>>);

/// Longest nonce that is sent back, and most servers whose nonces are kept.
const LONGEST: usize = 4 * 1024;
const MOST: usize = 1_024;

impl Nonces {
    pub(crate) fn of(&self, side: Side, target: &Uri) -> Option<String> {
        self.lock().get(&(side, Origin::of(target)?)).cloned()
    }

    /// Keeps the nonce of an answer. Whether there is one.
    pub(crate) fn learn(&self, side: Side, target: &Uri, headers: &HeaderMap) -> bool {
        let nonce = headers.get(DPOP_NONCE).and_then(|nonce| nonce.to_str().ok()).filter(|nonce| (1..=LONGEST).contains(&nonce.len()));
        let Some((nonce, origin)) = nonce.zip(Origin::of(target)) else {
            return false;
        };
        let mut nonces = self.lock();
        if nonces.len() >= MOST && !nonces.contains_key(&(side, origin.clone())) {
            nonces.clear();
        }
        nonces.insert((side, origin), nonce.to_owned());
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Side, Origin), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a proof is about.
pub(crate) struct Use<'a> {
    pub(crate) method: &'a Method,
    pub(crate) target: &'a Uri,
    /// The access token that is sent along.
    pub(crate) token: Option<&'a str>,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) now: SystemTime,
}

/// A proof of possession for one request (RFC 9449, section 4.2).
pub(crate) async fn proof(key: &SigningKey, algorithm: Algorithm, what: &Use<'_>) -> Result<String, String> {
    let jwk = key.public_jwk().ok_or("the signer gives no public key, which a DPoP proof has to have")?;
    let header = [("typ", json!("dpop+jwt")), ("alg", json!(algorithm.name())), ("jwk", jwk)];
    let mut claims = Map::new();
    claims.insert("jti".to_owned(), json!(unique()?));
    claims.insert("htm".to_owned(), json!(what.method.as_str()));
    claims.insert("htu".to_owned(), json!(without_query(what.target)));
    claims.insert("iat".to_owned(), json!(seconds(what.now)));
    if let Some(token) = what.token {
        claims.insert("ath".to_owned(), json!(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes()))));
    }
    if let Some(nonce) = what.nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    signed(key, algorithm, header.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(), &Value::Object(claims)).await
}

async fn signed(key: &SigningKey, algorithm: Algorithm, header: Map<String, Value>, claims: &Value) -> Result<String, String> {
    let message = message(header, claims);
    let signature = key.sign(algorithm, message.as_bytes()).await.map_err(|why| format!("the key did not sign: {why}"))?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// What is signed (RFC 7515, section 7.1).
fn message(header: Map<String, Value>, claims: &Value) -> String {
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encoded(&Value::Object(header)), encoded(claims))
}

/// A name that nobody uses twice: 128 random bits.
fn unique() -> Result<String, String> {
    let mut bytes = Zeroizing::new([0; 16]);
    rand::fill(&mut bytes[..]).map_err(|_| "the system gives no random numbers".to_owned())?;
    Ok(URL_SAFE_NO_PAD.encode(&bytes[..]))
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The address as `htu` has it: without query and fragment, and as RFC 3986, section 6.2.2 and 6.2.3, would write it.
pub(crate) fn without_query(target: &Uri) -> String {
    let scheme = target.scheme_str().unwrap_or("https").to_ascii_lowercase();
    let host = target.host().unwrap_or_default().to_ascii_lowercase();
    let port = target.port_u16().filter(|port| !matches!((scheme.as_str(), port), ("https", 443) | ("http", 80)));
    let port = port.map_or(String::new(), |port| format!(":{port}"));
    format!("{scheme}://{host}{port}{}", target.path())
}
