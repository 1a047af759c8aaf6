//! What a client shows to be itself, and where it comes from.

use std::fmt;

#[cfg(feature = "jwt")]
use crate::SigningKey;
use crate::{Error, Secret, SecretSource};

/// What the client proves with who it is (RFC 6749, section 2.3): a secret, a key, a certificate, or an assertion that somebody else
/// writes. Texts and a [`SecretSource`] are secrets; a `SigningKey` and a [`ClientCertificate`] are what they are.
///
/// ```
/// use client_credentials::{Client, Credential, SecretSource};
///
/// // A token that Kubernetes writes and renews, in place of a secret.
/// let assertion = Credential::assertion(SecretSource::file("/var/run/secrets/tokens/orders"));
/// let builder = Client::builder("https://auth.example/token", "my-id", assertion);
/// ```
#[derive(Clone)]
pub struct Credential(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    Secret(SecretSource),
    Assertion(SecretSource),
    Certificate(ClientCertificate),
    #[cfg(feature = "jwt")]
    Key(SigningKey),
}

impl Credential {
    /// Assertions of the caller's, sent as `client_assertion` of the type `jwt-bearer` (RFC 7523, section 2.2). The source is read for
    /// every attempt: a file that something else renews, or a provider that writes a new one each time.
    pub fn assertion(source: impl Into<SecretSource>) -> Self {
        Self(Kind::Assertion(source.into()))
    }

    /// Whether another one may come from its source, so that a refused one is looked at again.
    pub(crate) fn may_change(&self) -> bool {
        match &self.0 {
            Kind::Secret(source) | Kind::Assertion(source) => source.may_change(),
            Kind::Certificate(_) => false,
            #[cfg(feature = "jwt")]
            Kind::Key(_) => false,
        }
    }
}

impl From<&str> for Credential {
    fn from(secret: &str) -> Self {
        Self(Kind::Secret(secret.into()))
    }
}

impl From<String> for Credential {
    fn from(secret: String) -> Self {
        Self(Kind::Secret(secret.into()))
    }
}

impl From<Secret> for Credential {
    fn from(secret: Secret) -> Self {
        Self(Kind::Secret(secret.into()))
    }
}

impl From<SecretSource> for Credential {
    fn from(source: SecretSource) -> Self {
        Self(Kind::Secret(source))
    }
}

impl From<ClientCertificate> for Credential {
    fn from(certificate: ClientCertificate) -> Self {
        Self(Kind::Certificate(certificate))
    }
}

#[cfg(feature = "jwt")]
impl From<SigningKey> for Credential {
    fn from(key: SigningKey) -> Self {
        Self(Kind::Key(key))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Secret(source) => write!(formatter, "a secret {source:?}"),
            Kind::Assertion(source) => write!(formatter, "an assertion {source:?}"),
            Kind::Certificate(certificate) => certificate.fmt(formatter),
            #[cfg(feature = "jwt")]
            Kind::Key(key) => key.fmt(formatter),
        }
    }
}

/// A certificate that the client shows while the connection is made (RFC 8705). It may be how the client proves who it is, given in place
/// of a secret; or, given to [`client_certificate`](crate::ClientBuilder::client_certificate), what tokens are bound to. The connections to
/// the resource servers have to be made with the same one (RFC 8705, section 3).
#[derive(Clone)]
pub struct ClientCertificate(pub(crate) Option<Pem>);

#[derive(Clone)]
#[cfg_attr(
    not(all(feature = "rustls", any(feature = "reqwest", feature = "blocking"))),
    expect(dead_code, reason = "it is for the HTTP clients that come with the library")
)]
pub(crate) struct Pem {
    pub(crate) certificates: String,
    pub(crate) key: Secret,
}

impl ClientCertificate {
    /// The certificate, followed by those that vouch for it, and its private key, both in PEM. For the HTTP clients that come with the
    /// library, with the feature `rustls`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when they are something else.
    pub fn from_pem(certificates: impl Into<String>, private_key: impl Into<Secret>) -> Result<Self, Error> {
        let (certificates, key) = (certificates.into(), private_key.into());
        if !certificates.contains("-----BEGIN CERTIFICATE-----") {
            return Err(Error::configuration("the client certificate is not in PEM, which begins with -----BEGIN CERTIFICATE-----"));
        }
        if !key.expose().contains("PRIVATE KEY-----") || key.expose().contains("ENCRYPTED") {
            return Err(Error::configuration("the private key of the client certificate is not an unencrypted private key in PEM"));
        }
        Ok(Self(Some(Pem { certificates, key })))
    }

    /// The caller's own HTTP client shows one.
    #[must_use]
    pub fn of_http_client() -> Self {
        Self(None)
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "a client certificate" } else { "the client certificate of the HTTP client" })
    }
}
