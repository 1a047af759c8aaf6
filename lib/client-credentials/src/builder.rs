//! What a client is made of.

use std::time::Duration;

use crate::address::{self, Origin};
use crate::answer::Leniency;
use crate::client::Client;
use crate::engine::{Config, Engine};
use crate::secret::{Source, is_visible};
use crate::{
    BasicEncoding, BodyFormat, ClientAuthentication, Clock, Cooldown, Error, Freshness, HttpClient, Limits, Preset, Retry, SecretSource,
    Spawn, SystemClock, TokenRequest,
};

/// Makes a [`Client`]. Only what [`Client::builder`] asks for is needed; everything else has a default that suits most servers.
#[must_use = "a builder does nothing until build()"]
pub struct ClientBuilder {
    token_endpoint: String,
    client_id: String,
    secret: SecretSource,
    authentication: ClientAuthentication,
    body_format: BodyFormat,
    request: TokenRequest,
    preset: Option<Preset>,
    required_scopes: Vec<String>,
    leniency: Leniency,
    freshness: Freshness,
    retry: Retry,
    cooldown: Cooldown,
    limits: Limits,
    deadline: Duration,
    origins: Vec<String>,
    http_on_loopback: bool,
    http: Option<Box<dyn HttpClient>>,
    clock: Option<Box<dyn Clock>>,
    spawn: Option<Box<dyn Spawn>>,
}

impl ClientBuilder {
    pub(crate) fn new(token_endpoint: String, client_id: String, secret: SecretSource) -> Self {
        let limits = Limits { connect: Duration::from_secs(10), total: Duration::from_secs(10), max_body: 256 * 1024 };
        Self {
            token_endpoint,
            client_id,
            secret,
            authentication: ClientAuthentication::default(),
            body_format: BodyFormat::default(),
            request: TokenRequest::new(),
            preset: None,
            required_scopes: Vec::new(),
            leniency: Leniency::default(),
            freshness: Freshness::default(),
            retry: Retry::default(),
            cooldown: Cooldown::default(),
            limits,
            deadline: Duration::from_secs(30),
            origins: Vec::new(),
            http_on_loopback: false,
            http: None,
            clock: None,
            spawn: None,
        }
    }

