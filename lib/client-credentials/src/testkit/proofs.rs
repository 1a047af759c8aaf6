//! Signed tokens in requests: proofs of possession and assertions.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Request;

/// A signed token (RFC 7515) as it can be read without a key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Jwt {
    /// `alg`, `typ`, `jwk` and the like.
    pub header: Value,
    /// `jti`, `iat` and the like.
    pub claims: Value,
    #[cfg(feature = "jwt")]
    message: String,
    #[cfg(feature = "jwt")]
    signature: Vec<u8>,
}

impl Jwt {
    /// Three parts, of which two are JSON objects.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let object = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok().filter(Value::is_object);
        let signature = URL_SAFE_NO_PAD.decode(signature).ok().filter(|signature| !signature.is_empty())?;
        let (header, claims) = (object(header)?, object(claims)?);
        #[cfg(feature = "jwt")]
        return Some(Self { header, claims, message: message.to_owned(), signature });
        #[cfg(not(feature = "jwt"))]
        return Some(signature).map(|_| Self { header, claims });
    }

    fn text(&self, claim: &str) -> Result<&str, String> {
        self.claims[claim].as_str().filter(|text| !text.is_empty()).ok_or_else(|| format!("there is no {claim}"))
    }

    /// Whether the holder of this public key has signed it, with an algorithm that the key is for.
    #[cfg(feature = "jwt")]
    #[must_use]
    pub fn is_signed_by(&self, jwk: &Value) -> bool {
        use aws_lc_rs::rsa::PublicKeyComponents;
        use aws_lc_rs::signature::{
            ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
            UnparsedPublicKey, VerificationAlgorithm,
        };

        let bytes = |name: &str| jwk[name].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).unwrap_or_default();
        let verifies = |algorithm: &'static dyn VerificationAlgorithm, key: Vec<u8>| {
            UnparsedPublicKey::new(algorithm, key).verify(self.message.as_bytes(), &self.signature).is_ok()
        };
        let point = || [&[4][..], &bytes("x"), &bytes("y")].concat();
        let rsa = |parameters: &'static RsaParameters| {
            PublicKeyComponents { n: bytes("n"), e: bytes("e") }.verify(parameters, self.message.as_bytes(), &self.signature).is_ok()
        };
        match (jwk["kty"].as_str(), jwk["crv"].as_str(), self.header["alg"].as_str()) {
            (Some("EC"), Some("P-256"), Some("ES256")) => verifies(&ECDSA_P256_SHA256_FIXED, point()),
            (Some("EC"), Some("P-384"), Some("ES384")) => verifies(&ECDSA_P384_SHA384_FIXED, point()),
            (Some("OKP"), Some("Ed25519"), Some("EdDSA" | "Ed25519")) => verifies(&ED25519, bytes("x")),
            (Some("RSA"), _, Some("PS256")) => rsa(&RSA_PSS_2048_8192_SHA256),
            (Some("RSA"), _, Some("RS256")) => rsa(&RSA_PKCS1_2048_8192_SHA256),
            _ => false,
        }
    }
}

/// How far `iat` may be from the present.
const WINDOW: Duration = Duration::from_secs(60);

/// Checks proofs and assertions as a careful server would, and remembers every `jti`: a second use is an error.
///
/// Signatures are checked where the feature `jwt` is on as well; `ath`, which is a hash, too. Without it only the form is.
#[derive(Debug, Default)]
pub struct ProofChecks {
    used: HashSet<String>,
}

