//! What is asked for, and the token request that asks for it (RFC 6749, section 4.4.2).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use zeroize::Zeroizing;

use crate::secret::is_visible;
use crate::{Error, Secret};

/// How the body of a token request is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyFormat {
    /// JSON first, then a form if the server does not understand; what has worked is kept for as long as the client lives.
    #[default]
    Auto,
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`, as RFC 6749 wants it.
    Form,
}

/// How the client shows who it is (RFC 6749, section 2.3). Exactly one way is used in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// `client_secret_post`: identifier and secret stand in the body.
    #[default]
    SecretPost,
    /// `client_secret_basic`: they stand in an `Authorization: Basic` header, encoded as said.
    SecretBasic(BasicEncoding),
}

impl ClientAuthentication {
    /// The name of RFC 7591, section 2.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretPost => "client_secret_post",
            Self::SecretBasic(_) => "client_secret_basic",
        }
    }
}

/// How identifier and secret are written before they go into a `Basic` header. Servers are divided, and refuse the other one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BasicEncoding {
    /// Form-encoded, as RFC 6749, section 2.3.1, wants it.
    #[default]
    FormUrlEncoded,
    /// As they are, as in RFC 7617.
    Raw,
}

/// What a token is for. What is not set, or empty, is taken from the client's own configuration.
///
/// ```
/// use client_credentials::TokenRequest;
///
/// let request = TokenRequest::new().scope("orders:read orders:write").resources(["https://orders.example"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TokenRequest {
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) audience: Option<String>,
    pub(crate) parameters: Vec<(String, String)>,
}

/// Parameters that the library writes itself, or that belong to other grants.
const RESERVED: &[&str] = &[
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "scope",
    "resource",
    "audience",
    "authorization_details",
    "assertion",
    "code",
    "code_verifier",
    "password",
    "redirect_uri",
    "refresh_token",
    "username",
];

impl TokenRequest {
    /// Nothing in particular.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Scopes, separated by spaces (RFC 6749, section 3.3).
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes = scope.into().split(' ').filter(|scope| !scope.is_empty()).map(ToOwned::to_owned).collect();
        self
    }

    /// The same as a list.
    #[must_use]
    pub fn scopes<I: IntoIterator<Item = S>, S: Into<String>>(mut self, scopes: I) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).filter(|scope| !scope.is_empty()).collect();
        self
    }

    /// Where the token will be used (RFC 8707, section 2): absolute URIs without a fragment. A form repeats the parameter, JSON has a
    /// list.
    #[must_use]
    pub fn resources<I: IntoIterator<Item = S>, S: Into<String>>(mut self, resources: I) -> Self {
        self.resources = resources.into_iter().map(Into::into).collect();
        self
    }

    /// The `audience` that Auth0 and others want.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into()).filter(|audience| !audience.is_empty());
        self
    }

    /// One more parameter. Empty values are left out (RFC 6749, section 3.2).
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// What is missing here, from there.
    pub(crate) fn or(mut self, other: &Self) -> Self {
        if self.scopes.is_empty() {
            self.scopes.clone_from(&other.scopes);
        }
        if self.resources.is_empty() {
            self.resources.clone_from(&other.resources);
        }
        self.audience = self.audience.or_else(|| other.audience.clone());
        for (name, value) in &other.parameters {
            if !self.parameters.iter().any(|(mine, _)| mine == name) {
                self.parameters.push((name.clone(), value.clone()));
            }
        }
        self
    }

    /// The same for all requests that mean the same: the order of scopes has no meaning (RFC 6749, section 3.3).
    pub(crate) fn key(&self) -> Self {
        let mut key = self.clone();
        key.scopes.sort();
        key.scopes.dedup();
        key.resources.sort();
        key.resources.dedup();
        key.parameters.sort();
        key
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        for scope in &self.scopes {
            let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            if scope.is_empty() || !scope.bytes().all(fits) {
                let text = format!("the scope {scope:?} has characters that RFC 6749, section 3.3, does not allow");
                return Err(Error::configuration(text));
            }
        }
        for resource in &self.resources {
            let (scheme, rest) = resource.split_once(':').unwrap_or_default();
            let scheme_fits = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
            if !scheme_fits || rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic()) || rest.contains('#') {
                let text = format!("the resource {resource:?} is not an absolute URI without a fragment (RFC 8707, section 2)");
                return Err(Error::configuration(text));
            }
        }
        for (index, (name, _)) in self.parameters.iter().enumerate() {
            if RESERVED.contains(&name.as_str()) {
                return Err(Error::configuration(format!(
                    "the parameter {name} is reserved: the library writes it itself, or it belongs to another grant"
                )));
            }
            if name.is_empty() || !is_visible(name) {
                return Err(Error::configuration(format!("the parameter {name:?} has a name that cannot be sent")));
            }
            if self.parameters[..index].iter().any(|(other, _)| other == name) {
                return Err(Error::configuration(format!("the parameter {name} is there twice (RFC 6749, section 3.2)")));
            }
        }
        Ok(())
    }
}

