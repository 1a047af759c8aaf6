//! Errors as npm's registry words them: `{"error": …, "code": …}`.

use std::any::Any;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::cache::{CachePolicy, Cached};

/// What went wrong, for people and for programs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    /// In words.
    error: String,
    /// For programs.
    code: &'static str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), code }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn text(&self) -> &str {
        &self.error
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let status = self.status;
        let mut response = (status, Cached(CachePolicy::Never, Json(self))).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

impl From<catalog::Error> for Problem {
    fn from(error: catalog::Error) -> Self {
        match error {
            catalog::Error::Query(_) => Self::new(StatusCode::BAD_REQUEST, "ERR_QUERY", error.to_string()),
            catalog::Error::Chart(_) => Self::new(StatusCode::BAD_REQUEST, "ERR_CHART", error.to_string()),
            catalog::Error::NoIndex => Self::new(StatusCode::SERVICE_UNAVAILABLE, "ERR_FILLING", error.to_string()),
            catalog::Error::Store(_) | catalog::Error::Search(_) | catalog::Error::Task => {
                tracing::error!(%error, "a request failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "ERR_INTERNAL", "this server could not read its data; its log says why")
            }
        }
    }
}

/// What stands in the address is no text.
impl From<PathRejection> for Problem {
    fn from(refused: PathRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ERR_ADDRESS", refused.body_text())
    }
}

/// A panic in a handler is an error of ours and ends that request only.
pub(crate) fn panic_response(panic: Box<dyn Any + Send>) -> Response<axum::body::Body> {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("unknown"), "a request panicked");
    let mut response = Response::new(axum::body::Body::from(r#"{"error":"this server failed; its log says why","code":"ERR_INTERNAL"}"#));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
