//! A registry on loopback: packuments, tarballs, searches for a maintainer, any other answer a test wants to give, and on demand everything
//! that goes wrong between a client and a registry.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use nodejs_semver::{Range, Version};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::integrity;

/// Where searches are answered.
const SEARCH: &str = "/-/v1/search";

/// Where npm's bulk advisory endpoint is.
const ADVISORIES: &str = "/-/npm/v1/security/advisories/bulk";

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
    /// The `If-None-Match` header.
    pub if_none_match: Option<String>,
    /// All headers that are text, by their name in lower case.
    pub headers: HashMap<String, String>,
    /// The body, when it is text.
    pub body: String,
}

/// An answer that a test made up.
#[derive(Debug, Clone)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

/// A package's document and which of the registry's changes made it.
#[derive(Debug, Clone)]
struct Document {
    value: Value,
    change: u64,
}

#[derive(Debug, Default)]
struct Inner {
    packages: HashMap<String, Document>,
    changes: u64,
    tarballs: HashMap<String, Bytes>,
    answers: HashMap<String, Answer>,
    users: HashMap<String, Vec<Value>>,
    advisories: HashMap<String, Vec<Value>>,
    faults: HashMap<String, VecDeque<Fault>>,
    search_faults: VecDeque<Fault>,
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
        inner.changes += 1;
        let change = inner.changes;
        let document = inner
            .packages
            .entry(name.to_owned())
            .or_insert_with(|| Document { value: json!({"_id": name, "name": name, "dist-tags": {}, "versions": {}, "time": {}}), change });
        document.change = change;
        document.value["versions"][version] = manifest;
        document.value["dist-tags"]["latest"] = json!(version);
        document.value["time"][version] = json!(published);
        inner.tarballs.insert(path, tarball.into());
    }

    /// Replaces the whole document of a package.
    pub fn set_document(&self, name: &str, document: Value) {
        let mut inner = self.lock();
        inner.changes += 1;
        let change = inner.changes;
        inner.packages.insert(name.to_owned(), Document { value: document, change });
    }

    /// What is served at a path as a tarball is.
    pub fn set_tarball(&self, path: &str, bytes: Vec<u8>) {
        self.lock().tarballs.insert(path.to_owned(), bytes.into());
    }

    /// The hits of a search for `maintainer:NAME`, in their order: objects as npm's search has them in `objects`.
    pub fn set_user(&self, name: &str, hits: Vec<Value>) {
        self.lock().users.insert(name.to_owned(), hits);
    }

    /// The known vulnerabilities of a package: objects as npm's bulk advisory endpoint has them.
    pub fn set_advisories(&self, name: &str, advisories: Vec<Value>) {
        self.lock().advisories.insert(name.to_owned(), advisories);
    }

    /// What a path with its query answers from now on. Without [`FakeRegistry::throttle`] the length is said.
    pub fn set_answer(&self, path: &str, status: u16, headers: Vec<(&'static str, String)>, body: impl Into<Bytes>) {
        self.lock().answers.insert(path.to_owned(), Answer { status, headers, body: body.into() });
    }

    /// The next requests for a path meet these faults, one each.
    pub fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.entry(path.to_owned()).or_default().extend(faults);
    }

    /// The next searches meet these faults, one each, whatever they search for.
    pub fn fail_search(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().search_faults.extend(faults);
    }

    /// Tarballs and the answers of [`FakeRegistry::set_answer`] come at this speed from now on, the latter without a length.
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

