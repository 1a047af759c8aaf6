//! What is asked for, and the token request that asks for it (RFC 6749, section 4.4.2).

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use serde_json::Value;
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
///
/// Where it is not set, it follows from what the builder was given: a secret is posted, a key signs, a certificate is shown. With discovery,
/// the server's metadata decides among the ways that a secret can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// `client_secret_post`: identifier and secret stand in the body.
    #[default]
    SecretPost,
    /// `client_secret_basic`: they stand in an `Authorization: Basic` header, encoded as said.
    SecretBasic(BasicEncoding),
    /// `client_secret_jwt`: a JWT with a code made of the secret (OpenID Connect Core, section 9), which itself is not sent. With the feature
    /// `jwt`.
    SecretJwt(MacAlgorithm),
    /// `private_key_jwt`: a JWT signed with a key (RFC 7523, section 2.2). With the feature `jwt`.
    PrivateKeyJwt,
    /// An [assertion](crate::Credential::assertion) of the caller's (RFC 7523, section 2.2).
    Assertion,
    /// `tls_client_auth`: a certificate that an authority has signed (RFC 8705, section 2.1).
    TlsClientAuth,
    /// `self_signed_tls_client_auth`: a certificate that the server knows by itself (RFC 8705, section 2.2).
    SelfSignedTlsClientAuth,
}

impl ClientAuthentication {
    /// The name of RFC 7591, section 2, OpenID Connect Core, section 9, or RFC 8705, section 2. Assertions of the caller's have none of their
    /// own.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretPost => "client_secret_post",
            Self::SecretBasic(_) => "client_secret_basic",
            Self::SecretJwt(_) => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::Assertion => "client_assertion",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
        }
    }
}

/// How the code of a `client_secret_jwt` is made (RFC 7518, section 3.2). The secret has at least as many bytes as the hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MacAlgorithm {
    /// HMAC with SHA-256: 32 bytes.
    #[default]
    HS256,
    /// HMAC with SHA-384: 48 bytes.
    HS384,
    /// HMAC with SHA-512: 64 bytes.
    HS512,
}

impl MacAlgorithm {
    /// The name of RFC 7518, section 3.1.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// Fewest bytes of a secret.
    pub(crate) fn shortest(self) -> usize {
        match self {
            Self::HS256 => 32,
            Self::HS384 => 48,
            Self::HS512 => 64,
        }
    }
}

/// What the assertions say that the library writes itself, for `private_key_jwt` and `client_secret_jwt` (RFC 7523, section 3). `iss` and
/// `sub` are the client's identifier; `jti` and `iat` are new in every attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AssertionPolicy {
    /// Whom it is for: `aud`.
    pub audience: AssertionAudience,
    /// `typ` of its header: `JWT`. Some servers want `client-authentication+jwt`. Empty: none.
    pub typ: String,
    /// From `iat` to `exp`: one minute.
    pub lifetime: Duration,
}

impl Default for AssertionPolicy {
    fn default() -> Self {
        Self { audience: AssertionAudience::Auto, typ: "JWT".to_owned(), lifetime: Duration::from_secs(60) }
    }
}

