//! Reads and checks signed tokens, apart from the library's own code.

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A token in three parts.
pub(crate) struct Jws {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    message: String,
    signature: Vec<u8>,
}

impl Jws {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self { header: json(header)?, claims: json(claims)?, message: message.to_owned(), signature })
    }

    pub(crate) fn algorithm(&self) -> &str {
        self.header["alg"].as_str().unwrap_or_default()
    }

    /// Whether the holder of this public key has signed it, with an algorithm that the key is for.
    pub(crate) fn is_signed_by(&self, jwk: &Value) -> bool {
        let bytes = |name: &str| jwk[name].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).unwrap_or_default();
        let (message, signature) = (self.message.as_bytes(), &self.signature[..]);
        let point = || [&[4][..], &bytes("x"), &bytes("y")].concat();
        let rsa = |parameters| PublicKeyComponents { n: bytes("n"), e: bytes("e") }.verify(parameters, message, signature).is_ok();
        match (jwk["kty"].as_str(), jwk["crv"].as_str(), self.algorithm()) {
            (Some("EC"), Some("P-256"), "ES256") => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point()).verify(message, signature).is_ok()
            }
            (Some("EC"), Some("P-384"), "ES384") => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point()).verify(message, signature).is_ok()
            }
            (Some("OKP"), Some("Ed25519"), "EdDSA" | "Ed25519") => {
                UnparsedPublicKey::new(&ED25519, bytes("x")).verify(message, signature).is_ok()
            }
            (Some("RSA"), _, "PS256") => rsa(&RSA_PSS_2048_8192_SHA256),
            (Some("RSA"), _, "RS256") => rsa(&RSA_PKCS1_2048_8192_SHA256),
            _ => false,
        }
    }

    /// Whether its code was made of this secret.
    pub(crate) fn is_made_of(&self, secret: &str) -> bool {
        let hash = match self.algorithm() {
            "HS256" => hmac::HMAC_SHA256,
            "HS384" => hmac::HMAC_SHA384,
            "HS512" => hmac::HMAC_SHA512,
            _ => return false,
        };
        hmac::verify(&hmac::Key::new(hash, secret.as_bytes()), self.message.as_bytes(), &self.signature).is_ok()
    }
}

/// BASE64URL(SHA-256(text)), as `ath` and `x5t#S256` have it.
pub(crate) fn sha_256(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, bytes))
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// The private key and the public one.
pub(crate) fn ec_jwk(pair: &EcdsaKeyPair, curve: &str) -> (Value, Value) {
    let (x, y) = pair.public_key().as_ref()[1..].split_at((pair.public_key().as_ref().len() - 1) / 2);
    let public = json!({"kty": "EC", "crv": curve, "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
    let secret: aws_lc_rs::encoding::EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().unwrap();
    (with(&public, &[("d", secret.as_ref())]), public)
}

pub(crate) fn ed25519_jwk(pair: &Ed25519KeyPair) -> (Value, Value) {
    let public = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref())});
    let seed: aws_lc_rs::encoding::Curve25519SeedBin<'_> = pair.seed().unwrap().as_be_bytes().unwrap();
    (with(&public, &[("d", seed.as_ref())]), public)
}

/// Of a private key by RFC 8017, appendix A.1.2: its numbers one after the other.
pub(crate) fn rsa_jwk(pkcs1: &[u8]) -> (Value, Value) {
    let mut rest = &pkcs1[4..];
    let mut numbers = Vec::new();
    while let [2, first, ..] = rest {
        let (skip, length) = match *first {
            0x82 => (4, usize::from(rest[2]) << 8 | usize::from(rest[3])),
            0x81 => (3, usize::from(rest[2])),
            length => (2, usize::from(length)),
        };
        let number = &rest[skip..skip + length];
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        numbers.push(&number[zeros..]);
        rest = &rest[skip + length..];
    }
    let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
    let members: Vec<(&str, &[u8])> = names.into_iter().zip(numbers.into_iter().skip(1)).collect();
    assert_eq!(members.len(), names.len());
    let public = with(&json!({"kty": "RSA"}), &members[..2]);
    (with(&public, &members[2..]), public)
}

fn with(jwk: &Value, members: &[(&str, &[u8])]) -> Value {
    let mut jwk = jwk.clone();
    for (name, bytes) in members {
        jwk[*name] = json!(URL_SAFE_NO_PAD.encode(bytes));
    }
    jwk
}
