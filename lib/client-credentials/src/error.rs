//! One error for people and for programs.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;

use crate::BodyFormat;
use crate::freshness::CooldownClass;

/// Why there is no token.
///
/// [`Display`](fmt::Display) says in one line what happened, to what, and what to do; the methods say it to programs. It is cheap to
/// clone, since all who waited for one request get the same error. It never contains the client secret or a token: whatever of a
/// server's words looks like the secret is struck out.
#[derive(Clone)]
pub struct Error(Arc<Told>);

/// An error as one caller gets it. One pointer to it all keeps small what is returned where nothing fails.
#[derive(Clone)]
struct Told {
    inner: Arc<Inner>,
    remembered: bool,
    retry_at: Option<SystemTime>,
}

pub(crate) struct Inner {
    pub(crate) kind: ErrorKind,
    /// What happened, to what.
    pub(crate) text: String,
    /// What to do.
    pub(crate) advice: Option<String>,
    pub(crate) oauth: Option<OAuthError>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) retryable: bool,
    pub(crate) attempts: u32,
    pub(crate) answers: Vec<Answer>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The builder, or a [`TokenRequest`](crate::TokenRequest), was given something that cannot work.
    Configuration,
    /// The client secret or an assertion could not be read, or a key did not sign.
    Secret,
    /// The authorization server's metadata could not be had, or says that it is another server's (RFC 8414), or what is needed is not there.
    Discovery,
    /// The [deadline](crate::ClientBuilder::deadline) is over.
    Timeout,
    /// There was no answer, or it was a redirect or too large.
    Transport,
    /// An HTTP error without the words of OAuth: a proxy, a firewall, a server that is down.
    Http,
    /// The authorization server refuses, with a code of RFC 6749, section 5.2, or its extensions.
    OAuth,
    /// A success without a usable token (RFC 6749, section 5.1).
    InvalidResponse,
    /// A token that is not a bearer token, and must not be used by who does not understand it (RFC 6749, section 7.1).
    UnsupportedTokenType,
    /// The token is not bound to the client's key, although DPoP was asked for (RFC 9449, section 5). It is thrown away.
    BindingDowngrade,
    /// The server granted less than [`require_scopes`](crate::ClientBuilder::require_scopes) wants.
    ScopeDowngrade,
    /// The token must not be sent to that address.
    OriginNotAllowed,
    /// [`sign_out`](crate::Client::sign_out) was called, or the client dropped, while the request was under way.
    SignedOut,
    /// The client credentials grant has no such thing.
    NotApplicable,
    /// An HTTP client or secret provider panicked.
    Panicked,
}

impl ErrorKind {
    /// Its name in lower case, with `_` between words: a label for metrics, and `error.type` of a span.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Secret => "secret",
            Self::Discovery => "discovery",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::Http => "http",
            Self::OAuth => "oauth",
            Self::InvalidResponse => "invalid_response",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::BindingDowngrade => "binding_downgrade",
            Self::ScopeDowngrade => "scope_downgrade",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::SignedOut => "signed_out",
            Self::NotApplicable => "not_applicable",
            Self::Panicked => "panicked",
        }
    }
}

/// The error members of a token endpoint's answer (RFC 6749, section 5.2). Control characters are shown as spaces, and long texts are
/// cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    pub(crate) code: String,
    pub(crate) description: Option<String>,
    pub(crate) uri: Option<String>,
}

impl OAuthError {
    /// `error`, for example `invalid_client`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// `error_description`.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// `error_uri`.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }
}

/// What came back to one way of asking.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// [`BodyFormat::Json`] or [`BodyFormat::Form`].
    pub format: BodyFormat,
    /// Name of the client authentication method: [`ClientAuthentication::name`](crate::ClientAuthentication::name).
    pub method: &'static str,
    /// HTTP status, if there was an answer.
    pub status: Option<StatusCode>,
    /// The error members, if the answer had them.
    pub oauth: Option<OAuthError>,
    /// What happened, for people.
    pub text: String,
}

