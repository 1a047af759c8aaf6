//! The client: what callers see of it.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode, Uri};

use crate::address;
use crate::builder::Told;
use crate::engine::{Engine, FlightResult, Invalidated, Slot, Step, signed_out};
use crate::flight::Waiter;
use crate::{
    ClientBuilder, Credential, Error, ErrorKind, Event, Events, Introspection, Metadata, Status, Token, TokenRequest, TokenType,
    parse_challenges,
};

/// A client of an authorization server: gets access tokens by the client credentials grant (RFC 6749, section 4.4) and keeps them in
/// memory.
///
/// Cheap to clone; all clones share their tokens. When the last one is dropped, requests under way end.
///
/// ```
/// # use bytes::Bytes;
/// # use client_credentials::{BoxFuture, Client, Error, HttpClient, Limits, TransportError};
/// # struct Canned;
/// # impl HttpClient for Canned {
/// #     fn send(&self, _: http::Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
/// #         let body = r#"{"access_token":"t-1","token_type":"Bearer","expires_in":3600}"#;
/// #         Box::pin(async move { Ok(http::Response::new(Bytes::from_static(body.as_bytes()))) })
/// #     }
/// # }
/// # async fn example() -> Result<(), Error> {
/// let client = Client::builder("https://auth.example/oauth/token", "my-id", "my-secret").scope("orders:read")
///     # .http_client(Canned)
///     .build()?;
/// let headers = client.authorize().await?.headers();
/// assert_eq!(headers["authorization"], "Bearer t-1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    alive: Arc<Alive>,
    slot: Arc<Slot>,
}

/// Ends what is under way when the last client is gone.
struct Alive(Arc<Engine>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What the answer of a resource server means for the token that was sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Whatever the answer is, it is no matter of the token.
    NotAboutTheToken,
    /// Get a [`token`](Client::token) and new headers, and send the request once more, if it may be sent twice. A request whose replay is refused as well
    /// is [`Rejected`](Self::Rejected).
    Replay,
    /// The token is good, but not for this (`insufficient_scope`, RFC 6750, section 3.1). These scopes would do; the server need not say
    /// them.
    NeedsScope(Vec<String>),
    /// The token is refused, and another one would be as well: it was just issued, or one was dropped for the same reason shortly before.
    Rejected,
}

impl Client {
    /// Begins with what every client has: the token endpoint's URL, and the client's identifier and secret (RFC 6749, sections 2.2 and
    /// 2.3.1). A text is taken as the secret itself; see [`SecretSource`](crate::SecretSource) for files and others, and [`Credential`] for
    /// keys, certificates and assertions.
    pub fn builder(token_endpoint: impl Into<String>, client_id: impl Into<String>, credential: impl Into<Credential>) -> ClientBuilder {
        ClientBuilder::new(Told::TokenEndpoint(token_endpoint.into()), client_id.into(), credential.into())
    }

    /// The same with the server's name, its issuer, in place of the token endpoint's URL. The server's metadata (RFC 8414, or OpenID Connect
    /// Discovery) is asked for with the first token request, and kept for as long as its answer allows: a minute at least, a day at most. It
    /// tells the endpoints, and how the client shows who it is where that was not said.
    ///
    /// ```no_run
    /// use client_credentials::{Client, Error};
    ///
    /// # fn client(secret: String) -> Result<Client, Error> {
    /// let client = Client::discover("https://auth.example", "my-id", secret).scope("orders:read")
    ///     .build()?;
    /// # Ok(client)
    /// # }
    /// ```
    pub fn discover(issuer: impl Into<String>, client_id: impl Into<String>, credential: impl Into<Credential>) -> ClientBuilder {
        ClientBuilder::new(Told::Issuer(issuer.into()), client_id.into(), credential.into())
    }

    pub(crate) fn from_engine(engine: Engine) -> Self {
        let slot = engine.default_slot();
        Self { alive: Arc::new(Alive(Arc::new(engine))), slot }
    }

    fn engine(&self) -> &Arc<Engine> {
        &self.alive.0
    }

    /// A handle on a token of its own: other scopes, resources, audience or parameters, the same client. What `request` does not say is
    /// taken from the client's configuration. Handles on the same request share their token.
    ///
    /// All methods of the contract are about the token of the handle, but [`sign_out`](Self::sign_out) and [`reset`](Self::reset) are
    /// about all of them. Tokens of 1,024 requests are kept besides those that there are handles on.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the request cannot be sent.
    pub fn for_request(&self, request: TokenRequest) -> Result<Self, Error> {
        Ok(Self { alive: Arc::clone(&self.alive), slot: self.engine().slot(request)? })
    }

