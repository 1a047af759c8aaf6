//! For gRPC by tonic (feature `tonic`): an interceptor, for where a [`tower`](https://docs.rs/tower) layer does not fit. The layer of the
//! feature `tower` around a channel does the same, and waits for tokens by itself.
//!
//! ```no_run
//! use client_credentials::Client;
//! use client_credentials::tonic::TokenInterceptor;
//! use http::Uri;
//! # use tonic::service::interceptor::InterceptedService;
//! # struct OrdersClient<T>(T);
//! # impl<T> OrdersClient<InterceptedService<T, TokenInterceptor>> {
//! #     fn with_interceptor(channel: T, interceptor: TokenInterceptor) -> Self {
//! #         Self(InterceptedService::new(channel, interceptor))
//! #     }
//! #     async fn list(&mut self) -> Result<u32, tonic::Status> {
//! #         Ok(3)
//! #     }
//! # }
//!
//! # async fn example<C: Clone>(client: Client, channel: C) -> Result<(), tonic::Status> {
//! let interceptor = TokenInterceptor::new(client, Uri::from_static("https://orders.example"));
//! let orders = interceptor.call(|interceptor| {
//!     let mut orders = OrdersClient::with_interceptor(channel.clone(), interceptor); // a client that tonic generates
//!     async move { orders.list().await }
//! });
//! let orders = orders.await?;
//! # Ok(())
//! # }
//! ```

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use ::tonic::metadata::MetadataMap;
use ::tonic::service::Interceptor;
use ::tonic::{Code, GrpcMethod, Request, Status};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, Uri};

use crate::front::Sent;
use crate::{Client, Error, ErrorKind, Replay, Token};

/// Puts a token on every call, in place of any other `authorization`.
///
/// An interceptor cannot wait. It has the token that is held, and has it refreshed when its time has come; when there is none, the call
/// fails with `UNAVAILABLE`, and a token is asked for meanwhile (feature `tokio`). [`call`](Self::call) waits for the token first, and
/// follows the rules for refused ones; without it, [`authorize`](Client::authorize) before the first call, and the refreshes behind it,
/// are enough until a server refuses a token before it expires.
#[derive(Clone, Debug)]
pub struct TokenInterceptor {
    client: Client,
    origin: Uri,
    token: Option<Token>,
}

impl TokenInterceptor {
    /// Tokens of this client, for the server at this address: `https://` and a host, which [`allow_origin`](crate::ClientBuilder::allow_origin)
    /// or [`resources`](crate::ClientBuilder::resources) names as well. Interceptors are not told where a call goes.
    #[must_use]
    pub fn new(client: Client, origin: Uri) -> Self {
        Self { client, origin, token: None }
    }

    /// Calls with a token, and once more with a new one if the server answers `UNAUTHENTICATED` and [`Client::observe`] says so. `call` makes
    /// a call with the interceptor that it is given; it is one that may be made twice. `www-authenticate` in the answer is read, where a
    /// server sends it.
    ///
    /// # Errors
    /// What the call fails with; or, when there is no token, `UNAVAILABLE` if there may be one later, `FAILED_PRECONDITION` where the token must
    /// not go, and `UNAUTHENTICATED` otherwise, with an [`Error`] for its source.
    pub async fn call<T, F: Future<Output = Result<T, Status>>>(&self, mut call: impl FnMut(Self) -> F) -> Result<T, Status> {
        let mut sent = Sent::new(&self.client, Replay::Always, &Method::POST, &self.origin).await.map_err(no_token)?;
        loop {
            let result = call(Self { token: Some(sent.token().clone()), ..self.clone() }).await;
            let (status, headers) = match &result {
                Ok(_) => (StatusCode::OK, HeaderMap::new()),
                Err(status) => (http_status(status.code()), status.metadata().clone().into_headers()),
            };
            if !sent.again(&self.origin, status, &headers, true).await {
                return result;
            }
        }
    }

    /// The token for a call that is made now.
    fn token(&self) -> Result<Token, Status> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let (client, origin) = (self.client.clone(), self.origin.clone());
        let mut token: Pin<Box<dyn Future<Output = Result<Token, Error>> + Send>> =
            Box::pin(async move { client.authorization(&origin).await });
        if let Poll::Ready(token) = token.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return token.map_err(no_token);
        }
        #[cfg(feature = "tokio")]
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(token);
        }
        // In its last seconds somebody else would wait for a new one.
        self.client
            .access_token()
            .ok_or_else(|| Status::unavailable("there is no token yet: call authorize() first, or use TokenInterceptor::call()"))
    }
}

impl Interceptor for TokenInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let token = self.token()?;
        let target = self.target(&request);
        let headers = pin!(self.client.headers_for(&token, &Method::POST, &target));
        let Poll::Ready(headers) = headers.poll(&mut Context::from_waker(Waker::noop())) else {
            return Err(Status::unavailable(
                "the key of the proof is not at hand, and an interceptor cannot wait for it: use the tower layer",
            ));
        };
        let mut all = std::mem::take(request.metadata_mut()).into_headers();
        for (name, value) in &headers.map_err(no_token)? {
            all.insert(name, value.clone());
        }
        *request.metadata_mut() = MetadataMap::from_headers(all);
        Ok(request)
    }
}

impl TokenInterceptor {
    /// The address of the call, for a proof: generated clients say which method it is.
    fn target(&self, request: &Request<()>) -> Uri {
        let Some(method) = request.extensions().get::<GrpcMethod<'static>>() else {
            return self.origin.clone();
        };
        let path = PathAndQuery::try_from(format!("/{}/{}", method.service(), method.method()));
        let mut parts = self.origin.clone().into_parts();
        parts.path_and_query = path.ok().or(parts.path_and_query);
        Uri::from_parts(parts).unwrap_or_else(|_| self.origin.clone())
    }
}

/// What HTTP would say.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        // It says nothing about the token.
        _ => StatusCode::BAD_GATEWAY,
    }
}

fn no_token(error: Error) -> Status {
    let code = match error.kind() {
        ErrorKind::OriginNotAllowed | ErrorKind::Configuration => Code::FailedPrecondition,
        _ if error.is_retryable() => Code::Unavailable,
        _ => Code::Unauthenticated,
    };
    let mut status = Status::new(code, error.to_string());
    status.set_source(std::sync::Arc::new(error));
    status
}
