//! The libraries, each as its documentation says.

use std::sync::Arc;

use futures_util::future::{BoxFuture, LocalBoxFuture};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};

pub(crate) mod huskarl;
pub(crate) mod middle;
pub(crate) mod oauth2;
pub(crate) mod ours;

/// An answer with a token that lives for an hour.
pub(crate) const TOKEN: &str = r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600}"#;

/// The headers of an answer in JSON.
pub(crate) fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

/// A library over real HTTP.
#[derive(Clone, Copy)]
pub(crate) struct Contender {
    pub name: &'static str,
    /// So many callers at a time.
    pub at_once: usize,
    /// A client for this token endpoint that holds no token.
    pub cold: fn(String) -> LocalBoxFuture<'static, Ask>,
}

type Call = dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync;

/// A client, of which any number of callers may ask for its token.
#[derive(Clone)]
pub(crate) struct Ask(Arc<Call>);

impl Ask {
    pub(crate) fn new(call: impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    pub(crate) fn ask(&self) -> BoxFuture<'static, Result<(), String>> {
        (self.0)()
    }
}