/// Parameters by their names alone: their values may be keys of some service.
impl fmt::Debug for TokenRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        let mut debug = formatter.debug_struct("TokenRequest");
        debug
            .field("scopes", &self.scopes)
            .field("resources", &self.resources)
            .field("audience", &self.audience)
            .field("parameters", &names);
        debug.finish()
    }
}

/// What the request is made of. `format` is not [`BodyFormat::Auto`].
pub(crate) struct Parts<'a> {
    pub(crate) endpoint: &'a Uri,
    pub(crate) client_id: &'a str,
    pub(crate) secret: &'a Secret,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) request: &'a TokenRequest,
    pub(crate) format: BodyFormat,
}

/// The token request.
pub(crate) fn token_request(parts: &Parts<'_>) -> Result<Request<Bytes>, http::Error> {
    let scope = parts.request.scopes.join(" ");
    let mut fields = vec![("grant_type", "client_credentials")];
    if parts.authentication == ClientAuthentication::SecretPost {
        fields.push(("client_id", parts.client_id));
        fields.push(("client_secret", parts.secret.expose()));
    }
    fields.push(("scope", &scope));
    fields.push(("audience", parts.request.audience.as_deref().unwrap_or_default()));
    fields.extend(parts.request.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    fields.retain(|(_, value)| !value.is_empty());

    let mut builder = Request::builder().method(Method::POST).uri(parts.endpoint).header(ACCEPT, "application/json");
    if let ClientAuthentication::SecretBasic(encoding) = parts.authentication {
        builder = builder.header(AUTHORIZATION, basic(parts.client_id, parts.secret.expose(), encoding)?);
    }
    let (kind, body) = if parts.format == BodyFormat::Json {
        ("application/json", json(&fields, &parts.request.resources))
    } else {
        ("application/x-www-form-urlencoded", form(&fields, &parts.request.resources))
    };
    builder.header(CONTENT_TYPE, kind).body(Bytes::from_owner(body))
}

/// Value of the `Authorization` header (RFC 6749, section 2.3.1, or RFC 7617).
fn basic(client_id: &str, secret: &str, encoding: BasicEncoding) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let pair = match encoding {
        BasicEncoding::FormUrlEncoded => Zeroizing::new(format!("{}:{}", *form_encoded(client_id), *form_encoded(secret))),
        BasicEncoding::Raw => Zeroizing::new(format!("{client_id}:{secret}")),
    };
    let mut value = Zeroizing::new(String::with_capacity(6 + pair.len().div_ceil(3) * 4));
    value.push_str("Basic ");
    STANDARD.encode_string(pair.as_bytes(), &mut value);
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(Zeroizing::new(std::mem::take(&mut *value).into_bytes())))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A text as it stands in a form (RFC 6749, appendix B).
pub(crate) fn form_encoded(text: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(text.len() * 3));
    form_urlencoded::byte_serialize(text.as_bytes()).for_each(|part| encoded.push_str(part));
    encoded
}

fn form(fields: &[(&str, &str)], resources: &[String]) -> Zeroizing<Vec<u8>> {
    let resources = resources.iter().map(|resource| ("resource", resource.as_str()));
    let fields = fields.iter().copied().chain(resources);
    // Large enough from the start, so that no copy of the secret is left behind by growing.
    let size = fields.clone().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut body = Zeroizing::new(Vec::with_capacity(size));
    for (name, value) in fields {
        if !body.is_empty() {
            body.push(b'&');
        }
        body.extend_from_slice(form_encoded(name).as_bytes());
        body.push(b'=');
        body.extend_from_slice(form_encoded(value).as_bytes());
    }
    body
}

fn json(fields: &[(&str, &str)], resources: &[String]) -> Zeroizing<Vec<u8>> {
    let longest = |text: &str| 6 * text.len() + 4;
    let size = fields.iter().map(|(name, value)| longest(name) + longest(value)).sum::<usize>()
        + resources.iter().map(|resource| longest(resource)).sum::<usize>()
        + 20;
    let mut body = Zeroizing::new(Vec::with_capacity(size));
    for (index, (name, value)) in fields.iter().enumerate() {
        body.push(if index == 0 { b'{' } else { b',' });
        push_json(&mut body, name);
        body.push(b':');
        push_json(&mut body, value);
    }
    if !resources.is_empty() {
        body.extend_from_slice(b",\"resource\":[");
        for (index, resource) in resources.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            push_json(&mut body, resource);
        }
        body.push(b']');
    }
    body.push(b'}');
    body
}

fn push_json(body: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(body, text).unwrap_or_else(|error| unreachable!("a text is always JSON: {error}"));
}
