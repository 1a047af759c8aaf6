//! The authorization server as the client sees it: its endpoints, and by what the client shows there who it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, Uri};

use crate::clock::{Deadline, within};
use crate::credential::Kind;
use crate::engine::Config;
use crate::error::{Again, Failed};
use crate::flight::Flight;
use crate::freshness::CooldownClass;
use crate::metadata::{self, Issuer, Metadata};
use crate::request::Proof;
use crate::scrub::Scrub;
use crate::{BasicEncoding, ClientAuthentication, Clock, ErrorKind, HttpClient, Secret, address, answer};

/// How the builder was told about the server.
pub(crate) enum Address {
    TokenEndpoint(Uri),
    Issuer(Issuer),
}

impl Address {
    pub(crate) fn uri(&self) -> &Uri {
        match self {
            Self::TokenEndpoint(uri) => uri,
            Self::Issuer(issuer) => &issuer.uri,
        }
    }
}

/// Where requests go, and how the client shows there who it is.
pub(crate) struct Endpoints {
    pub(crate) token: Uri,
    pub(crate) revocation: Option<Uri>,
    pub(crate) introspection: Option<Uri>,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) metadata: Option<Arc<Metadata>>,
    #[cfg(feature = "jwt")]
    pub(crate) assertion_algorithm: Option<crate::Algorithm>,
    #[cfg(feature = "jwt")]
    pub(crate) dpop_algorithm: Option<crate::Algorithm>,
    /// When they are looked at again.
    until: Deadline,
}

type Found = Result<Arc<Endpoints>, Failed>;

/// Metadata that cannot be renewed is used on for this time, until the next try.
const USED_ON: Duration = Duration::from_secs(60);

pub(crate) struct Server {
    pub(crate) config: Arc<Config>,
    pub(crate) http: Arc<dyn HttpClient>,
    pub(crate) clock: Arc<dyn Clock>,
    held: ArcSwapOption<Endpoints>,
    discovery: Mutex<Option<Arc<Flight<Found>>>>,
}

impl Server {
    pub(crate) fn new(config: Arc<Config>, http: Arc<dyn HttpClient>, clock: Arc<dyn Clock>) -> Self {
        Self { config, http, clock, held: ArcSwapOption::empty(), discovery: Mutex::default() }
    }

    /// What is known without asking anybody.
    pub(crate) fn held(&self) -> Option<Arc<Endpoints>> {
        self.held.load_full()
    }

    /// The endpoints, for which all who want them ask once.
    pub(crate) async fn endpoints(self: &Arc<Self>, time: Duration) -> Found {
        let now = self.clock.now();
        let held = self.held();
        if let Some(endpoints) = held.as_ref().filter(|endpoints| !endpoints.until.is_over(now)) {
            return Ok(Arc::clone(endpoints));
        }
        let found = match &self.config.address {
            Address::TokenEndpoint(_) => {
                let never = Deadline::after(now, Duration::MAX);
                Endpoints::new(&self.config, None, never).map(Arc::new).map_err(unusable)
            }
            Address::Issuer(issuer) => {
                let waiter = {
                    let mut discovery = lock(&self.discovery);
                    let joined = discovery.as_ref().and_then(Flight::join);
                    joined.or_else(|| {
                        let (server, issuer) = (Arc::clone(self), issuer.clone());
                        let work = async move { server.discover(&issuer).await };
                        let panicked = || Failed::new(ErrorKind::Panicked, "an HTTP client panicked", Again::Never, CooldownClass::Short);
                        let flight = Flight::new(Box::pin(work), Box::new(move || Err(panicked())), Err(panicked()));
                        let waiter = flight.join();
                        *discovery = Some(flight);
                        waiter
                    })
                };
                let late = || {
                    let mut failed = Failed::new(ErrorKind::Timeout, "no answer in time", Again::Yes, CooldownClass::Transient);
                    failed.timed_out = true;
                    failed
                };
                match waiter {
                    Some(waiter) => within(&*self.clock, time, waiter).await.unwrap_or_else(|| Err(late())),
                    None => Err(late()),
                }
            }
        };
        match (found, held) {
            (Ok(found), _) => {
                self.held.store(Some(Arc::clone(&found)));
                Ok(found)
            }
            // What was true an hour ago is better than nothing.
            (Err(failed), Some(held)) if failed.kind != ErrorKind::Panicked => {
                let held = Arc::new(held.until(Deadline::after(self.clock.now(), USED_ON)));
                self.held.store(Some(Arc::clone(&held)));
                Ok(held)
            }
            (Err(failed), _) => Err(failed),
        }
    }

