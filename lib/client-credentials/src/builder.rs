//! What a client is made of.

use std::sync::Arc;
use std::time::Duration;

use crate::address::{self, Origin};
use crate::answer::Leniency;
use crate::client::Client;
use crate::credential::Kind;
use crate::engine::{Config, Engine};
use crate::metadata::Issuer;
use crate::secret::{Source, is_visible};
use crate::server::Address;
use crate::{
    AssertionAudience, AssertionPolicy, BasicEncoding, BodyFormat, ClientAuthentication, ClientCertificate, Clock, Cooldown, Credential,
    Error, Freshness, HttpClient, Limits, Observer, Preset, Retry, Spawn, SystemClock, TokenRequest,
};

/// Makes a [`Client`]. Only what [`Client::builder`] asks for is needed; everything else has a default that suits most servers.
#[must_use = "a builder does nothing until build()"]
pub struct ClientBuilder {
    address: Told,
    revocation_endpoint: Option<String>,
    introspection_endpoint: Option<String>,
    issuer_slash: bool,
    client_id: String,
    credential: Credential,
    certificate: Option<ClientCertificate>,
    roots: Option<String>,
    authentication: Option<ClientAuthentication>,
    assertion: AssertionPolicy,
    #[cfg(feature = "jwt")]
    dpop: Option<crate::SigningKey>,
    profile: Option<Profile>,
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
    observer: Option<Arc<dyn Observer>>,
}

/// How the server was named.
pub(crate) enum Told {
    TokenEndpoint(String),
    Issuer(String),
}

