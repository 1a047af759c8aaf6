//! Addresses that secrets and tokens may be sent to.

use std::net::Ipv6Addr;

use http::Uri;
use http::uri::Scheme;

use crate::Error;

/// The token endpoint (RFC 6749, section 3.2) or another address that secrets are sent to: https, no fragment, no user name. Its query is
/// kept. `what` it is, for people.
pub(crate) fn endpoint(text: &str, what: &str, loopback: bool) -> Result<Uri, Error> {
    let wrong = |why: &str| Err(Error::configuration(format!("{what} {why}")));
    // Checked before it is shown anywhere: what stands before an @ may be a password.
    if text.contains('#') {
        return wrong("has a fragment, which RFC 6749, section 3.2, does not allow");
    }
    let Ok(uri) = text.parse::<Uri>() else {
        return wrong("is not a URL");
    };
    let Some(authority) = uri.authority() else {
        return wrong("is not an absolute URL; it begins with https://");
    };
    if authority.as_str().contains('@') {
        return wrong("has a user name or password in its address; give the client's identifier and secret to the builder");
    }
    if authority.host().is_empty() {
        return wrong("has no host");
    }
    // `http::Uri` takes any digits for a port, and then says that there is none.
    if authority.as_str().len() > authority.host().len() && authority.port_u16().is_none() {
        return wrong("has a port that is none");
    }
    if is_safe(&uri, loopback) {
        return Ok(uri);
    }
    if uri.scheme() == Some(&Scheme::HTTP) && is_loopback(&uri) {
        return wrong("is plain http; for a server on this machine, allow it with allow_http_on_loopback()");
    }
    wrong("is not https, so that everybody on the way could read the secret")
}

/// Whether nobody else can read what is sent there.
pub(crate) fn is_safe(uri: &Uri, loopback: bool) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS) || (loopback && uri.scheme() == Some(&Scheme::HTTP) && is_loopback(uri))
}

/// Whether it is this machine (RFC 8252, section 7.3, and the name that RFC 6761 keeps for it).
fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

/// Scheme, host and port, which decide where a token may go (RFC 6454, section 4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// Whether the address is there.
    pub(crate) fn has(&self, uri: &Uri) -> bool {
        Self::of(uri).is_some_and(|origin| origin == *self)
    }

    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        if uri.authority()?.as_str().contains('@') {
            return None;
        }
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let port = uri.port_u16().or(match scheme.as_str() {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        })?;
        Some(Self { scheme, host: uri.host()?.to_ascii_lowercase(), port })
    }
}

/// `https://host:port` for people; without the path, whose words may be somebody's secret.
pub(crate) fn shown(uri: &Uri) -> String {
    let host = uri.host().unwrap_or("?");
    let scheme = uri.scheme_str().unwrap_or("?");
    uri.port_u16().map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}"))
}

/// Host and port for people.
pub(crate) fn host(uri: &Uri) -> &str {
    uri.authority().map_or("?", |authority| authority.as_str())
}