    /// Asks for the metadata (RFC 8414, section 3).
    async fn discover(&self, issuer: &Issuer) -> Found {
        for address in issuer.addresses() {
            let request = Request::get(address.as_str()).header(ACCEPT, "application/json").body(Bytes::new());
            let request = request.map_err(|error| unusable(error.to_string()))?;
            let limits = self.config.limits;
            let sent = self.clock.now();
            let answer = within(&*self.clock, limits.total, self.http.send(request, limits)).await;
            let scrub = Scrub::new("", "", None);
            let response = answer::received(answer, limits).map_err(|error| answer::failed_transport(&error, &scrub))?;
            if let Some(metadata) = metadata::read(&response, issuer, self.clock.now())? {
                let until = Deadline::after(sent, metadata::max_age(response.headers()));
                let endpoints = Endpoints::new(&self.config, Some(metadata), until);
                // Some of the words are the server's.
                return endpoints.map(Arc::new).map_err(|why| unusable(scrub.text(&why, 500)));
            }
        }
        let text = format!("there is none at {}", issuer.addresses().join(" or "));
        Err(Failed::new(ErrorKind::Discovery, text, Again::Once, CooldownClass::Medium))
    }

    /// By what one request shows who the client is, and the secret behind it. Every assertion is a new one.
    pub(crate) async fn prove(&self, endpoints: &Endpoints) -> Result<(Proof, Option<Secret>), String> {
        let config = &self.config;
        match (&config.credential.0, endpoints.authentication) {
            (Kind::Secret(source), method) => {
                let secret = source.read("client secret").await?;
                let proof = match method {
                    ClientAuthentication::SecretBasic(encoding) => Proof::Basic(secret.clone(), encoding),
                    #[cfg(feature = "jwt")]
                    ClientAuthentication::SecretJwt(algorithm) => {
                        Proof::Assertion(crate::jwt::coded_assertion(&secret, algorithm, &self.claims(endpoints))?)
                    }
                    _ => Proof::Post(secret.clone()),
                };
                Ok((proof, Some(secret)))
            }
            (Kind::Assertion(source), _) => {
                let assertion = source.read("assertion").await?;
                Ok((Proof::Assertion(assertion.clone()), Some(assertion)))
            }
            (Kind::Certificate(_), _) => Ok((Proof::Connection, None)),
            #[cfg(feature = "jwt")]
            (Kind::Key(key), _) => {
                let algorithm = endpoints.assertion_algorithm.ok_or("the key names no algorithm")?;
                let assertion = crate::jwt::signed_assertion(key, algorithm, &self.claims(endpoints)).await?;
                Ok((Proof::Assertion(assertion), None))
            }
        }
    }

    #[cfg(feature = "jwt")]
    fn claims(&self, endpoints: &Endpoints) -> crate::jwt::Claims<'_> {
        use crate::AssertionAudience as Audience;
        use serde_json::json;

        let policy = &self.config.assertion;
        let issuer = endpoints.metadata.as_ref().map(|metadata| json!(metadata.issuer()));
        let endpoint = || json!(crate::jwt::without_query(&endpoints.token));
        let audience = match &policy.audience {
            Audience::Auto | Audience::Issuer => issuer.unwrap_or_else(endpoint),
            Audience::TokenEndpoint => endpoint(),
            Audience::Value(audience) => json!(audience),
            Audience::List(audiences) => json!(audiences),
        };
        crate::jwt::Claims { client_id: &self.config.client_id, audience, policy, now: self.clock.now().wall }
    }
}