/// Whom an assertion is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionAudience {
    /// The issuer where it is known by discovery, else the token endpoint.
    #[default]
    Auto,
    /// The issuer as the one text, as FAPI 2.0 wants it. Needs discovery.
    Issuer,
    /// The URL of the token endpoint, without its query.
    TokenEndpoint,
    /// This text.
    Value(String),
    /// These, as a list.
    List(Vec<String>),
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
    pub(crate) details: Vec<Value>,
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

    /// What the token is to allow, in detail (RFC 9396, section 2): objects that each have a `type`. A form has them as one JSON text.
    #[must_use]
    pub fn authorization_details<I: IntoIterator<Item = Value>>(mut self, details: I) -> Self {
        self.details = details.into_iter().collect();
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
        if self.details.is_empty() {
            self.details.clone_from(&other.details);
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
        for detail in &self.details {
            let kind = detail.get("type").and_then(Value::as_str).unwrap_or_default();
            if kind.is_empty() {
                let text = "each of the authorization details is an object with a type that is a text (RFC 9396, section 2)";
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
            .field("authorization_details", &self.details.iter().filter_map(|detail| detail.get("type")).collect::<Vec<_>>())
            .field("parameters", &names);
        debug.finish()
    }
}

/// By what a request shows who the client is.
pub(crate) enum Proof {
    Post(Secret),
    Basic(Secret, BasicEncoding),
    Assertion(Secret),
    /// The connection itself shows it.
    Connection,
}

/// Type of an assertion that is a JWT (RFC 7523, section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Proof {
    /// What is secret of it: of an assertion the signature, without which it is worth nothing.
    pub(crate) fn secret(&self) -> &str {
        match self {
            Self::Post(secret) | Self::Basic(secret, _) => secret.expose(),
            Self::Assertion(assertion) => assertion.expose().rsplit('.').next().unwrap_or_default(),
            Self::Connection => "",
        }
    }

    /// The parameters in the body (RFC 6749, section 2.3.1; RFC 7521, section 4.2; RFC 8705, section 2).
    fn fields<'a>(&'a self, client_id: &'a str) -> Vec<(&'a str, &'a str)> {
        match self {
            Self::Post(secret) => vec![("client_id", client_id), ("client_secret", secret.expose())],
            Self::Basic(..) => Vec::new(),
            Self::Assertion(assertion) => {
                vec![("client_id", client_id), ("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.expose())]
            }
            Self::Connection => vec![("client_id", client_id)],
        }
    }

    fn header(&self, client_id: &str) -> Result<Option<HeaderValue>, http::header::InvalidHeaderValue> {
        match self {
            Self::Basic(secret, encoding) => basic(client_id, secret.expose(), *encoding).map(Some),
            _ => Ok(None),
        }
    }
}

/// What the request is made of. `format` is not [`BodyFormat::Auto`].
pub(crate) struct Parts<'a> {
    pub(crate) endpoint: &'a Uri,
    pub(crate) client_id: &'a str,
    pub(crate) proof: &'a Proof,
    pub(crate) request: &'a TokenRequest,
    pub(crate) format: BodyFormat,
}

/// The token request.
pub(crate) fn token_request(parts: &Parts<'_>) -> Result<Request<Bytes>, http::Error> {
    let scope = parts.request.scopes.join(" ");
    let details = Value::from(parts.request.details.clone()).to_string();
    let mut fields = vec![("grant_type", "client_credentials")];
    fields.extend(parts.proof.fields(parts.client_id));
    fields.push(("scope", &scope));
    fields.push(("audience", parts.request.audience.as_deref().unwrap_or_default()));
    fields.extend(parts.request.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    fields.retain(|(_, value)| !value.is_empty());
    let has_details = !parts.request.details.is_empty();
    let (kind, body) = if parts.format == BodyFormat::Json {
        (JSON, json(&fields, &parts.request.resources, has_details.then_some(details.as_str())))
    } else {
        if has_details {
            fields.push(("authorization_details", &details));
        }
        (FORM, form(&fields, &parts.request.resources))
    };
    request(parts.endpoint, parts.proof.header(parts.client_id)?, kind, body)
}

/// A request about a token (RFC 7009, section 2.1; RFC 7662, section 2.1).
pub(crate) fn form_request(endpoint: &Uri, client_id: &str, proof: &Proof, fields: &[(&str, &str)]) -> Result<Request<Bytes>, http::Error> {
    let fields = [fields, &proof.fields(client_id)].concat();
    request(endpoint, proof.header(client_id)?, FORM, form(&fields, &[]))
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn request(
    endpoint: &Uri,
    authorization: Option<HeaderValue>,
    kind: &'static str,
    body: Zeroizing<Vec<u8>>,
) -> Result<Request<Bytes>, http::Error> {
    let mut builder = Request::builder().method(Method::POST).uri(endpoint).header(ACCEPT, JSON);
    if let Some(value) = authorization {
        builder = builder.header(AUTHORIZATION, value);
    }
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

/// `details`: authorization details, as JSON.
fn json(fields: &[(&str, &str)], resources: &[String], details: Option<&str>) -> Zeroizing<Vec<u8>> {
    let longest = |text: &str| 6 * text.len() + 4;
    let size = fields.iter().map(|(name, value)| longest(name) + longest(value)).sum::<usize>()
        + resources.iter().map(|resource| longest(resource)).sum::<usize>()
        + details.map_or(0, str::len)
        + 60;
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
    if let Some(details) = details {
        body.extend_from_slice(b",\"authorization_details\":");
        body.extend_from_slice(details.as_bytes());
    }
    body.push(b'}');
    body
}

fn push_json(body: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(body, text).unwrap_or_else(|error| unreachable!("a text is always JSON: {error}"));
}
