//! For how long an answer may be kept, one value a kind of answer.

use std::hash::{DefaultHasher, Hasher};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// A cache policy. Every handler names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CachePolicy {
    /// It is about this very moment.
    Never,
    /// A page of what is stored: a minute, and while it is asked for again the old one may be shown.
    Page,
    /// It changes when packages do: a minute.
    Search,
    /// Counts that are complete, which change once a day: ten minutes, and while they are asked for again the old ones may be shown.
    Counts,
    /// It changes with the program: an hour.
    Program,
    /// An image from elsewhere: a day.
    Image,
    /// Its address changes with its content.
    Immutable,
}

impl CachePolicy {
    fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Never => "no-store",
            Self::Page => "public, max-age=60, stale-while-revalidate=600",
            Self::Search => "public, max-age=60",
            Self::Counts => "public, max-age=600, stale-while-revalidate=86400",
            Self::Program => "public, max-age=3600",
            Self::Image => "public, max-age=86400",
            Self::Immutable => "public, max-age=31536000, immutable",
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

/// Stands for what a tag is made of where that is not the whole body, because part of it differs between answers that say the same. A tag
/// is weak, so it may.
#[derive(Debug, Clone)]
pub(crate) struct Essence(pub(crate) Vec<u8>);

/// Gives every answer that may be kept a tag of its content, and answers 304 to whoever has that already. The tag is weak, because the
/// same content is sent compressed in several ways.
pub(crate) async fn tag(request: Request, next: Next) -> Response {
    let asked = request.headers().get(IF_NONE_MATCH).cloned();
    let is_get = request.method() == Method::GET;
    let response = next.run(request).await;
    let may_be_kept = response.headers().get(CACHE_CONTROL).is_some_and(|policy| policy.as_bytes().starts_with(b"p"));
    if !(is_get && may_be_kept && response.status() == StatusCode::OK) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // The handlers make whole bodies, so nothing is waited for here.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut hasher = DefaultHasher::new();
    hasher.write(head.extensions.get::<Essence>().map_or(&bytes[..], |essence| &essence.0));
    let tag = format!("W/\"{:016x}\"", hasher.finish());
    let is_there = asked.as_ref().and_then(|asked| asked.to_str().ok()).is_some_and(|asked| {
        let mut tags = asked.split(',').map(|one| one.trim().trim_start_matches("W/"));
        tags.any(|one| one == "*" || one == tag.trim_start_matches("W/"))
    });
    if let Ok(value) = HeaderValue::from_str(&tag) {
        head.headers.insert(ETAG, value);
    }
    if is_there {
        head.status = StatusCode::NOT_MODIFIED;
        head.headers.remove(CONTENT_TYPE);
        head.headers.remove(CONTENT_LENGTH);
        // What has no body is not compressed, so nobody else would say it.
        head.headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        return Response::from_parts(head, Body::empty());
    }
    Response::from_parts(head, Body::from(bytes))
}
