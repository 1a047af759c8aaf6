//! The one thing the library wants from an HTTP client.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

/// A future on the heap, as traits that are used behind pointers return them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends token requests. With the feature `reqwest` there is one already; implement it to use your own client.
///
/// An implementation
/// - **does not follow redirects**: a 307 would carry the secret to another host. It returns the 3xx answer, or fails with
///   [`TransportErrorKind::Redirect`];
/// - reads at most [`Limits::max_body`] bytes of the body and fails with [`TransportErrorKind::TooLarge`] when there are more;
/// - does not send plain `http://` requests through a proxy, since they carry the secret;
/// - gives up after [`Limits::connect`] and [`Limits::total`]. The library stops waiting by itself after `total` as well.
///
/// The request is dropped when nobody waits for its answer any more, and the future has to end it then.
///
/// ```
/// use bytes::Bytes;
/// use client_credentials::{BoxFuture, Client, HttpClient, Limits, TransportError};
///
/// struct Canned;
///
/// impl HttpClient for Canned {
///     fn send(&self, _request: http::Request<Bytes>, _limits: Limits) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
///         let body = r#"{"access_token":"t-1","token_type":"Bearer","expires_in":3600}"#;
///         Box::pin(async move { Ok(http::Response::new(Bytes::from_static(body.as_bytes()))) })
///     }
/// }
///
/// # fn main() -> Result<(), client_credentials::Error> {
/// let client = Client::builder("https://auth.example/token", "my-id", "my-secret").http_client(Canned).build()?;
/// # Ok(())
/// # }
/// ```
pub trait HttpClient: Send + Sync + 'static {
    /// Sends one request and reads the whole answer, whatever its status.
    fn send(&self, request: http::Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>>;
}

impl<T: HttpClient + ?Sized> HttpClient for Arc<T> {
    fn send(&self, request: http::Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        T::send(self, request, limits)
    }
}

/// What one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the whole answer, the connection included.
    pub total: Duration,
    /// Most bytes of the answer's body.
    pub max_body: usize,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub struct TransportError {
    pub(crate) kind: TransportErrorKind,
    pub(crate) text: String,
}

/// The kinds of a [`TransportError`]; they decide whether another attempt makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// There is no connection: the name is not known, the port is closed, the network is down. Tried again.
    Connect,
    /// The server's certificate is not trusted. Not tried again.
    Tls,
    /// It took too long. Tried again.
    Timeout,
    /// The connection ended before the answer was complete. Tried again: one token more that nobody uses does no harm.
    Interrupted,
    /// The server redirects, which is never followed. Not tried again.
    Redirect,
    /// The answer is larger than [`Limits::max_body`]. Not tried again.
    TooLarge,
    /// Anything else. Not tried again.
    Other,
}

impl TransportError {
    /// `text` is shown to people. Whatever of it is the client's secret is struck out before.
    pub fn new(kind: TransportErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for TransportError {}