impl ProofChecks {
    /// Knows no `jti`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The proof in `DPoP` (RFC 9449, section 4.3): one, of the right type, signed by the key in it, for this method and address, made in the
    /// last minute, for the token that is sent along if there is one, and not used before. `origin`: of the server that the request came to,
    /// as [`Server::origin`](super::Server::origin) has it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn dpop(&mut self, request: &Request, origin: &str, now: SystemTime) -> Result<Jwt, String> {
        let proof = request.header("dpop").ok_or("there is not just one DPoP header")?;
        let proof = Jwt::parse(proof).ok_or("the proof is not a signed token")?;
        if proof.header["typ"] != "dpop+jwt" {
            return Err(format!("typ is {}, and not dpop+jwt", proof.header["typ"]));
        }
        let jwk = proof.header["jwk"].as_object().ok_or("there is no jwk in the header")?;
        if ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|private| jwk.contains_key(*private)) {
            return Err("the jwk is a private key".to_owned());
        }
        #[cfg(feature = "jwt")]
        if !proof.is_signed_by(&proof.header["jwk"]) {
            return Err("the signature is not that of the key in the proof".to_owned());
        }
        if proof.text("htm")? != request.method {
            return Err(format!("htm is {}, and the method {}", proof.claims["htm"], request.method));
        }
        let path = request.target.split(['?', '#']).next().unwrap_or_default();
        if proof.text("htu")? != format!("{origin}{path}") {
            return Err(format!("htu is {}, and the address {origin}{path}", proof.claims["htu"]));
        }
        match request.header("authorization").and_then(|value| value.strip_prefix("DPoP ")) {
            Some(token) => check_ath(proof.text("ath")?, token)?,
            None if proof.claims["ath"].is_null() => {}
            None => return Err("there is an ath without a token of the type DPoP".to_owned()),
        }
        self.fresh(&proof, now)?;
        Ok(proof)
    }

    /// The `client_assertion` of a token request (RFC 7523, section 3): for this client and audience, not expired, made in the last minute,
    /// and not used before. Whose signature it has is for the caller to check, who knows the key.
    ///
    /// # Errors
    /// What is wrong.
    pub fn assertion(&mut self, request: &Request, client_id: &str, audience: &str, now: SystemTime) -> Result<Jwt, String> {
        let json = request.json();
        let parameter = |name: &str| {
            let form = request.form().into_iter().find(|(one, _)| one == name).map(|(_, value)| value);
            form.or_else(|| Some(json[name].as_str()?.to_owned()))
        };
        if parameter("client_assertion_type").as_deref() != Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") {
            return Err("client_assertion_type is missing or another one".to_owned());
        }
        let assertion = parameter("client_assertion").ok_or("there is no client_assertion")?;
        let assertion = Jwt::parse(&assertion).ok_or("the assertion is not a signed token")?;
        if assertion.text("iss")? != client_id || assertion.text("sub")? != client_id {
            return Err(format!("iss and sub are {} and {}, and not both {client_id}", assertion.claims["iss"], assertion.claims["sub"]));
        }
        let audiences = &assertion.claims["aud"];
        if audiences != audience && !audiences.as_array().is_some_and(|all| all.iter().any(|one| one == audience)) {
            return Err(format!("aud is {audiences}, and not {audience}"));
        }
        let expires = assertion.claims["exp"].as_u64().ok_or("there is no exp")?;
        if seconds(now) >= expires {
            return Err(format!("it has expired: exp is {expires}, and it is {}", seconds(now)));
        }
        self.fresh(&assertion, now)?;
        Ok(assertion)
    }

    fn fresh(&mut self, token: &Jwt, now: SystemTime) -> Result<(), String> {
        let made = token.claims["iat"].as_u64().ok_or("there is no iat")?;
        if seconds(now).abs_diff(made) > WINDOW.as_secs() {
            return Err(format!("iat is {made}, and it is {}", seconds(now)));
        }
        let name = token.text("jti")?;
        if self.used.insert(name.to_owned()) { Ok(()) } else { Err(format!("the jti {name} was used before")) }
    }
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The hash of the token (RFC 9449, section 4.2).
fn check_ath(ath: &str, token: &str) -> Result<(), String> {
    #[cfg(feature = "jwt")]
    let is_right = {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
        ath == URL_SAFE_NO_PAD.encode(hash)
    };
    #[cfg(not(feature = "jwt"))]
    let is_right = !token.is_empty() && URL_SAFE_NO_PAD.decode(ath).is_ok_and(|hash| hash.len() == 32);
    if is_right { Ok(()) } else { Err("ath is not the hash of the token".to_owned()) }
}