    /// Scopes to ask for, separated by spaces (RFC 6749, section 3.3).
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.request = self.request.scope(scope);
        self
    }

    /// The same as a list.
    pub fn scopes<I: IntoIterator<Item = S>, S: Into<String>>(mut self, scopes: I) -> Self {
        self.request = self.request.scopes(scopes);
        self
    }

    /// Scopes without which a token is of no use: an answer that grants less is an error. An answer that does not say what it grants has
    /// granted what was asked for (RFC 6749, section 3.3). Of a [`TokenRequest`] with scopes of its own, only those count that it asks for.
    pub fn require_scopes<I: IntoIterator<Item = S>, S: Into<String>>(mut self, scopes: I) -> Self {
        self.required_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Where the token will be used (RFC 8707, section 2): absolute URIs without a fragment. JSON has a list, also of one; a form repeats
    /// the parameter. Their origins may be sent the token by [`Client::authorization`].
    pub fn resources<I: IntoIterator<Item = S>, S: Into<String>>(mut self, resources: I) -> Self {
        self.request = self.request.resources(resources);
        self
    }

    /// The `audience` that Auth0 and others want.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.request = self.request.audience(audience);
        self
    }

    /// One more parameter of the token request. Names that the library writes itself are refused by [`build`](Self::build).
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.request = self.request.parameter(name, value);
        self
    }

    /// How the client shows who it is: in the body, unless told otherwise.
    pub fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// How the body is written: found out, unless told otherwise.
    pub fn body_format(mut self, format: BodyFormat) -> Self {
        self.body_format = format;
        self
    }

    /// What is known of a kind of server. Later calls may change parts of it.
    pub fn preset(mut self, preset: &Preset) -> Self {
        self.authentication = preset.authentication;
        self.body_format = preset.body_format;
        self.leniency = Leniency { form_answer: preset.form_answer };
        self.preset = Some(preset.clone());
        self
    }

    /// When tokens are refreshed and given up.
    pub fn freshness(mut self, freshness: Freshness) -> Self {
        self.freshness = freshness;
        self
    }

    /// How often one flight asks again.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// How long failures are remembered.
    pub fn cooldown(mut self, cooldown: Cooldown) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// Longest wait for a connection: 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect = timeout;
        self
    }

    /// Longest wait for one answer: 10 s.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.limits.total = timeout;
        self
    }

    /// Longest time for everything: reading the secret, all attempts and the pauses between them: 30 s. A caller who wants to wait less
    /// drops the future, which costs the others nothing.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Most bytes of an answer: 256 KiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.limits.max_body = bytes;
        self
    }

    /// Allows `http://` for `127.0.0.0/8`, `[::1]` and `localhost`, where nobody else can listen. Proxies are not used for it.
    pub fn allow_http_on_loopback(mut self) -> Self {
        self.http_on_loopback = true;
        self
    }

    /// An origin that [`Client::authorization`] may give the token for, such as `https://api.example`.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Your own HTTP client, instead of the one by reqwest.
    pub fn http_client(mut self, http: impl HttpClient) -> Self {
        self.http = Some(Box::new(http));
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// Where refreshes in the background run, instead of the Tokio runtime of whoever calls.
    pub fn spawn(mut self, spawn: impl Spawn) -> Self {
        self.spawn = Some(Box::new(spawn));
        self
    }

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) says what cannot work.
    pub fn build(mut self) -> Result<Client, Error> {
        let config = self.config()?;
        #[cfg(feature = "tokio")]
        let spawn = self.spawn.take().or_else(|| Some(Box::new(crate::clock::TokioSpawn)));
        #[cfg(not(feature = "tokio"))]
        let spawn = self.spawn.take();
        #[cfg(feature = "reqwest")]
        if self.http.is_none() {
            self.http = Some(Box::new(crate::reqwest_client::ReqwestClient::new(&config)?));
        }
        let Some(http) = self.http.take() else {
            return Err(Error::configuration("there is no HTTP client: give one with http_client(), or use the feature reqwest"));
        };
        let clock = self.clock.take().unwrap_or_else(|| Box::new(SystemClock));
        Ok(Client::from_engine(Engine::new(config, http, clock, spawn)))
    }

    /// A client for threads without an async runtime. Its HTTP client is ureq, unless another one was given.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    #[cfg(feature = "blocking")]
    pub fn build_blocking(mut self) -> Result<crate::blocking::Client, Error> {
        let config = self.config()?;
        let http = match self.http.take() {
            Some(http) => http,
            None => Box::new(crate::ureq_client::UreqClient::new(&config)),
        };
        let spawn = self.spawn.take().unwrap_or_else(|| Box::new(crate::blocking::Threads));
        let clock = self.clock.take().unwrap_or_else(|| Box::new(SystemClock));
        Ok(crate::blocking::Client::new(Client::from_engine(Engine::new(config, http, clock, Some(spawn)))))
    }

    fn config(&mut self) -> Result<Config, Error> {
        let endpoint = address::token_endpoint(&self.token_endpoint, self.http_on_loopback)?;
        if self.client_id.is_empty() || !is_visible(&self.client_id) {
            return Err(Error::configuration(
                "the client identifier is empty, or has characters that RFC 6749, appendix A.1, does not allow",
            ));
        }
        if self.authentication == ClientAuthentication::SecretBasic(BasicEncoding::Raw) && self.client_id.contains(':') {
            let text = "the client identifier has a colon, at which a server would cut it in a raw Basic header (RFC 7617, section 2)";
            return Err(Error::configuration(text));
        }
        if let Source::Fixed(secret) = &self.secret.0 {
            if secret.expose().is_empty() || !is_visible(secret.expose()) {
                return Err(Error::configuration(
                    "the client secret is empty, or has characters that RFC 6749, appendix A.2, does not allow",
                ));
            }
        }
        self.request.check()?;
        let mut origins = Vec::new();
        for text in &self.origins {
            let uri = text.parse::<http::Uri>().ok().filter(|uri| {
                address::is_safe(uri, self.http_on_loopback) && matches!(uri.path_and_query().map_or("/", |path| path.as_str()), "" | "/")
            });
            let Some(origin) = uri.as_ref().and_then(Origin::of) else {
                return Err(Error::configuration(format!("{text:?} is not an origin such as https://api.example, without a path")));
            };
            origins.push(origin);
        }
        let freshness = &self.freshness;
        let (refresh_after, jitter) = (freshness.refresh_after, freshness.jitter);
        if !(0.0..=1.0).contains(&refresh_after) || !(0.0..=1.0).contains(&jitter) || jitter >= refresh_after {
            return Err(Error::configuration(
                "refresh_after and jitter are parts of a lifetime, between 0 and 1, and jitter is the smaller one",
            ));
        }
        if self.deadline.is_zero() || self.limits.total.is_zero() || self.limits.connect.is_zero() || self.limits.max_body == 0 {
            return Err(Error::configuration("a timeout or limit of zero leaves nothing to do"));
        }
        if let Some(preset) = &self.preset {
            preset.check(&self.request)?;
        }
        Ok(Config {
            endpoint,
            client_id: self.client_id.clone(),
            secret: self.secret.clone(),
            authentication: self.authentication,
            body_format: self.body_format,
            request: self.request.clone(),
            required_scopes: self.required_scopes.clone(),
            leniency: self.leniency,
            freshness: self.freshness.clone(),
            retry: self.retry,
            cooldown: self.cooldown,
            limits: self.limits,
            deadline: self.deadline,
            origins,
            http_on_loopback: self.http_on_loopback,
        })
    }
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ClientBuilder").field("client_id", &self.client_id).field("secret", &self.secret).finish_non_exhaustive()
    }
}
