//! For how long an answer may be kept, one value a kind of answer.

use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};

/// A cache policy. Every handler names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CachePolicy {
    /// It is about this very moment.
    Never,
    /// It changes when packages do: a minute.
    Search,
    /// It changes with the program: an hour.
    Program,
}

impl CachePolicy {
    fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Never => "no-store",
            Self::Search => "public, max-age=60",
            Self::Program => "public, max-age=3600",
        })
    }
}

/// An answer with its cache policy.
pub(crate) struct Cached<T>(pub(crate) CachePolicy, pub(crate) T);

impl<T: IntoResponse> IntoResponse for Cached<T> {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        response.headers_mut().insert(CACHE_CONTROL, self.0.header());
        response
    }
}
