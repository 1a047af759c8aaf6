//! Keys that sign, and whoever else signs.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::{BoxFuture, Error};

/// How something is signed (RFC 7518, section 3.1; RFC 8037, section 3.1; RFC 9864, section 2.2). `none` and codes made of a secret are no
/// signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// ECDSA with P-384 and SHA-384.
    ES384,
    /// RSA with PSS and SHA-256.
    PS256,
    /// RSA with PKCS #1 v1.5 and SHA-256.
    RS256,
    /// Ed25519, by the name that most servers know.
    EdDSA,
    /// Ed25519, by its newer name.
    Ed25519,
}

impl Algorithm {
    /// The name in a header or in a server's metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::PS256 => "PS256",
            Self::RS256 => "RS256",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::ES256, Self::ES384, Self::PS256, Self::RS256, Self::EdDSA, Self::Ed25519].into_iter().find(|one| one.name() == name)
    }
}

/// Signs with a key that it does not give away: a key management service, a hardware module, an agent.
///
/// ```
/// use client_credentials::{Algorithm, BoxFuture, Client, Signer, SigningKey};
///
/// struct Vault;
///
/// impl Signer for Vault {
///     fn algorithms(&self) -> &[Algorithm] {
///         &[Algorithm::ES256]
///     }
///
///     fn public_jwk(&self) -> Option<serde_json::Value> {
///         None // only proofs of possession need it
///     }
///
///     fn sign<'a>(&'a self, _algorithm: Algorithm, _message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, String>> {
///         Box::pin(async { Err("the vault is closed".to_owned()) })
///     }
/// }
///
/// let key = SigningKey::from_signer(Vault).key_id("orders-2026");
/// let builder = Client::builder("https://auth.example/token", "my-id", key);
/// ```
pub trait Signer: Send + Sync + 'static {
    /// What it can sign with, the best first. At least one.
    fn algorithms(&self) -> &[Algorithm];

    /// The public key as a JWK (RFC 7517, section 4), with the members that the key type requires and no others. Only DPoP needs it.
    fn public_jwk(&self) -> Option<Value>;

    /// The signature as RFC 7518, section 3, has it: of ECDSA the two numbers one after the other, each of the curve's length, not DER. An
    /// error is shown to people.
    fn sign<'a>(&'a self, algorithm: Algorithm, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, String>>;
}

impl<T: Signer + ?Sized> Signer for Arc<T> {
    fn algorithms(&self) -> &[Algorithm] {
        T::algorithms(self)
    }

    fn public_jwk(&self) -> Option<Value> {
        T::public_jwk(self)
    }

    fn sign<'a>(&'a self, algorithm: Algorithm, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        T::sign(self, algorithm, message)
    }
}

/// A key for `private_key_jwt` or DPoP. Cheap to clone; never printed.
///
/// ```
/// use client_credentials::{Algorithm, SigningKey};
///
/// # fn main() -> Result<(), client_credentials::Error> {
/// let for_this_process_alone = SigningKey::generate(Algorithm::ES256)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SigningKey {
    signer: Arc<dyn Signer>,
    algorithm: Option<Algorithm>,
    key_id: Option<String>,
    thumbprint: Option<String>,
    /// Bits of an RSA key, where it is known.
    pub(crate) rsa_bits: Option<usize>,
}

