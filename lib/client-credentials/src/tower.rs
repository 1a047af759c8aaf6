//! For services of `http` requests by tower (feature `tower`): hyper's clients, axum's, and tonic's channels.
//!
//! ```no_run
//! use bytes::Bytes;
//! use client_credentials::Client;
//! use client_credentials::tower::TokenLayer;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{BoxError, Layer, ServiceExt};
//!
//! # async fn example<S>(client: Client, http: S) -> Result<(), BoxError>
//! # where
//! #     S: tower::Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>> + Clone + Send + 'static,
//! #     S::Future: Send,
//! #     S::Error: Into<BoxError>,
//! # {
//! // `http` is any service of http::Request, such as hyper_util::client::legacy::Client.
//! let service = TokenLayer::new(client).clone_body(|body: &Full<Bytes>| Some(body.clone())).layer(http);
//! let response = service.oneshot(Request::get("https://api.example/orders").body(Full::default())?).await?;
//! # Ok(())
//! # }
//! ```

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::front::{Sent, with_body};
use crate::{Client, Replay};

/// Any error: the service's own, or a [`client_credentials::Error`](crate::Error), which `downcast_ref` finds.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Puts a token on every request, in place of any other `Authorization`. Where a server refuses the token before it expires, the request is
/// sent once more with a new one, by the rules of [`Client::observe`], if its body can be cloned and its method allows it ([`Replay`]).
/// Otherwise the server's answer is handed back, and the next request has a new token.
///
/// A body can be cloned if it is empty, or [`clone_body`](Self::clone_body) says how.
///
/// Of gRPC it knows that `UNAUTHENTICATED` in the headers of an answer is a 401 in other words, and `PERMISSION_DENIED` a 403. All its
/// requests are POST, which [`Replay::Idempotent`] does not repeat.
///
/// A request to an origin that the client may not send its token to is not sent at all, and so is one without a token.
#[derive(Clone, Debug)]
pub struct TokenLayer<C = EmptyBody> {
    client: Client,
    replay: Replay,
    origin: Option<Uri>,
    clone: C,
}

impl TokenLayer {
    /// Tokens of this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, replay: Replay::default(), origin: None, clone: EmptyBody }
    }
}

impl<C> TokenLayer<C> {
    /// Which requests may be sent once more.
    #[must_use]
    pub fn replay(mut self, replay: Replay) -> Self {
        self.replay = replay;
        self
    }

    /// Where requests go whose address is only a path, as with tonic's channels: the channel's own address. A whole address counts more.
    #[must_use]
    pub fn origin(mut self, origin: Uri) -> Self {
        self.origin = Some(origin);
        self
    }

    /// How a body is cloned, if this one can be. `None`: the request is not sent again.
    #[must_use]
    pub fn clone_body<B, F: Fn(&B) -> Option<B>>(self, clone: F) -> TokenLayer<F> {
        TokenLayer { client: self.client, replay: self.replay, origin: self.origin, clone }
    }
}

impl<S, C: Clone> Layer<S> for TokenLayer<C> {
    type Service = TokenService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        TokenService { inner, layer: self.clone() }
    }
}

/// A service behind a [`TokenLayer`].
#[derive(Clone, Debug)]
pub struct TokenService<S, C = EmptyBody> {
    inner: S,
    layer: TokenLayer<C>,
}

/// Clones bodies, to send a request once more. Implemented for functions and for [`EmptyBody`].
pub trait CloneBody<B> {
    /// The same body, if it can be had.
    fn clone_body(&self, body: &B) -> Option<B>;
}

impl<B, F: Fn(&B) -> Option<B>> CloneBody<B> for F {
    fn clone_body(&self, body: &B) -> Option<B> {
        self(body)
    }
}

/// Clones only bodies in which there is nothing.
#[derive(Clone, Copy, Debug)]
pub struct EmptyBody;

impl<B: Body + Default> CloneBody<B> for EmptyBody {
    fn clone_body(&self, body: &B) -> Option<B> {
        body.is_end_stream().then(B::default)
    }
}

impl<S, C, B, R> Service<Request<B>> for TokenService<S, C>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    C: CloneBody<B> + Clone + Send + 'static,
    B: Send + 'static,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that is ready goes along, and another one stays.
        let other = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, other);
        let layer = self.layer.clone();
        Box::pin(async move {
            let target = layer.target(request.uri());
            let TokenLayer { client, replay, clone, .. } = layer;
            let mut sent = Sent::new(&client, replay, request.method(), &target).await?;
            loop {
                let body = if replay.keeps() { clone.clone_body(request.body()) } else { None };
                let copy = body.map(|body| with_body(&request, body));
                sent.authorize(request.headers_mut()).await?;
                let response = inner.call(request).await.map_err(Into::into)?;
                let status = grpc_status(response.status(), response.headers());
                let again = sent.again(&target, status, response.headers(), copy.is_some()).await;
                match copy {
                    Some(copy) if again => request = copy,
                    _ => return Ok(response),
                }
                drop(response);
                poll_fn(|context| inner.poll_ready(context)).await.map_err(Into::into)?;
            }
        })
    }
}

impl<C> TokenLayer<C> {
    /// The whole address of a request.
    fn target(&self, uri: &Uri) -> Uri {
        let Some(origin) = self.origin.as_ref().filter(|_| uri.authority().is_none()) else {
            return uri.clone();
        };
        let mut parts = origin.clone().into_parts();
        parts.path_and_query = Some(uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
        Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
    }
}

/// What HTTP would say: gRPC's own status stands in the headers of an answer that has nothing else (its specification for HTTP/2,
/// "Trailers-Only").
fn grpc_status(status: StatusCode, headers: &HeaderMap) -> StatusCode {
    match headers.get("grpc-status").map(http::HeaderValue::as_bytes) {
        Some(b"16") => StatusCode::UNAUTHORIZED,
        Some(b"7") => StatusCode::FORBIDDEN,
        _ => status,
    }
}