impl Endpoints {
    /// What follows from the configuration, and from the metadata where there is discovery; or why nothing does.
    fn new(config: &Config, metadata: Option<Metadata>, until: Deadline) -> Result<Self, String> {
        // No address that others can read, unless the issuer itself is on this machine.
        let loopback = config.http_on_loopback && config.address.uri().scheme_str() == Some("http");
        let mutual_tls = config.certificate.is_some();
        let told = |name: &str| metadata.as_ref().and_then(|metadata| metadata.endpoint(name, mutual_tls));
        let endpoint = |name: &str| match told(name) {
            Some(text) => address::endpoint(text, &format!("its {name}"), loopback).map(Some).map_err(|error| error.to_string()),
            None => Ok(None),
        };
        let token = match &config.address {
            Address::TokenEndpoint(uri) => uri.clone(),
            Address::Issuer(_) => endpoint("token_endpoint")?.ok_or("it names no token_endpoint")?,
        };
        Ok(Self {
            token,
            revocation: match &config.revocation_endpoint {
                Some(uri) => Some(uri.clone()),
                None => endpoint("revocation_endpoint")?,
            },
            introspection: match &config.introspection_endpoint {
                Some(uri) => Some(uri.clone()),
                None => endpoint("introspection_endpoint")?,
            },
            authentication: authentication(config, metadata.as_ref())?,
            #[cfg(feature = "jwt")]
            assertion_algorithm: match &config.credential.0 {
                Kind::Key(key) => Some(choose(key, metadata.as_ref(), "token_endpoint_auth_signing_alg_values_supported", "assertions")?),
                _ => None,
            },
            #[cfg(feature = "jwt")]
            dpop_algorithm: match &config.dpop {
                Some(key) => Some(choose(key, metadata.as_ref(), "dpop_signing_alg_values_supported", "DPoP proofs")?),
                None => None,
            },
            metadata: metadata.map(Arc::new),
            until,
        })
    }

    /// The same for longer.
    fn until(&self, until: Deadline) -> Self {
        Self {
            token: self.token.clone(),
            revocation: self.revocation.clone(),
            introspection: self.introspection.clone(),
            authentication: self.authentication,
            metadata: self.metadata.clone(),
            #[cfg(feature = "jwt")]
            assertion_algorithm: self.assertion_algorithm,
            #[cfg(feature = "jwt")]
            dpop_algorithm: self.dpop_algorithm,
            until,
        }
    }

    /// The authentication methods that the server says it takes.
    pub(crate) fn advertised(&self) -> Option<Vec<&str>> {
        self.metadata.as_ref()?.list("token_endpoint_auth_methods_supported")
    }
}

/// What was said, what follows from the credential, or of several ways the first that the server takes.
fn authentication(config: &Config, metadata: Option<&Metadata>) -> Result<ClientAuthentication, String> {
    let ways: &[ClientAuthentication] = match &config.credential.0 {
        Kind::Secret(_) => &[ClientAuthentication::SecretPost, ClientAuthentication::SecretBasic(BasicEncoding::FormUrlEncoded)],
        Kind::Assertion(_) => &[ClientAuthentication::Assertion],
        Kind::Certificate(_) => &[ClientAuthentication::TlsClientAuth, ClientAuthentication::SelfSignedTlsClientAuth],
        #[cfg(feature = "jwt")]
        Kind::Key(_) => &[ClientAuthentication::PrivateKeyJwt],
    };
    let Some(metadata) = metadata.filter(|_| config.authentication.is_none() && ways[0] != ClientAuthentication::Assertion) else {
        return Ok(config.authentication.unwrap_or(ways[0]));
    };
    // RFC 8414, section 2.
    let supported = metadata.list("token_endpoint_auth_methods_supported").unwrap_or_else(|| vec!["client_secret_basic"]);
    if let Some(way) = ways.iter().find(|way| supported.contains(&way.name())) {
        return Ok(*way);
    }
    #[cfg(feature = "jwt")]
    if matches!(config.credential.0, Kind::Secret(_)) && supported.contains(&"client_secret_jwt") {
        use crate::MacAlgorithm::{HS256, HS384, HS512};
        let names = metadata.list("token_endpoint_auth_signing_alg_values_supported");
        let algorithm = [HS256, HS384, HS512].into_iter().find(|one| names.as_ref().is_none_or(|names| names.contains(&one.name())));
        if let Some(algorithm) = algorithm {
            return Ok(ClientAuthentication::SecretJwt(algorithm));
        }
    }
    let ways: Vec<&str> = ways.iter().map(|way| way.name()).collect();
    Err(format!("it takes {}, but what the client was given serves {}", supported.join(", "), ways.join(" or ")))
}

#[cfg(feature = "jwt")]
fn choose(key: &crate::SigningKey, metadata: Option<&Metadata>, name: &str, what: &str) -> Result<crate::Algorithm, String> {
    let supported = metadata.and_then(|metadata| metadata.list(name));
    key.choose(supported.as_deref()).ok_or_else(|| {
        let can: Vec<&str> = key.algorithms().iter().map(|one| one.name()).collect();
        format!("it takes {what} signed with {}, but the key signs with {}", supported.unwrap_or_default().join(", "), can.join(" or "))
    })
}

/// What does not get better by asking again soon.
fn unusable(text: String) -> Failed {
    Failed::new(ErrorKind::Discovery, text, Again::Never, CooldownClass::Long)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