impl SigningKey {
    /// An unencrypted private key in PEM, as PKCS #8, PKCS #1 or SEC 1: P-256, P-384, Ed25519, or RSA of at least 2048 bits.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when it is something else.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes());
        let der = der.map_err(|error| Error::configuration(format!("the key is not an unencrypted private key in PEM: {error}")))?;
        let key = LocalKey::from_der(&der);
        key.map(Self::from_local).ok_or_else(|| Error::configuration(format!("the key cannot be used: it is none of {KINDS}")))
    }

    /// A private key as a JWK (RFC 7517; RFC 7518, section 6; RFC 8037, section 2), whose `kid` and `alg` count.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when it is something else.
    pub fn from_jwk(jwk: &str) -> Result<Self, Error> {
        // What serde_json makes of it in between is beyond reach, and gone in a moment.
        let Ok(jwk) = serde_json::from_str::<Map<String, Value>>(jwk) else {
            return Err(Error::configuration("the key is not a JWK, which is a JSON object"));
        };
        let Some(key) = LocalKey::from_jwk(&jwk) else {
            return Err(Error::configuration(format!("the JWK cannot be used: it is not the private key of {KINDS}")));
        };
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let mut key = Self::from_local(key);
        key.key_id = text("kid").map(ToOwned::to_owned);
        if let Some(name) = text("alg") {
            let algorithm = Algorithm::from_name(name).filter(|algorithm| key.signer.algorithms().contains(algorithm));
            let Some(algorithm) = algorithm else {
                return Err(Error::configuration(format!("the JWK says that it is for {name:?}, which it cannot be used for here")));
            };
            key.algorithm = Some(algorithm);
        }
        Ok(key)
    }

    /// A new key that nobody else has, for DPoP: tokens that are bound to it are worth nothing elsewhere. RSA keys have 2048 bits.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when the system has no random numbers.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        let failed = |_| Error::configuration("no key can be made: the system gives no random numbers");
        let key = match algorithm {
            Algorithm::ES256 => LocalKey::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?, Algorithm::ES256),
            Algorithm::ES384 => LocalKey::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map_err(failed)?, Algorithm::ES384),
            Algorithm::PS256 | Algorithm::RS256 => LocalKey::Rsa(RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).map_err(failed)?),
            Algorithm::EdDSA | Algorithm::Ed25519 => LocalKey::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
        };
        Ok(Self::from_local(key).algorithm(algorithm))
    }

    /// Whoever signs.
    #[must_use]
    pub fn from_signer(signer: impl Signer) -> Self {
        Self { signer: Arc::new(signer), algorithm: None, key_id: None, thumbprint: None, rsa_bits: None }
    }

    fn from_local(key: LocalKey) -> Self {
        let rsa_bits = match &key {
            LocalKey::Rsa(pair) => Some(pair.public_modulus_len() * 8),
            _ => None,
        };
        Self { rsa_bits, ..Self::from_signer(key) }
    }

    /// Signs with this and nothing else. Otherwise the server's metadata decides, where there is discovery, and then the key: of RSA PS256.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// `kid` in the header of assertions (RFC 7515, section 4.1.4): the name of the public key that the server was given.
    #[must_use]
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// `x5t#S256` in the header of assertions (RFC 7515, section 4.1.8): the certificate, in PEM, by which the server knows the key.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when it is something else.
    pub fn certificate(mut self, pem: &str) -> Result<Self, Error> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
        let certificate = certificate.map_err(|error| Error::configuration(format!("it is no certificate in PEM: {error}")))?;
        self.thumbprint = Some(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &certificate)));
        Ok(self)
    }

    /// What it can sign with, the best first: one where it was said.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        self.algorithm.map_or_else(|| self.signer.algorithms().to_vec(), |one| vec![one])
    }

    /// Whether it can be used for what it is told to.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let can = self.signer.algorithms();
        match self.algorithm {
            Some(algorithm) if !can.contains(&algorithm) => {
                let names: Vec<&str> = can.iter().map(|one| one.name()).collect();
                Err(Error::configuration(format!("the key cannot sign with {}, only with {}", algorithm.name(), names.join(" or "))))
            }
            None if can.is_empty() => Err(Error::configuration("the signer names no algorithm that it can sign with")),
            _ => Ok(()),
        }
    }

    /// Of what it can sign with, the first that the server takes; the first of all where the server does not say.
    pub(crate) fn choose(&self, supported: Option<&[&str]>) -> Option<Algorithm> {
        self.algorithms().into_iter().find(|one| supported.is_none_or(|names| names.contains(&one.name())))
    }

    pub(crate) fn public_jwk(&self) -> Option<Value> {
        self.signer.public_jwk()
    }

    /// `kid` and `x5t#S256`.
    pub(crate) fn header(&self) -> Map<String, Value> {
        let key_id = self.key_id.as_ref().map(|key_id| ("kid".to_owned(), json!(key_id)));
        let thumbprint = self.thumbprint.as_ref().map(|thumbprint| ("x5t#S256".to_owned(), json!(thumbprint)));
        key_id.into_iter().chain(thumbprint).collect()
    }

    pub(crate) async fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, String> {
        self.signer.sign(algorithm, message).await
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("SigningKey");
        debug.field("algorithms", &self.algorithms()).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

const KINDS: &str = "P-256, P-384, Ed25519, or RSA of at least 2048 bits";

/// A key in memory. AWS-LC overwrites it when it is dropped.
enum LocalKey {
    Ec(EcdsaKeyPair, Algorithm),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl LocalKey {
    fn from_der(der: &PrivateKeyDer<'_>) -> Option<Self> {
        let bytes = der.secret_der();
        let ec = |curve, algorithm| EcdsaKeyPair::from_private_key_der(curve, bytes).ok().map(|pair| Self::Ec(pair, algorithm));
        let key = match der {
            PrivateKeyDer::Pkcs1(_) => RsaKeyPair::from_der(bytes).ok().map(Self::Rsa),
            PrivateKeyDer::Sec1(_) => None,
            PrivateKeyDer::Pkcs8(_) => {
                let rsa = RsaKeyPair::from_pkcs8(bytes).ok().map(Self::Rsa);
                rsa.or_else(|| Ed25519KeyPair::from_pkcs8(bytes).ok().map(Self::Ed25519))
            }
            _ => return None,
        };
        key.or_else(|| ec(&ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::ES256))
            .or_else(|| ec(&ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::ES384))
    }

    fn from_jwk(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| Some(Zeroizing::new(URL_SAFE_NO_PAD.decode(text(name)?).ok()?));
        match (text("kty")?, text("crv")) {
            ("EC", Some(curve)) => {
                let (curve, algorithm) = match curve {
                    "P-256" => (&ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::ES256),
                    "P-384" => (&ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::ES384),
                    _ => return None,
                };
                let public = [&[4][..], &bytes("x")?, &bytes("y")?].concat();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(curve, &bytes("d")?, &public).ok()?;
                Some(Self::Ec(pair, algorithm))
            }
            ("OKP", Some("Ed25519")) => Ed25519KeyPair::from_seed_and_public_key(&bytes("d")?, &bytes("x")?).ok().map(Self::Ed25519),
            ("RSA", _) => {
                let public_key = PublicKeyComponents { n: bytes("n")?, e: bytes("e")? };
                let (d, p, q, dp, dq, qinv) = (bytes("d")?, bytes("p")?, bytes("q")?, bytes("dp")?, bytes("dq")?, bytes("qi")?);
                let public_key = PublicKeyComponents { n: &public_key.n[..], e: &public_key.e[..] };
                let components =
                    KeyPairComponents { public_key, d: &d[..], p: &p[..], q: &q[..], dP: &dp[..], dQ: &dq[..], qInv: &qinv[..] };
                RsaKeyPair::from_components(&components).ok().map(Self::Rsa)
            }
            _ => None,
        }
    }
}

impl Signer for LocalKey {
    fn algorithms(&self) -> &[Algorithm] {
        match self {
            Self::Ec(_, Algorithm::ES384) => &[Algorithm::ES384],
            Self::Ec(..) => &[Algorithm::ES256],
            Self::Rsa(_) => &[Algorithm::PS256, Algorithm::RS256],
            Self::Ed25519(_) => &[Algorithm::EdDSA, Algorithm::Ed25519],
        }
    }

    fn public_jwk(&self) -> Option<Value> {
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ec(pair, algorithm) => {
                let curve = if *algorithm == Algorithm::ES384 { "P-384" } else { "P-256" };
                // An uncompressed point: a four, then both coordinates.
                let point = pair.public_key().as_ref().get(1..)?;
                let (x, y) = point.split_at(point.len() / 2);
                Some(json!({"kty": "EC", "crv": curve, "x": encoded(x), "y": encoded(y)}))
            }
            Self::Ed25519(pair) => Some(json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key().as_ref())})),
            Self::Rsa(pair) => {
                let (modulus, exponent) = rsa_public_key(pair.public_key().as_ref())?;
                Some(json!({"kty": "RSA", "n": encoded(modulus), "e": encoded(exponent)}))
            }
        }
    }

    fn sign<'a>(&'a self, algorithm: Algorithm, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        let random = SystemRandom::new();
        let signature = match self {
            Self::Ec(pair, _) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Self::Ed25519(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Self::Rsa(pair) => {
                let encoding = if algorithm == Algorithm::RS256 { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).map(|()| signature)
            }
        };
        Box::pin(std::future::ready(signature.map_err(|_| "the key does not sign".to_owned())))
    }
}

/// Modulus and exponent of an `RSAPublicKey` in DER (RFC 8017, appendix A.1.1), without leading zeros.
fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    /// The contents of the first element, if it has this tag, and what follows it.
    fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
        let (&[found, first], mut rest) = der.split_first_chunk()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            length = bytes.iter().try_fold(0_usize, |length, byte| Some(length.checked_mul(256)? + usize::from(*byte)))?;
            rest = after;
        }
        let (contents, rest) = rest.split_at_checked(length)?;
        (found == tag).then_some((contents, rest))
    }
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let (numbers, _) = element(SEQUENCE, der)?;
    let (modulus, rest) = element(INTEGER, numbers)?;
    let (exponent, _) = element(INTEGER, rest)?;
    let positive = |number: &'_ [u8]| number.iter().position(|byte| *byte != 0);
    Some((&modulus[positive(modulus)?..], &exponent[positive(exponent)?..]))
}