impl ClientBuilder {
    pub(crate) fn new(address: Told, client_id: String, credential: Credential) -> Self {
        let limits = Limits { connect: Duration::from_secs(10), total: Duration::from_secs(10), max_body: 256 * 1024 };
        Self {
            address,
            revocation_endpoint: None,
            introspection_endpoint: None,
            issuer_slash: false,
            client_id,
            credential,
            certificate: None,
            roots: None,
            authentication: None,
            assertion: AssertionPolicy::default(),
            #[cfg(feature = "jwt")]
            dpop: None,
            profile: None,
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
            observer: None,
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

    /// What the token is to allow, in detail (RFC 9396, section 2): objects that each have a `type`. What was granted is told by
    /// [`Token::authorization_details`](crate::Token::authorization_details).
    pub fn authorization_details<I: IntoIterator<Item = serde_json::Value>>(mut self, details: I) -> Self {
        self.request = self.request.authorization_details(details);
        self
    }

    /// One more parameter of the token request. Names that the library writes itself are refused by [`build`](Self::build).
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.request = self.request.parameter(name, value);
        self
    }

    /// How the client shows who it is. A secret stands in the body unless told otherwise, or is used as the server's metadata says; for
    /// anything else than a secret it need not be told.
    pub fn authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// What the assertions say that the library writes itself.
    pub fn assertion(mut self, assertion: AssertionPolicy) -> Self {
        self.assertion = assertion;
        self
    }

    /// Has tokens bound to this key (RFC 9449), so that they are worth nothing to who finds them. Every request to a resource server needs the
    /// headers of [`Client::headers_for`] then. A token that is not bound is refused.
    #[cfg(feature = "jwt")]
    pub fn dpop(mut self, key: crate::SigningKey) -> Self {
        self.dpop = Some(key);
        self
    }

    /// Shows this certificate when connections are made, so that the server can bind tokens to it (RFC 8705, section 3), while the client
    /// proves by something else who it is. A certificate that is that proof is given in place of the secret.
    pub fn client_certificate(mut self, certificate: ClientCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Certificates in PEM that the HTTP clients which come with the library trust instead of those that the system trusts: those of an
    /// authority of your own. With the feature `rustls`.
    pub fn root_certificates(mut self, pem: impl Into<String>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Where [`Client::revoke`] asks (RFC 7009), if the server's metadata does not say it.
    pub fn revocation_endpoint(mut self, url: impl Into<String>) -> Self {
        self.revocation_endpoint = Some(url.into());
        self
    }

    /// Where [`Client::introspect`] asks (RFC 7662), if the server's metadata does not say it.
    pub fn introspection_endpoint(mut self, url: impl Into<String>) -> Self {
        self.introspection_endpoint = Some(url.into());
        self
    }

    /// Takes it for the same issuer when the metadata has a slash at the end more or less than what was asked for, if it is nothing but a host.
    /// RFC 8414, section 3.3, wants them to be the same to the letter, but a few large servers are not.
    pub fn allow_issuer_slash(mut self) -> Self {
        self.issuer_slash = true;
        self
    }

    /// Holds the client to a profile: [`build`](Self::build) refuses whatever it forbids.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// How the body is written: found out, unless told otherwise.
    pub fn body_format(mut self, format: BodyFormat) -> Self {
        self.body_format = format;
        self
    }

    /// What is known of a kind of server. Later calls may change parts of it.
    pub fn preset(mut self, preset: &Preset) -> Self {
        self.authentication = Some(preset.authentication);
        if preset.audience_is_token_endpoint {
            self.assertion.audience = AssertionAudience::TokenEndpoint;
        }
        self.issuer_slash = preset.issuer_slash;
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

    /// Who is told at once what happens, for metrics.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) says what cannot work.
    pub fn build(mut self) -> Result<Client, Error> {
        let config = self.config()?;
        config.check_certificates(self.http.is_some())?;
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
        config.check_certificates(self.http.is_some())?;
        let http = match self.http.take() {
            Some(http) => http,
            None => Box::new(crate::ureq_client::UreqClient::new(&config)?),
        };
        let spawn = self.spawn.take().unwrap_or_else(|| Box::new(crate::blocking::Threads));
        let clock = self.clock.take().unwrap_or_else(|| Box::new(SystemClock));
        Ok(crate::blocking::Client::new(Client::from_engine(Engine::new(config, http, clock, Some(spawn)))))
    }

    fn config(&mut self) -> Result<Config, Error> {
        let loopback = self.http_on_loopback;
        let address = match &self.address {
            Told::TokenEndpoint(text) => Address::TokenEndpoint(address::endpoint(text, "the token endpoint", loopback)?),
            Told::Issuer(text) => Address::Issuer(Issuer::new(text, loopback, self.issuer_slash)?),
        };
        let other = |text: &Option<String>, what| text.as_ref().map(|text| address::endpoint(text, what, loopback)).transpose();
        let revocation_endpoint = other(&self.revocation_endpoint, "the revocation endpoint")?;
        let introspection_endpoint = other(&self.introspection_endpoint, "the introspection endpoint")?;
        if self.client_id.is_empty() || !is_visible(&self.client_id) {
            return Err(Error::configuration(
                "the client identifier is empty, or has characters that RFC 6749, appendix A.1, does not allow",
            ));
        }
        if self.authentication == Some(ClientAuthentication::SecretBasic(BasicEncoding::Raw)) && self.client_id.contains(':') {
            let text = "the client identifier has a colon, at which a server would cut it in a raw Basic header (RFC 7617, section 2)";
            return Err(Error::configuration(text));
        }
        self.check_credential()?;
        if self.assertion.audience == AssertionAudience::Issuer && matches!(address, Address::TokenEndpoint(_)) {
            let text =
                "assertions for the issuer need discovery, which tells its name: use Client::discover(), or AssertionAudience::Value";
            return Err(Error::configuration(text));
        }
        if self.assertion.lifetime.as_secs() == 0 {
            return Err(Error::configuration("assertions that are valid for less than a second are refused before they arrive"));
        }
        let certificate = match (&self.credential.0, &self.certificate) {
            (Kind::Certificate(_), Some(_)) => {
                return Err(Error::configuration("a connection shows one certificate, but the client was given two"));
            }
            (Kind::Certificate(certificate), None) | (_, Some(certificate)) => Some(certificate.clone()),
            _ => None,
        };
        if let Some(profile) = self.profile {
            self.check_profile(profile, &address)?;
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
            observer: self.observer.clone(),
            address,
            revocation_endpoint,
            introspection_endpoint,
            client_id: self.client_id.clone(),
            credential: self.credential.clone(),
            certificate,
            roots: self.roots.clone(),
            authentication: self.authentication,
            #[cfg(feature = "jwt")]
            assertion: self.assertion.clone(),
            #[cfg(feature = "jwt")]
            dpop: self.dpop.clone(),
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

    /// Whether the client has what its authentication method needs.
    fn check_credential(&self) -> Result<(), Error> {
        use ClientAuthentication as Method;

        let method = self.authentication;
        let fits = match &self.credential.0 {
            Kind::Secret(_) => matches!(method, None | Some(Method::SecretPost | Method::SecretBasic(_) | Method::SecretJwt(_))),
            Kind::Assertion(_) => matches!(method, None | Some(Method::Assertion | Method::PrivateKeyJwt)),
            Kind::Certificate(_) => matches!(method, None | Some(Method::TlsClientAuth | Method::SelfSignedTlsClientAuth)),
            #[cfg(feature = "jwt")]
            Kind::Key(_) => matches!(method, None | Some(Method::PrivateKeyJwt)),
        };
        if let (false, Some(method)) = (fits, method) {
            let needs = match method {
                Method::SecretPost | Method::SecretBasic(_) | Method::SecretJwt(_) => "a secret",
                Method::PrivateKeyJwt => "a SigningKey (feature jwt)",
                Method::Assertion => "a Credential::assertion",
                Method::TlsClientAuth | Method::SelfSignedTlsClientAuth => "a ClientCertificate",
            };
            let text = format!("{} needs {needs}, but the client was given {:?}", method.name(), self.credential);
            return Err(Error::configuration(text));
        }
        if cfg!(not(feature = "jwt")) && matches!(method, Some(Method::SecretJwt(_))) {
            return Err(Error::configuration("client_secret_jwt needs the feature jwt"));
        }
        if let Kind::Secret(source) = &self.credential.0 {
            if let Source::Fixed(secret) = &source.0 {
                if secret.expose().is_empty() || !is_visible(secret.expose()) {
                    return Err(Error::configuration(
                        "the client secret is empty, or has characters that RFC 6749, appendix A.2, does not allow",
                    ));
                }
                if let Some(Method::SecretJwt(algorithm)) = method {
                    let shortest = algorithm.shortest();
                    if secret.expose().len() < shortest {
                        return Err(Error::configuration(format!(
                            "the client secret is too short for {}, which wants {shortest} bytes (RFC 7518, section 3.2)",
                            algorithm.name()
                        )));
                    }
                }
            }
        }
        #[cfg(feature = "jwt")]
        {
            if let Kind::Key(key) = &self.credential.0 {
                key.check()?;
            }
            if let Some(key) = &self.dpop {
                key.check()?;
                if key.public_jwk().is_none() {
                    return Err(Error::configuration(
                        "the signer gives no public key, which a DPoP proof has to have (RFC 9449, section 4.2)",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether everything is as the profile wants it.
    fn check_profile(&self, profile: Profile, address: &Address) -> Result<(), Error> {
        let refused = |why: &str| Err(Error::configuration(format!("{} {why}", profile.name())));
        // Before anything else: nothing of it holds on a line that others can read.
        if address.uri().scheme_str() != Some("https") {
            return refused("allows no plain http, not even on this machine");
        }
        if matches!(address, Address::TokenEndpoint(_)) || self.revocation_endpoint.is_some() || self.introspection_endpoint.is_some() {
            return refused("takes endpoints only from the issuer's metadata: use Client::discover(), and name no endpoints");
        }
        if self.issuer_slash {
            return refused("wants the issuer to be the same to the letter: leave out allow_issuer_slash()");
        }
        match &self.credential.0 {
            Kind::Secret(_) => return refused("allows no client secrets: use a SigningKey (private_key_jwt) or a ClientCertificate"),
            Kind::Assertion(_) => {
                return refused("wants assertions of which everything is known: use a SigningKey in place of Credential::assertion");
            }
            Kind::Certificate(_) => {}
            #[cfg(feature = "jwt")]
            Kind::Key(key) => {
                if let Some(why) = forbidden(key) {
                    return refused(&format!("{why} for assertions"));
                }
                if !matches!(self.assertion.audience, AssertionAudience::Auto | AssertionAudience::Issuer) {
                    return refused("wants assertions to be for the issuer alone, as one text");
                }
                if self.assertion.lifetime > Duration::from_secs(60) {
                    return refused("wants assertions that are valid for a minute at most");
                }
            }
        }
        let is_bound_to_certificate = self.certificate.is_some() || matches!(self.credential.0, Kind::Certificate(_));
        #[cfg(feature = "jwt")]
        let is_bound = {
            if let Some(why) = self.dpop.as_ref().and_then(forbidden) {
                return refused(&format!("{why} for DPoP"));
            }
            is_bound_to_certificate || self.dpop.is_some()
        };
        #[cfg(not(feature = "jwt"))]
        let is_bound = is_bound_to_certificate;
        if !is_bound {
            return refused("wants tokens that are bound to the client: use dpop() or client_certificate()");
        }
        if self.body_format != BodyFormat::Form {
            return refused("wants forms (RFC 6749): use BodyFormat::Form");
        }
        if self.leniency.form_answer {
            return refused("wants answers in JSON (RFC 6749), and not those of this preset");
        }
        Ok(())
    }
}

/// Why a key may not sign in FAPI 2.0 (Security Profile, section 5.4).
#[cfg(feature = "jwt")]
fn forbidden(key: &crate::SigningKey) -> Option<String> {
    use crate::Algorithm::{ES256, Ed25519, EdDSA, PS256};

    if key.rsa_bits.is_some_and(|bits| bits < 2048) {
        return Some("wants RSA keys of at least 2048 bits".to_owned());
    }
    let wrong = key.algorithms().into_iter().find(|one| !matches!(one, PS256 | ES256 | EdDSA | Ed25519))?;
    Some(format!("allows PS256, ES256 and EdDSA but not {}: say which with SigningKey::algorithm", wrong.name()))
}

/// A set of rules that a client can be held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// The FAPI 2.0 Security Profile, as far as it concerns clients with this grant: discovery, `private_key_jwt` or mutual TLS, tokens bound
    /// by DPoP or mutual TLS, PS256, ES256 or EdDSA, assertions for the issuer as one text, forms, https.
    ///
    /// What it wants of TLS (version 1.2 or newer) holds for the HTTP clients that come with the library; one of your own has to see to it
    /// itself.
    Fapi2,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Fapi2 => "FAPI 2.0",
        }
    }
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ClientBuilder")
            .field("client_id", &self.client_id)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}