    /// Sees to it that there is a token. Returns at once while one is held that expires more than 20 seconds from now; otherwise waits
    /// for a token request, the same one for all who call meanwhile. On success [`headers`](Self::headers) and the like tell the token,
    /// and the error fields are cleared.
    ///
    /// Dropping the future loses nothing for others who wait; when nobody waits any more, the request is given up.
    ///
    /// In the last 20 seconds of a token, one that cannot be replaced is served until it expires, and the error fields tell why. Nobody
    /// waits for longer than half of what is left of it; the request goes on in the background then.
    ///
    /// # Errors
    /// When there is no token that has not expired, and none can be had. All who waited get the same error, and so do callers while the
    /// failure is remembered ([`Cooldown`](crate::Cooldown)).
    pub async fn authorize(&self) -> Result<&Self, Error> {
        if !self.engine().serves_at_once(&self.slot) {
            self.wait(false).await?;
        }
        Ok(self)
    }

    /// [`authorize`](Self::authorize), and the token it led to, in one step.
    ///
    /// # Errors
    /// As `authorize`.
    pub async fn token(&self) -> Result<Token, Error> {
        match self.engine().fresh_token(&self.slot) {
            Some(token) => Ok(token),
            None => self.wait(false).await,
        }
    }

    /// A new token now, however long the old one is valid. Joins a request that is under way.
    ///
    /// # Errors
    /// When the request fails, or an earlier failure is remembered. The old token stays.
    pub async fn refresh(&self) -> Result<Token, Error> {
        self.wait(true).await
    }

    async fn wait(&self, force: bool) -> Result<Token, Error> {
        loop {
            let generation = self.slot.generation();
            let mut waiter = match self.engine().step(&self.slot, force) {
                Step::Serve(token) => return Ok(token),
                Step::Fail(error) => return Err(error),
                Step::Wait(waiter) => waiter,
            };
            let patience = self.engine().patience(&self.slot).filter(|_| !force);
            let result = match patience {
                None => waiter.await,
                Some(patience) => match self.engine().in_time(patience, &mut waiter).await {
                    Some(result) => result,
                    None => match self.engine().stale_token(&self.slot) {
                        Some(token) => {
                            self.engine().leave_behind(&self.slot, waiter);
                            return Ok(token);
                        }
                        None => waiter.await,
                    },
                },
            };
            match result {
                Err(error) if !force => return self.engine().stale_token(&self.slot).ok_or(error),
                // Whoever was polled long after the answer had come.
                Ok(_) if self.slot.generation() != generation => return Err(signed_out()),
                Ok(token) if self.engine().has_expired(&token) => {}
                result => return result,
            }
        }
    }

    /// The token request that is under way, if there is one. Awaiting it tells how that ends, without a stale token in place of a failure.
    /// A request goes on for as long as this is held.
    #[must_use]
    pub fn authorizing(&self) -> Option<Authorizing> {
        let generation = self.slot.generation();
        let waiter = self.slot.join()?;
        Some(Authorizing { waiter, generation, client: self.clone() })
    }

    /// Whether a token is held that has not expired.
    #[must_use]
    pub fn authorized(&self) -> bool {
        self.access_token().is_some()
    }

    /// The token that is held, unless it has expired. Sends nothing.
    #[must_use]
    pub fn access_token(&self) -> Option<Token> {
        self.engine().held(&self.slot)
    }

