//! The same client for threads that may block, without an async runtime.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, Method, StatusCode, Uri};

use crate::{Advice, BoxFuture, Error, Events, Introspection, Invalidated, Metadata, Spawn, Status, Token, TokenRequest};

/// A [`Client`](crate::Client) whose calls return when they are done. All threads that call share one request, as callers of the other
/// one do; its HTTP client is ureq.
///
/// ```no_run
/// # fn main() -> Result<(), client_credentials::Error> {
/// let client = client_credentials::Client::builder("https://auth.example/oauth/token", "my-id", "my-secret").build_blocking()?;
/// let headers = client.authorize()?.headers();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client(crate::Client);

/// Refreshes in the background, each on a thread that ends with it.
pub(crate) struct Threads;

impl Spawn for Threads {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // Without a thread the task is dropped, and callers wait for a token when the old one is stale.
        let _ = std::thread::Builder::new().name("token refresh".to_owned()).spawn(move || pollster::block_on(task));
    }
}

impl Client {
    pub(crate) fn new(client: crate::Client) -> Self {
        Self(client)
    }

    /// See [`Client::authorize`](crate::Client::authorize).
    ///
    /// # Errors
    /// The same.
    pub fn authorize(&self) -> Result<&Self, Error> {
        pollster::block_on(self.0.authorize())?;
        Ok(self)
    }

    /// See [`Client::token`](crate::Client::token).
    ///
    /// # Errors
    /// The same.
    pub fn token(&self) -> Result<Token, Error> {
        pollster::block_on(self.0.token())
    }

    /// See [`Client::refresh`](crate::Client::refresh).
    ///
    /// # Errors
    /// The same.
    pub fn refresh(&self) -> Result<Token, Error> {
        pollster::block_on(self.0.refresh())
    }

    /// See [`Client::authorization`](crate::Client::authorization).
    ///
    /// # Errors
    /// The same.
    pub fn authorization(&self, target: &Uri) -> Result<Token, Error> {
        pollster::block_on(self.0.authorization(target))
    }

    /// See [`Client::authorization_headers`](crate::Client::authorization_headers).
    ///
    /// # Errors
    /// The same.
    pub fn authorization_headers(&self, method: &Method, target: &Uri) -> Result<HeaderMap, Error> {
        pollster::block_on(self.0.authorization_headers(method, target))
    }

    /// See [`Client::headers_for`](crate::Client::headers_for).
    ///
    /// # Errors
    /// The same.
    pub fn headers_for(&self, token: &Token, method: &Method, target: &Uri) -> Result<HeaderMap, Error> {
        pollster::block_on(self.0.headers_for(token, method, target))
    }

    /// Waits for the token request that is under way; `None` when there is none. See [`Client::authorizing`](crate::Client::authorizing).
    #[must_use]
    pub fn authorizing(&self) -> Option<Result<Token, Error>> {
        self.0.authorizing().map(pollster::block_on)
    }

    /// See [`Client::for_request`](crate::Client::for_request).
    ///
    /// # Errors
    /// The same.
    pub fn for_request(&self, request: TokenRequest) -> Result<Self, Error> {
        self.0.for_request(request).map(Self)
    }

    /// See [`Client::authorized`](crate::Client::authorized).
    #[must_use]
    pub fn authorized(&self) -> bool {
        self.0.authorized()
    }

    /// See [`Client::access_token`](crate::Client::access_token).
    #[must_use]
    pub fn access_token(&self) -> Option<Token> {
        self.0.access_token()
    }

    /// See [`Client::headers`](crate::Client::headers).
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        self.0.headers()
    }

    /// See [`Client::expires`](crate::Client::expires).
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.0.expires()
    }

    /// See [`Client::error`](crate::Client::error).
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.0.error()
    }

    /// See [`Client::error_description`](crate::Client::error_description).
    #[must_use]
    pub fn error_description(&self) -> Option<String> {
        self.0.error_description()
    }

    /// See [`Client::error_uri`](crate::Client::error_uri).
    #[must_use]
    pub fn error_uri(&self) -> Option<String> {
        self.0.error_uri()
    }

    /// See [`Client::last_error`](crate::Client::last_error).
    #[must_use]
    pub fn last_error(&self) -> Option<Error> {
        self.0.last_error()
    }

    /// See [`Client::sign_out`](crate::Client::sign_out).
    pub fn sign_out(&self) {
        self.0.sign_out();
    }

    /// See [`Client::user_info`](crate::Client::user_info).
    ///
    /// # Errors
    /// Always.
    pub fn user_info(&self) -> Result<Infallible, Error> {
        self.0.user_info()
    }

    /// There is nothing to prepare.
    pub fn initialize(&self) {}

    /// There is nothing to wait for.
    pub fn initialized(&self) {}

    /// See [`Client::invalidate`](crate::Client::invalidate).
    #[expect(clippy::must_use_candidate, reason = "it is done for what it does")]
    pub fn invalidate(&self, rejected: &Token) -> Invalidated {
        self.0.invalidate(rejected)
    }

    /// See [`Client::observe`](crate::Client::observe).
    #[must_use]
    pub fn observe(&self, sent: &Token, target: &Uri, status: StatusCode, headers: &HeaderMap) -> Advice {
        self.0.observe(sent, target, status, headers)
    }

    /// See [`Client::metadata`](crate::Client::metadata).
    ///
    /// # Errors
    /// The same.
    pub fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        pollster::block_on(self.0.metadata())
    }

    /// See [`Client::revoke`](crate::Client::revoke).
    ///
    /// # Errors
    /// The same.
    pub fn revoke(&self, token: &Token) -> Result<(), Error> {
        pollster::block_on(self.0.revoke(token))
    }

    /// See [`Client::introspect`](crate::Client::introspect).
    ///
    /// # Errors
    /// The same.
    pub fn introspect(&self, token: &str) -> Result<Introspection, Error> {
        pollster::block_on(self.0.introspect(token))
    }

    /// See [`Client::status`](crate::Client::status).
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// See [`Client::subscribe`](crate::Client::subscribe).
    #[must_use]
    pub fn subscribe(&self) -> Events {
        self.0.subscribe()
    }

    /// See [`Client::reset`](crate::Client::reset).
    pub fn reset(&self) {
        self.0.reset();
    }
}