async fn answer(State(registry): State<FakeRegistry>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str).to_owned();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (fault, made_up, tarball, document, speed) = {
        let mut inner = registry.lock();
        inner.requests.push(Request {
            path: path.clone(),
            authorization: header("authorization"),
            range: header("range"),
            if_none_match: header("if-none-match"),
            headers: headers.iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        let mut fault = inner.faults.get_mut(&path).and_then(VecDeque::pop_front);
        let mut made_up = inner.answers.get(&path).cloned();
        if uri.path() == SEARCH {
            fault = fault.or_else(|| inner.search_faults.pop_front());
            made_up = made_up.or_else(|| Some(search(&inner.users, uri.query().unwrap_or_default())));
        }
        if uri.path() == ADVISORIES && made_up.is_none() {
            made_up = Some(advisories(&inner.advisories, &method, &body));
        }
        let name = path.trim_start_matches('/').replacen("%2f", "/", 1);
        (fault, made_up, inner.tarballs.get(&path).cloned(), inner.packages.get(&name).cloned(), inner.bytes_a_second)
    };
    let whole: Option<Bytes> = match (&made_up, &tarball, &document) {
        (Some(answer), _, _) => Some(answer.body.clone()),
        (None, Some(bytes), _) => Some(bytes.clone()),
        (None, None, Some(document)) => Some(document.value.to_string().into()),
        (None, None, None) => None,
    };
    match fault {
        Some(Fault::Status(status, headers, body)) => return with_headers(status, headers, Body::from(body)),
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
    if let Some(answer) = made_up {
        let body = speed.map_or_else(|| Body::from(answer.body.clone()), |speed| slowly(answer.body.clone(), speed));
        return with_headers(answer.status, answer.headers, body);
    }
    let Some(bytes) = whole else { return (StatusCode::NOT_FOUND, r#"{"error":"Not found"}"#).into_response() };
    let start = if tarball.is_some() { offset(header("range").as_deref()) } else { 0 };
    if start >= bytes.len() {
        return (StatusCode::RANGE_NOT_SATISFIABLE, "").into_response();
    }
    let mut response = Response::builder();
    if let Some(document) = document.filter(|_| tarball.is_none()) {
        let tag = format!("\"{:016x}\"", u64::from_be_bytes(Sha256::digest(&bytes).first_chunk().copied().unwrap_or_default()));
        let modified = format!("Mon, 23 Nov 2026 08:{:02}:{:02} GMT", document.change / 60 % 60, document.change % 60);
        let unchanged = match header("if-none-match") {
            // Tags are compared weakly.
            Some(known) => known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag),
            None => header("if-modified-since").is_some_and(|known| known == modified),
        };
        response = response.header("etag", tag).header("last-modified", modified);
        if unchanged {
            return response.status(StatusCode::NOT_MODIFIED).body(Body::empty()).unwrap_or_default();
        }
    }
    response = response.header("content-length", bytes.len() - start);
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

fn with_headers(status: u16, headers: Vec<(&'static str, String)>, body: Body) -> Response {
    let mut response = (StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT), body).into_response();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// npm's answer to a search; only `maintainer:NAME` finds anything.
fn search(users: &HashMap<String, Vec<Value>>, query: &str) -> Answer {
    let json = |status: u16, body: Value| Answer {
        status,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string().into(),
    };
    let parameter = |wanted: &str| {
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == wanted).map(|(_, value)| decoded(value))
    };
    let number = |wanted: &str, default: usize| parameter(wanted).and_then(|text| text.parse().ok()).unwrap_or(default);
    let Some(text) = parameter("text") else {
        return json(400, json!({"error": "'text' query parameter is required", "code": "ERR_TEXT_MISSING"}));
    };
    if !(2..=64).contains(&text.chars().count()) {
        let error = "The 'text' parameter must be between 2 and 64 characters";
        return json(400, json!({"error": error, "code": "ERR_TEXT_LENGTH"}));
    }
    let hits = text.strip_prefix("maintainer:").and_then(|name| users.get(name)).map_or(&[][..], Vec::as_slice);
    let objects: Vec<&Value> = hits.iter().skip(number("from", 0)).take(number("size", 20).min(250)).collect();
    json(200, json!({"objects": objects, "total": hits.len(), "time": "2026-11-23T08:00:00.000Z"}))
}

/// npm's answer to a question about advisories: those that any of the named versions has, of packages that have any.
fn advisories(known: &HashMap<String, Vec<Value>>, method: &Method, body: &Bytes) -> Answer {
    let json = |status: u16, body: &Value| Answer {
        status,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string().into(),
    };
    if *method != Method::POST {
        return json(405, &json!({"code": "MethodNotAllowedError", "message": format!("{method} is not allowed")}));
    }
    let Ok(asked) = serde_json::from_slice::<HashMap<String, Vec<String>>>(body) else {
        return json(400, &json!({"statusCode": 400, "error": "Bad Request", "message": "Invalid request payload input"}));
    };
    let mut found = serde_json::Map::new();
    for (name, versions) in asked {
        let has = |advisory: &&Value| {
            let range = advisory["vulnerable_versions"].as_str().and_then(|range| Range::parse(range).ok());
            let versions = versions.iter().filter_map(|version| Version::parse(version).ok());
            range.is_some_and(|range| versions.into_iter().any(|version| range.satisfies_with_prerelease(&version, true)))
        };
        let list: Vec<&Value> = known.get(&name).into_iter().flatten().filter(has).collect();
        if !list.is_empty() {
            found.insert(name, json!(list));
        }
    }
    json(200, &Value::Object(found))
}

/// A value of a query: `+` is a space, `%XX` a byte.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let escaped = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, escaped) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