impl Error {
    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self(Arc::new(Told { inner: Arc::new(inner), remembered: false, retry_at: None }))
    }

    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self::from_inner(Inner {
            kind,
            text: text.into(),
            advice: None,
            oauth: None,
            status: None,
            retryable: false,
            attempts: 0,
            answers: Vec::new(),
        })
    }

    pub(crate) fn configuration(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, text)
    }

    pub(crate) fn remembered_until(&self, until: Option<SystemTime>) -> Self {
        Self(Arc::new(Told { inner: Arc::clone(&self.0.inner), remembered: true, retry_at: until }))
    }

    pub(crate) fn with_retry_at(self, retry_at: Option<SystemTime>) -> Self {
        Self(Arc::new(Told { retry_at, ..Told::clone(&self.0) }))
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.inner.kind
    }

    /// The error members of the server's answer.
    #[must_use]
    pub fn oauth(&self) -> Option<&OAuthError> {
        self.0.inner.oauth.as_ref()
    }

    /// HTTP status of the server's answer.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.inner.status
    }

    /// Whether the same may succeed later without a change. Not before [`retry_at`](Self::retry_at).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.inner.retryable
    }

    /// When the token endpoint will be asked again. Callers before that get this error, remembered.
    #[must_use]
    pub fn retry_at(&self) -> Option<SystemTime> {
        self.0.retry_at
    }

    /// How many requests were sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.inner.attempts
    }

    /// Whether nothing was sent for this caller, because the failure of an earlier request is remembered.
    #[must_use]
    pub fn is_remembered(&self) -> bool {
        self.0.remembered
    }

    /// The last answer to each body format that was tried, in the order of the attempts.
    #[must_use]
    pub fn answers(&self) -> &[Answer] {
        &self.0.inner.answers
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.inner.text)?;
        if let Some(advice) = &self.0.inner.advice {
            write!(formatter, ". {advice}")?;
        }
        if self.0.remembered {
            formatter.write_str(" (remembered from an earlier request; nothing was sent)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Error");
        debug.field("kind", &self.0.inner.kind).field("text", &self.0.inner.text).field("advice", &self.0.inner.advice);
        debug.field("oauth", &self.0.inner.oauth).field("status", &self.0.inner.status).field("retryable", &self.0.inner.retryable);
        debug.field("retry_at", &self.0.retry_at).field("attempts", &self.0.inner.attempts).field("remembered", &self.0.remembered);
        debug.field("answers", &self.0.inner.answers).finish()
    }
}

impl std::error::Error for Error {}

/// One attempt that gave no token.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) kind: ErrorKind,
    /// What happened, as the end of "the token request to HOST failed: …".
    pub(crate) text: String,
    pub(crate) oauth: Option<OAuthError>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) again: Again,
    /// Whether there was no answer in time.
    pub(crate) timed_out: bool,
    /// What `Retry-After` asks for.
    pub(crate) retry_after: Option<std::time::Duration>,
    pub(crate) cooldown: CooldownClass,
    /// Whether the `WWW-Authenticate` of the answer wants HTTP Basic.
    pub(crate) wants_basic: bool,
    /// Whether the answer had a nonce for the next proof of possession.
    pub(crate) has_nonce: bool,
}

/// Whether one flight asks again after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Never,
    /// Perhaps a hiccup of something in between.
    Once,
    Yes,
}

impl Failed {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>, again: Again, cooldown: CooldownClass) -> Self {
        Self {
            kind,
            text: text.into(),
            oauth: None,
            status: None,
            again,
            timed_out: false,
            retry_after: None,
            cooldown,
            wants_basic: false,
            has_nonce: false,
        }
    }

    pub(crate) fn code(&self) -> Option<&str> {
        self.oauth.as_ref().map(OAuthError::code)
    }

    /// Whether other tokens of the same client are concerned: the client is refused, or the server does not answer as one. What else is
    /// said may be about a scope or an audience.
    pub(crate) fn is_about_the_client(&self) -> bool {
        match self.kind {
            ErrorKind::OAuth => {
                matches!(self.cooldown, CooldownClass::Transient | CooldownClass::Rejected)
            }
            ErrorKind::Secret | ErrorKind::Discovery | ErrorKind::Timeout | ErrorKind::Transport | ErrorKind::Http => true,
            _ => false,
        }
    }
}
