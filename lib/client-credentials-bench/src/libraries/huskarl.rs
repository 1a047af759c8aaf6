//! huskarl, wired as its guide on caching says: grant, token source, in-memory cache, authorizer, each with its defaults.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, LocalBoxFuture};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use huskarl::authorizer::{HttpAuthorizer, parse_challenges};
use huskarl::cache::{GrantTokenSource, InMemoryRefreshTokenStore, InMemoryTokenCache, TokenSource};
use huskarl::core::client_auth::ClientSecret;
use huskarl::core::http::{HttpClient, HttpResponse, Idempotency};
use huskarl::core::platform::MaybeSendBoxFuture;
use huskarl::core::secrets::{ProvidedSecret, SecretString};
use huskarl::core::time::{Clock, MonotonicInstant, PlatformClock, Timer, TimerDomain};
use huskarl::core::{Error, OAuthErrorCode, RetryAdvice};
use huskarl::grant::client_credentials::{ClientCredentialsGrant, ClientCredentialsGrantParameters};
use huskarl_reqwest::ReqwestClient;

use super::{Ask, Contender};
use crate::herd::{self, Endless};
use crate::virtual_time::{Issuer, Sent, Subject, World};

type Cache = InMemoryTokenCache<GrantTokenSource<ClientCredentialsGrant, InMemoryRefreshTokenStore>>;

pub(crate) const NAME: &str = "huskarl 0.11";

pub(crate) fn contender() -> Contender {
    Contender { name: NAME, at_once: usize::MAX, cold }
}

fn cold(token_endpoint: String) -> LocalBoxFuture<'static, Ask> {
    async move {
        let http = ReqwestClient::builder().build().await.expect("an HTTP client");
        let cache = Arc::new(cache(&token_endpoint, http, PlatformClock, huskarl::core::time::PlatformTimer, None));
        Ask::new(move || {
            let cache = Arc::clone(&cache);
            async move { cache.token().await.map(drop).map_err(|error| format!("{error:#}")) }.boxed()
        })
    }
    .boxed_local()
}

/// The cache with its defaults, `refresh_ahead` apart.
pub(crate) fn cache(
    token_endpoint: &str,
    http: impl HttpClient + 'static,
    clock: impl Clock + 'static,
    timer: impl Timer + 'static,
    refresh_ahead: Option<Duration>,
) -> Cache {
    let grant = ClientCredentialsGrant::builder()
        .clock(clock)
        .timer(timer)
        .token_endpoint(token_endpoint.parse().expect("a URL"))
        .client_id("bench")
        .http_client(http)
        .client_auth(ClientSecret::new(ProvidedSecret::new(SecretString::new("secret"))))
        .build();
    let source = GrantTokenSource::builder()
        .grant(grant)
        .grant_parameters(ClientCredentialsGrantParameters::new())
        .refresh_store(InMemoryRefreshTokenStore::default())
        .build();
    InMemoryTokenCache::builder().source(source).maybe_refresh_ahead(refresh_ahead).build()
}

/// A clock that stands still, for the cost of everything but the clock.
#[derive(Debug)]
pub(crate) struct Fixed(pub jiff::Timestamp);

impl Clock for Fixed {
    fn now(&self) -> jiff::Timestamp {
        self.0
    }
}

impl Clock for World {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::try_from(self.wall()).expect("a time of this century")
    }
}

/// The monotonic clock of a simulation.
#[derive(Debug, Clone)]
struct WorldTimer {
    world: World,
    domain: TimerDomain,
}

impl Timer for WorldTimer {
    fn now(&self) -> MonotonicInstant {
        MonotonicInstant::from_duration_since_origin(self.domain, self.world.monotonic())
    }

    fn sleep_until(&self, deadline: MonotonicInstant) -> MaybeSendBoxFuture<'_, ()> {
        deadline.assert_same_domain(self.domain);
        let wait = deadline.duration_since_origin().saturating_sub(self.world.monotonic());
        Box::pin(tokio::time::sleep(wait))
    }
}

impl HttpClient for Issuer {
    fn execute(&self, _: Request<Bytes>, _: Idempotency) -> MaybeSendBoxFuture<'_, Result<HttpResponse, Error>> {
        Box::pin(async move {
            // As long as `ReqwestClient` waits by default.
            let Ok(response) = tokio::time::timeout(Duration::from_secs(30), self.answer()).await else {
                return Err(Error::new(RetryAdvice::No, "timeout"));
            };
            let (parts, body) = response.into_parts();
            Ok(HttpResponse { status: parts.status, headers: parts.headers, body })
        })
    }
}

/// huskarl in simulated time.
pub(crate) struct Simulated {
    authorizer: HttpAuthorizer,
    resource: Uri,
}

impl Simulated {
    pub(crate) fn new(issuer: &Issuer, refresh_ahead: Option<Duration>) -> Self {
        let timer = WorldTimer { world: issuer.world.clone(), domain: TimerDomain::new() };
        let cache = cache("https://auth.example/token", issuer.clone(), issuer.world.clone(), timer, refresh_ahead);
        Self { authorizer: HttpAuthorizer::builder().cache(cache).build(), resource: Uri::from_static("https://api.example/orders") }
    }
}

impl Subject for Simulated {
    fn header(&self) -> BoxFuture<'_, Result<Sent, String>> {
        async move {
            let mut headers = self.authorizer.get_headers(&Method::GET, &self.resource).await.map_err(|error| format!("{error:#}"))?;
            Ok(Sent { header: headers.remove(AUTHORIZATION).expect("a bearer token"), token: None })
        }
        .boxed()
    }

    /// The request loop of the guide: every answer is processed, and after `invalid_token` the request is sent once more.
    fn rejected(&self, _: &Sent, headers: &HeaderMap) -> bool {
        self.authorizer.process_response(&self.resource, headers);
        parse_challenges(headers).iter().any(|challenge| challenge.error() == Some(OAuthErrorCode::InvalidToken))
    }
}

/// An HTTP client that answers at once.
#[derive(Debug)]
pub(crate) struct Instant;

impl HttpClient for Instant {
    fn execute(&self, _: Request<Bytes>, _: Idempotency) -> MaybeSendBoxFuture<'_, Result<HttpResponse, Error>> {
        let body = Bytes::from_static(super::TOKEN.as_bytes());
        Box::pin(std::future::ready(Ok(HttpResponse { status: StatusCode::OK, headers: super::json(), body })))
    }
}

impl HttpClient for Endless {
    fn execute(&self, _: Request<Bytes>, _: Idempotency) -> MaybeSendBoxFuture<'_, Result<HttpResponse, Error>> {
        Box::pin(async move {
            self.request().await;
            Err(Error::new(RetryAdvice::No, "it never ends"))
        })
    }
}

/// Callers of a client whose requests never end.
pub(crate) struct Callers(Cache);

impl Callers {
    pub(crate) fn new(http: Endless) -> Self {
        Self(cache("https://auth.example/token", http, PlatformClock, huskarl::core::time::PlatformTimer, None))
    }
}

impl herd::Callers for Callers {
    fn call(&self) -> BoxFuture<'_, ()> {
        self.0.token().map(drop).boxed()
    }
}