    /// `Authorization: Bearer …` with the token that is held (RFC 6750, section 2.1), marked as sensitive; empty when there is none, for
    /// example because another task signed out meanwhile. [`token`](Self::token) has the header of just the token that it waited for.
    /// For tokens of the type DPoP this is not enough: see [`headers_for`](Self::headers_for).
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        self.access_token().map(|token| (AUTHORIZATION, token.header().clone())).into_iter().collect()
    }

    /// When the token that is held expires: the time its request was sent plus `expires_in`.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.access_token()?.expires_at()
    }

    /// `error` of the last token request, if that failed with one (RFC 6749, section 5.2).
    #[must_use]
    pub fn error(&self) -> Option<String> {
        Some(self.slot.last_error()?.oauth()?.code().to_owned())
    }

    /// `error_description` of the last token request, if that failed with one.
    #[must_use]
    pub fn error_description(&self) -> Option<String> {
        Some(self.slot.last_error()?.oauth()?.description()?.to_owned())
    }

    /// `error_uri` of the last token request, if that failed with one.
    #[must_use]
    pub fn error_uri(&self) -> Option<String> {
        Some(self.slot.last_error()?.oauth()?.uri()?.to_owned())
    }

    /// Why the last token request failed; none since one succeeded.
    #[must_use]
    pub fn last_error(&self) -> Option<Error> {
        self.slot.last_error()
    }

    /// Forgets all tokens of the client, their headers and expiry, and the error fields. Nothing is sent: revoking is a call of its own.
    /// Who waits gets [`ErrorKind::SignedOut`], and an answer that is still on its way changes nothing any more.
    ///
    /// What is remembered of failures stays, so that signing out and in again does not hammer a server that refuses.
    pub fn sign_out(&self) {
        self.engine().sign_out();
    }

    /// There is no user in this grant, so nothing about one.
    ///
    /// # Errors
    /// Always [`ErrorKind::NotApplicable`].
    pub fn user_info(&self) -> Result<Infallible, Error> {
        let text = "there is no user info: the client credentials grant knows no user, only the client itself";
        Err(Error::new(ErrorKind::NotApplicable, text))
    }

    /// There is nothing to prepare: ready at once.
    pub fn initialize(&self) -> Ready<()> {
        ready(())
    }

    /// Ready at once, as [`initialize`](Self::initialize).
    pub fn initialized(&self) -> Ready<()> {
        ready(())
    }

    /// Drops the token if it is the one that a resource server refused, so that the next caller leads to a new one. [`observe`](Self::observe)
    /// does it where an answer says so.
    ///
    /// Drops at most one token a minute, and none that was issued in the last ten seconds: a server that refuses every token, because of
    /// a wrong audience say, must not lead to a token request for every call.
    #[expect(clippy::must_use_candidate, reason = "it is done for what it does")]
    pub fn invalidate(&self, rejected: &Token) -> Invalidated {
        self.engine().invalidate(&self.slot, rejected)
    }

    /// What the answer of a resource server means for the token that was sent to it (RFC 6750, section 3). A 401 with `invalid_token`, or
    /// without a word about why, invalidates it. `target`: the address that answered, whose nonce counts for the next proof (RFC 9449,
    /// section 9). Tell it every answer, successes too.
    #[must_use]
    pub fn observe(&self, sent: &Token, target: &Uri, status: StatusCode, headers: &HeaderMap) -> Advice {
        #[cfg(feature = "jwt")]
        let has_nonce = sent.token_type() == TokenType::Dpop && self.engine().learn_nonce(target, headers);
        #[cfg(not(feature = "jwt"))]
        let (has_nonce, _) = (false, target);
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            if status.is_success() {
                self.slot.accepted();
            }
            return Advice::NotAboutTheToken;
        }
        let challenges = parse_challenges(headers);
        // A token of the type DPoP is asked for by that name, or as any other (RFC 9449, section 7.2).
        let is_about_it =
            |scheme: &str| scheme.eq_ignore_ascii_case(sent.token_type().name()) || scheme.eq_ignore_ascii_case(TokenType::Bearer.name());
        let mut bearers = challenges.iter().filter(|challenge| is_about_it(challenge.scheme()));
        let bearer = bearers.find(|challenge| challenge.parameter("error").is_some());
        let error = bearer.and_then(|challenge| challenge.parameter("error"));
        match (status, error) {
            (_, Some("insufficient_scope")) => {
                let scope = bearer.and_then(|challenge| challenge.parameter("scope")).unwrap_or_default();
                Advice::NeedsScope(scope.split_whitespace().map(ToOwned::to_owned).collect())
            }
            // A proof with the nonce will do, and the token is good (RFC 9449, section 9).
            (StatusCode::UNAUTHORIZED, Some("use_dpop_nonce")) if has_nonce => Advice::Replay,
            (StatusCode::FORBIDDEN, _) => Advice::NotAboutTheToken,
            (_, None | Some("invalid_token")) => match self.invalidate(sent) {
                Invalidated::Dropped | Invalidated::AlreadyReplaced => Advice::Replay,
                Invalidated::JustMinted | Invalidated::CoolingDown => Advice::Rejected,
            },
            _ => Advice::Rejected,
        }
    }

    /// The token for a request to `target`, if it may be sent there: to the origins given with
    /// [`allow_origin`](ClientBuilder::allow_origin) and those of the [`resources`](ClientBuilder::resources), over https.
    ///
    /// # Errors
    /// [`ErrorKind::OriginNotAllowed`], before anything is sent; otherwise as [`authorize`](Self::authorize).
    pub async fn authorization(&self, target: &Uri) -> Result<Token, Error> {
        self.check_target(target)?;
        self.token().await
    }

    /// The headers that authorize one request to a resource server: [`authorization`](Self::authorization) and
    /// [`headers_for`](Self::headers_for) in one step.
    ///
    /// # Errors
    /// As `authorization`.
    pub async fn authorization_headers(&self, method: &Method, target: &Uri) -> Result<HeaderMap, Error> {
        let token = self.authorization(target).await?;
        self.headers_for(&token, method, target).await
    }

    /// The headers by which this token authorizes this one request: `Authorization: Bearer …` (RFC 6750, section 2.1), or
    /// `Authorization: DPoP …` with a proof for just this request (RFC 9449, section 7.1). Ask for them anew for every request, replays
    /// included.
    ///
    /// # Errors
    /// [`ErrorKind::OriginNotAllowed`] when the token must not be sent there; [`ErrorKind::Secret`] when the key does not sign.
    pub async fn headers_for(&self, token: &Token, method: &Method, target: &Uri) -> Result<HeaderMap, Error> {
        self.check_target(target)?;
        self.engine().headers_for(token, method, target).await
    }

    /// What the authorization server says of itself (RFC 8414), as it is kept; asked for, if it is not there yet. For clients made with
    /// [`discover`](Self::discover).
    ///
    /// # Errors
    /// [`ErrorKind::Discovery`] and those of any request when it cannot be had.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        self.engine().metadata().await
    }

    fn check_target(&self, target: &Uri) -> Result<(), Error> {
        let engine = self.engine();
        let refused =
            |why: &str| Err(Error::new(ErrorKind::OriginNotAllowed, format!("the token is not for {}: {why}", address::shown(target))));
        if !address::is_safe(target, engine.allows_http_on_loopback()) {
            return refused("it is not https");
        }
        if !engine.allows(&self.slot, target) {
            return refused("allow its origin with allow_origin(), or name it in resources()");
        }
        Ok(())
    }

    /// Revokes a token at the authorization server (RFC 7009), and forgets it if it is held. Signing out does not do that. A token that the
    /// server does not know counts as revoked.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when no revocation endpoint is known. After any other error the token may still be good, and is held on;
    /// [`Error::retry_at`] tells when to try again, if the server said it.
    pub async fn revoke(&self, token: &Token) -> Result<(), Error> {
        self.engine().revoke(token).await
    }

    /// What the authorization server knows of a token (RFC 7662), for resource servers that were given one. Asked anew every time: whether a
    /// token is still good is nothing to remember.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when no introspection endpoint is known, otherwise whatever the server answers.
    pub async fn introspect(&self, token: &str) -> Result<Introspection, Error> {
        self.engine().introspect(token).await
    }

    /// What is known at this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        self.engine().status(&self.slot)
    }

    /// All that happens from now on, to all tokens of the client.
    #[must_use]
    pub fn subscribe(&self) -> Events {
        self.engine().subscribe()
    }

    /// Forgets failures, so that the next caller leads to a request at once. Tokens stay.
    pub fn reset(&self) {
        self.engine().reset();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("engine", self.engine()).field("status", &self.status()).finish()
    }
}

/// Waits for a token request that is under way; from [`Client::authorizing`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Authorizing {
    waiter: Waiter<FlightResult>,
    generation: u64,
    /// The request would end with the last client.
    client: Client,
}

impl Future for Authorizing {
    type Output = Result<Token, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = Pin::new(&mut self.waiter).poll(context);
        match result {
            // Polled long after the answer had come.
            Poll::Ready(Ok(_)) if self.client.slot.generation() != self.generation => Poll::Ready(Err(signed_out())),
            result => result,
        }
    }
}

impl fmt::Debug for Authorizing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Authorizing").finish_non_exhaustive()
    }
}

/// Keeps the compiler's eye on it: a client is shared between threads, and its futures move between them.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    const fn is_send<T: Send>() {}
    is_send_and_sync::<Client>();
    is_send_and_sync::<Event>();
    is_send::<Authorizing>();
};
