//! client-credentials, with its defaults unless a row says otherwise.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use client_credentials::{
    Advice, BodyFormat, BoxFuture, Client, ClientBuilder, Clock, Freshness, HttpClient, Limits, Now, TransportError, TransportErrorKind,
};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::{HeaderMap, Request, Response, StatusCode};

use super::{Ask, Contender};
use crate::herd::{self, Endless};
use crate::virtual_time::{Issuer, Sent, Subject, World};

pub(crate) const NAME: &str = "client-credentials";

/// The body format as it is by default: JSON first.
pub(crate) fn contender() -> Contender {
    Contender { name: NAME, at_once: usize::MAX, cold: |token_endpoint| cold(token_endpoint, BodyFormat::Auto) }
}

/// The body format pinned to forms, which is all that the others send.
pub(crate) fn with_forms() -> Contender {
    Contender { name: "client-credentials, `Form`", at_once: usize::MAX, cold: |token_endpoint| cold(token_endpoint, BodyFormat::Form) }
}

fn cold(token_endpoint: String, format: BodyFormat) -> LocalBoxFuture<'static, Ask> {
    let builder = Client::builder(token_endpoint, "bench", "secret").allow_http_on_loopback().body_format(format);
    let client = builder.build().expect("a client");
    let ask = Ask::new(move || {
        let client = client.clone();
        async move { client.token().await.map(drop).map_err(|error| error.to_string()) }.boxed()
    });
    std::future::ready(ask).boxed_local()
}

/// A builder for servers that are not asked over HTTP.
pub(crate) fn builder(http: impl HttpClient) -> ClientBuilder {
    Client::builder("https://auth.example/token", "bench", "secret").http_client(http)
}

/// A clock that stands still, for the cost of everything but the clock.
#[derive(Debug)]
pub(crate) struct Fixed(Now);

impl Fixed {
    pub(crate) fn new() -> Self {
        Self(Now { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000), monotonic: Duration::from_secs(1) })
    }
}

impl Clock for Fixed {
    fn now(&self) -> Now {
        self.0
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        std::future::pending().boxed()
    }
}

impl Clock for World {
    fn now(&self) -> Now {
        Now { wall: self.wall(), monotonic: self.monotonic() }
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }
}

impl HttpClient for Issuer {
    fn send(&self, _: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        async move {
            let answer = tokio::time::timeout(limits.total, self.answer()).await;
            answer.map_err(|_| TransportError::new(TransportErrorKind::Timeout, "no answer in time"))
        }
        .boxed()
    }
}

/// client-credentials in simulated time.
pub(crate) struct Simulated(Client);

impl Simulated {
    pub(crate) fn new(issuer: &Issuer, freshness: Freshness) -> Self {
        let builder = builder(issuer.clone()).clock(issuer.world.clone()).freshness(freshness);
        Self(builder.build().expect("a client"))
    }
}

impl Subject for Simulated {
    fn header(&self) -> BoxFuture<'_, Result<Sent, String>> {
        async move {
            let token = self.0.token().await.map_err(|error| error.to_string())?;
            Ok(Sent { header: token.header().clone(), token: Some(token) })
        }
        .boxed()
    }

    fn rejected(&self, sent: &Sent, headers: &HeaderMap) -> bool {
        let sent = sent.token.as_ref().expect("a token of this library");
        matches!(
            self.0.observe(sent, &http::Uri::from_static("https://api.example/orders"), StatusCode::UNAUTHORIZED, headers),
            Advice::Replay
        )
    }
}

/// An HTTP client that answers at once.
#[derive(Debug)]
pub(crate) struct Instant;

impl HttpClient for Instant {
    fn send(&self, _: Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let mut response = Response::new(Bytes::from_static(super::TOKEN.as_bytes()));
        *response.headers_mut() = super::json();
        std::future::ready(Ok(response)).boxed()
    }
}

impl HttpClient for Endless {
    fn send(&self, _: Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        async move {
            self.request().await;
            Err(TransportError::new(TransportErrorKind::Other, "it never ends"))
        }
        .boxed()
    }
}

/// Callers of a client whose requests never end.
pub(crate) struct Callers(Client);

impl Callers {
    pub(crate) fn new(http: Endless) -> Self {
        Self(builder(http).build().expect("a client"))
    }
}

impl herd::Callers for Callers {
    fn call(&self) -> BoxFuture<'_, ()> {
        self.0.token().map(drop).boxed()
    }
}
