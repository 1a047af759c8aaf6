//! What an authorization server says of itself (RFC 8414), and what follows from it.

use std::time::Duration;

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, Response, StatusCode, Uri};
use serde_json::{Map, Value};

use crate::error::{Again, Failed};
use crate::freshness::CooldownClass;
use crate::scrub::Scrub;
use crate::{Error, ErrorKind, Now, address, answer};

/// An authorization server's metadata (RFC 8414, section 2). From [`Client::metadata`](crate::Client::metadata).
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    issuer: String,
    members: Map<String, Value>,
}

impl Metadata {
    /// The server's name, which is the one that was asked for.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Any member, as it is.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// A member that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    /// A member that is a list of texts; `None` when the server does not say it.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<Vec<&str>> {
        Some(self.members.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
    }

    /// The address of an endpoint, of the alias for mutual TLS where there is one and it is wanted (RFC 8705, section 5).
    pub(crate) fn endpoint(&self, name: &str, mutual_tls: bool) -> Option<&str> {
        let alias = self.members.get("mtls_endpoint_aliases").filter(|_| mutual_tls).and_then(|aliases| aliases.get(name)?.as_str());
        alias.or_else(|| self.text(name))
    }
}

/// An authorization server by its name.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub(crate) text: String,
    pub(crate) uri: Uri,
    /// Whether the server may call itself by the same name with or without a slash at the end, if it is nothing but a host.
    pub(crate) slash: bool,
}

impl Issuer {
    /// https, without a query or fragment (RFC 8414, section 2).
    pub(crate) fn new(text: &str, loopback: bool, slash: bool) -> Result<Self, Error> {
        let uri = address::endpoint(text, "the issuer", loopback)?;
        if uri.query().is_some() {
            return Err(Error::configuration("the issuer has a query, which RFC 8414, section 2, does not allow"));
        }
        Ok(Self { text: text.to_owned(), uri, slash })
    }

    /// Where its metadata is: by RFC 8414, section 3.1, and where OpenID Connect Discovery, section 4, has it.
    pub(crate) fn addresses(&self) -> [String; 2] {
        let base = address::shown(&self.uri);
        let path = self.uri.path().trim_end_matches('/');
        [format!("{base}/.well-known/oauth-authorization-server{path}"), format!("{base}{path}/.well-known/openid-configuration")]
    }

    /// Whether this is it (RFC 8414, section 3.3).
    fn is(&self, other: &str) -> bool {
        let is_host_alone = matches!(self.uri.path(), "" | "/");
        other == self.text || (self.slash && is_host_alone && other.trim_end_matches('/') == self.text.trim_end_matches('/'))
    }
}

/// Reads an answer. `None`: there is no metadata at this address, so that it may be at another one.
pub(crate) fn read(response: &Response<Bytes>, issuer: &Issuer, now: Now) -> Result<Option<Metadata>, Failed> {
    let failed = |text: String, again, cooldown| {
        let mut failed = Failed::new(ErrorKind::Discovery, text, again, cooldown);
        failed.status = Some(response.status());
        failed.retry_after = answer::retry_after(response.headers(), now);
        Err(failed)
    };
    match response.status() {
        StatusCode::OK => {}
        status if matches!(status.as_u16(), 408 | 425 | 429 | 500..=599) && !matches!(status.as_u16(), 501 | 505) => {
            return failed(format!("HTTP {}", status.as_u16()), Again::Yes, CooldownClass::Transient);
        }
        status if status.is_redirection() => {
            return failed(format!("it redirects (HTTP {status}), which is not followed"), Again::Never, CooldownClass::Long);
        }
        _ => return Ok(None),
    }
    let Ok(members) = serde_json::from_slice::<Map<String, Value>>(response.body()) else {
        return failed("HTTP 200 with a body that is not a JSON object".to_owned(), Again::Never, CooldownClass::Medium);
    };
    let name = members.get("issuer").and_then(Value::as_str).unwrap_or_default();
    if !issuer.is(name) {
        let name = Scrub::new("", "", None).text(name, 200);
        let text = format!(
            "it says that it is {name:?} and not {:?}, so that it must not be used (RFC 8414, section 3.3); name the issuer exactly as it does",
            issuer.text
        );
        return failed(text, Again::Never, CooldownClass::Long);
    }
    Ok(Some(Metadata { issuer: name.to_owned(), members }))
}

/// How long metadata may be used: what the answer says, but at least a minute and at most a day; an hour when it says nothing.
pub(crate) fn max_age(headers: &HeaderMap) -> Duration {
    let mut age = Duration::from_secs(3600);
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    for directive in values.flat_map(|value| value.split(',')) {
        let directive = directive.trim().to_ascii_lowercase();
        if matches!(directive.as_str(), "no-store" | "no-cache") {
            age = Duration::ZERO;
        } else if let Some(seconds) = directive.strip_prefix("max-age=") {
            age = seconds.trim_matches('"').parse().map_or(age, Duration::from_secs);
        }
    }
    age.clamp(Duration::from_secs(60), Duration::from_secs(24 * 3600))
}
