//! A registry on loopback: packuments and tarballs, and on demand everything that goes wrong between a client and a registry.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::integrity;

/// What happens to one request instead of an answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Another status, with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// The answer breaks off after so many bytes.
    Cut(usize),
    /// Nothing comes at all.
    Hang,
    /// The right status and length, but another body.
    Body(Vec<u8>),
}

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path and query, as sent.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Range` header.
    pub range: Option<String>,
}

#[derive(Debug, Default)]
struct Inner {
    packages: HashMap<String, Value>,
    tarballs: HashMap<String, Bytes>,
    faults: HashMap<String, VecDeque<Fault>>,
    requests: Vec<Request>,
    bytes_a_second: Option<usize>,
}

/// A registry that answers until it is dropped.
#[derive(Debug, Clone)]
pub struct FakeRegistry {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl FakeRegistry {
    /// Starts on a free port.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let registry = Self { address: listener.local_addr().expect("an address"), inner: Arc::default() };
        let router = Router::new().fallback(answer).with_state(registry.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        registry
    }

    /// The base address, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Publishes a version with a tarball; the newest published is `latest`. `published` is RFC 3339.
    ///
    /// # Panics
    /// Never.
    pub fn publish(&self, name: &str, version: &str, tarball: Vec<u8>, published: &str) {
        let base = name.rsplit('/').next().unwrap_or(name);
        let path = format!("/{name}/-/{base}-{version}.tgz");
        let manifest = json!({"name": name, "version": version, "dist": {"tarball": format!("{}{path}", self.url()), "integrity": integrity(&tarball)}});
        let mut inner = self.lock();
        let document = inner
            .packages
            .entry(name.to_owned())
            .or_insert_with(|| json!({"_id": name, "name": name, "dist-tags": {}, "versions": {}, "time": {}}));
        document["versions"][version] = manifest;
        document["dist-tags"]["latest"] = json!(version);
        document["time"][version] = json!(published);
        inner.tarballs.insert(path, tarball.into());
    }

    /// Replaces the whole document of a package.
    pub fn set_document(&self, name: &str, document: Value) {
        self.lock().packages.insert(name.to_owned(), document);
    }

    /// The next requests for a path meet these faults, one each.
    pub fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.entry(path.to_owned()).or_default().extend(faults);
    }

    /// Tarballs come at this speed from now on.
    pub fn throttle(&self, bytes_a_second: Option<usize>) {
        self.lock().bytes_a_second = bytes_a_second;
    }

    /// What was asked so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// How often a path was asked for.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.lock().requests.iter().filter(|request| request.path == path).count()
    }
}

async fn answer(State(registry): State<FakeRegistry>, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str).to_owned();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (fault, tarball, document, speed) = {
        let mut inner = registry.lock();
        inner.requests.push(Request { path: path.clone(), authorization: header("authorization"), range: header("range") });
        let fault = inner.faults.get_mut(&path).and_then(VecDeque::pop_front);
        let name = path.trim_start_matches('/').replacen("%2f", "/", 1);
        (fault, inner.tarballs.get(&path).cloned(), inner.packages.get(&name).cloned(), inner.bytes_a_second)
    };
    let whole = match (&tarball, document) {
        (Some(bytes), _) => Some(bytes.clone()),
        (None, Some(document)) => Some(document.to_string().into()),
        (None, None) => None,
    };
    match fault {
        Some(Fault::Status(status, headers, body)) => {
            let mut response = (StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT), body).into_response();
            for (name, value) in headers {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    response.headers_mut().insert(HeaderName::from_static(name), value);
                }
            }
            return response;
        }
        Some(Fault::Hang) => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        Some(Fault::Cut(after)) => {
            let bytes = whole.unwrap_or_default();
            let start = offset(header("range").as_deref()).min(bytes.len());
            let end = (start + after).min(bytes.len());
            let status = if start > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
            let part: Result<Bytes, std::io::Error> = Ok(bytes.slice(start..end));
            // What was promised does not come: after a moment, in which the first part is sent, the error resets the connection.
            let body = Body::from_stream(futures_util::stream::unfold(Some(part), |part| async move {
                match part {
                    Some(part) => Some((part, None)),
                    None => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        Some((Err(std::io::Error::other("cut")), None))
                    }
                }
            }));
            let mut response = Response::builder().status(status).header("content-length", bytes.len() - start);
            if start > 0 {
                response = response.header("content-range", format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len()));
            }
            return response.body(body).unwrap_or_default();
        }
        Some(Fault::Body(bytes)) => return bytes.into_response(),
        None => {}
    }
    let Some(bytes) = whole else { return (StatusCode::NOT_FOUND, r#"{"error":"Not found"}"#).into_response() };
    let start = if tarball.is_some() { offset(header("range").as_deref()) } else { 0 };
    if start >= bytes.len() {
        return (StatusCode::RANGE_NOT_SATISFIABLE, "").into_response();
    }
    let mut response = Response::builder().header("content-length", bytes.len() - start);
    if start > 0 {
        response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header("content-range", format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len()));
    }
    let rest = bytes.slice(start..);
    let body = match speed {
        Some(speed) if tarball.is_some() => slowly(rest, speed),
        _ => Body::from(rest),
    };
    response.body(body).unwrap_or_default()
}

fn slowly(bytes: Bytes, bytes_a_second: usize) -> Body {
    let step = (bytes_a_second / 20).max(1);
    Body::from_stream(futures_util::stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let piece = rest.split_to(step.min(rest.len()));
        Some((Ok::<_, std::io::Error>(piece), rest))
    }))
}

fn offset(range: Option<&str>) -> usize {
    range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()).unwrap_or(0)
}
