//! A token endpoint, or any other server, that does what a script says, and misbehaves on the wire.
//!
//! It is made of plain sockets, since a server made of a framework refuses to write most of what is needed here. It runs on a thread of its
//! own, so that blocking clients can be tested too, and ends with its handle.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::{Client, ClientBuilder};

/// No connection lives longer, so that a test that goes wrong ends.
const LONGEST_CONNECTION: Duration = Duration::from_secs(20);
/// Largest request that is read.
const LARGEST_REQUEST: usize = 1 << 20;

/// A request as it came, secrets and all: for tests, whose secrets are none.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Request {
    /// As in `POST`.
    pub method: String,
    /// What stood in the request line: path and query.
    pub target: String,
    /// Names in lower case, and values, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// All of it, not decoded.
    pub body: Vec<u8>,
}

impl Request {
    /// All headers of this name, which is in lower case.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The only header of this name, if there is exactly one.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        match self.headers(name)[..] {
            [value] => Some(value),
            _ => None,
        }
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body's parameters as a form's, decoded; nothing when it is not said to be one.
    #[must_use]
    pub fn form(&self) -> Vec<(String, String)> {
        if self.header("content-type") != Some("application/x-www-form-urlencoded") {
            return Vec::new();
        }
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The body as JSON; null when it is not said to be or is not.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        if self.header("content-type") != Some("application/json") {
            return serde_json::Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Every form in which the client's credentials stand in this request, for servers that talk too much.
    #[must_use]
    pub fn credentials(&self) -> String {
        let mut all = vec![self.text()];
        if let Some(secret) = self.json()["client_secret"].as_str() {
            all.push(secret.to_owned());
        }
        all.extend(self.form().into_iter().filter(|(name, _)| name == "client_secret").map(|(_, value)| value));
        for value in self.headers("authorization") {
            all.push(value.to_owned());
            let decoded = value.strip_prefix("Basic ").and_then(|basic| BASE64_STANDARD.decode(basic).ok()).unwrap_or_default();
            let decoded = String::from_utf8_lossy(&decoded);
            all.extend([form_decoded(&decoded), decoded.into_owned()]);
        }
        all.retain(|form| !form.is_empty());
        all.join(" ")
    }
}

/// One text as a form would have it.
fn form_decoded(text: &str) -> String {
    // Its characters that end a name or value are none here.
    let text = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(text.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}

/// A body that came in chunks (RFC 9112, section 7.1), and whether it is whole; extensions and trailers are passed over.
fn from_chunks(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok().filter(|size| *size <= LARGEST_REQUEST)?;
        if size == 0 {
            return bytes.windows(4).any(|window| window == b"\r\n\r\n").then_some(body);
        }
        body.extend_from_slice(bytes.get(end + 2..end + 2 + size)?);
        bytes = bytes.get(end + size + 4..)?;
    }
}

/// What is done on the wire.
#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    /// The same bytes again and again.
    Repeat(Vec<u8>, usize),
    /// One byte at a time, with a pause before each.
    Drip(Vec<u8>, Duration),
    Pause(Duration),
    /// Nothing more, until the client goes.
    Hang,
    /// An end that the client can tell from a good one.
    Reset,
    Close,
}

type Steps = dyn Fn(&Request) -> Vec<Step> + Send + Sync;

/// What is done about one request. The connection stays open for the next request, unless the answer ends it.
#[derive(Clone)]
#[must_use = "an answer is for a server's script"]
pub struct Answer {
    /// Nothing is read before.
    at_accept: bool,
    steps: Arc<Steps>,
}

impl Answer {
    fn of(steps: Vec<Step>) -> Self {
        Self { at_accept: false, steps: Arc::new(move |_| steps.clone()) }
    }

    /// Made from the request, such as one that gives back what it was told.
    pub fn made<A: Into<Self>>(make: impl Fn(&Request) -> A + Send + Sync + 'static) -> Self {
        Self { at_accept: false, steps: Arc::new(move |request| (make(request).into().steps)(request)) }
    }

    /// The connection is closed although the whole request was read.
    pub fn close() -> Self {
        Self::of(vec![Step::Close])
    }

    /// The same, and impolitely: a reset in place of an answer.
    pub fn reset() -> Self {
        Self::of(vec![Step::Reset])
    }

    /// The same before anything was read.
    pub fn at_accept(self) -> Self {
        Self { at_accept: true, ..self }
    }

    /// Nothing ever comes.
    pub fn hang() -> Self {
        Self::of(vec![Step::Hang])
    }

    /// These bytes, which need not be HTTP, and the end.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::of(vec![Step::Send(bytes.into()), Step::Close])
    }
}

impl Answer {
    /// The same answer, after this time.
    pub fn after(self, pause: Duration) -> Self {
        let steps = self.steps;
        Self { steps: Arc::new(move |request| [vec![Step::Pause(pause)], steps(request)].concat()), ..self }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// How the client is told where a body ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Framing {
    Length,
    Chunks,
    Close,
}

/// An answer that is HTTP, at least in the beginning.
#[derive(Debug, Clone)]
#[must_use = "a reply is for a server's script"]
pub struct Reply {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    /// So often the body comes.
    times: usize,
    framing: Framing,
}

impl Reply {
    /// A status and nothing else.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), times: 1, framing: Framing::Length }
    }

    /// JSON.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::new(status).header("Content-Type", "application/json").body(body.into())
    }

    /// A page, as a proxy would send it.
    pub fn html(status: u16, body: impl Into<String>) -> Self {
        Self::new(status).header("Content-Type", "text/html; charset=utf-8").body(body.into())
    }

    /// A bearer token that is valid for an hour (RFC 6749, section 5.1).
    pub fn token(token: &str) -> Self {
        Self::token_for(token, Duration::from_secs(3600))
    }

    /// The same with another lifetime, in whole seconds.
    pub fn token_for(token: &str, lifetime: Duration) -> Self {
        Self::json(200, serde_json::json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime.as_secs()}).to_string())
    }

    /// An error as section 5.2 of RFC 6749 has it, such as `invalid_client`.
    pub fn error(status: u16, code: &str) -> Self {
        Self::json(status, serde_json::json!({"error": code}).to_string())
    }

    /// With this `Retry-After`: seconds or a date.
    pub fn retry_after(self, value: &str) -> Self {
        self.header("Retry-After", value)
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header("Location", location)
    }

    /// One more header.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Another status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The body comes so often.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// In chunks, without a length.
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunks;
        self
    }

    /// Without any length: the body ends with the connection.
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::Close;
        self
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Whatever\r\n", self.status).into_bytes();
        let framing = match self.framing {
            Framing::Length => ("Content-Length", (self.body.len() * self.times).to_string()),
            Framing::Chunks => ("Transfer-Encoding", "chunked".to_owned()),
            Framing::Close => ("Connection", "close".to_owned()),
        };
        let framing = (framing.0.to_owned(), framing.1.into_bytes());
        for (name, value) in self.headers.iter().chain([&framing]) {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    /// The body once, in its framing.
    fn piece(&self) -> Vec<u8> {
        if self.framing != Framing::Chunks {
            return self.body.clone();
        }
        let mut chunk = format!("{:x}\r\n", self.body.len()).into_bytes();
        chunk.extend_from_slice(&self.body);
        chunk.extend_from_slice(b"\r\n");
        chunk
    }

    /// The headers come one byte at a time.
    pub fn slow_headers(&self, pause: Duration) -> Answer {
        Answer::of(vec![Step::Drip(self.head(), pause), Step::Send(self.piece())])
    }

    /// The body comes one byte at a time.
    pub fn slow_body(&self, pause: Duration) -> Answer {
        Answer::of(vec![Step::Send(self.head()), Step::Drip(self.piece(), pause)])
    }

    /// Half of the body, and nothing more.
    pub fn hang_mid_body(&self) -> Answer {
        Answer::of(vec![Step::Send(self.half()), Step::Hang])
    }

    /// Half of the body, and a reset.
    pub fn reset_mid_body(&self) -> Answer {
        // The pause lets the client see the half first.
        Answer::of(vec![Step::Send(self.half()), Step::Drip(vec![b' '], Duration::from_millis(5)), Step::Reset])
    }

    /// Half of the body, and a polite end that comes too early.
    pub fn close_mid_body(&self) -> Answer {
        Answer::of(vec![Step::Send(self.half()), Step::Close])
    }

    fn half(&self) -> Vec<u8> {
        let piece = self.piece();
        [self.head(), piece[..piece.len() / 2].to_vec()].concat()
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let mut steps = vec![Step::Send(reply.head()), Step::Repeat(reply.piece(), reply.times)];
        match reply.framing {
            Framing::Length => {}
            Framing::Chunks => steps.push(Step::Send(b"0\r\n\r\n".to_vec())),
            Framing::Close => steps.push(Step::Close),
        }
        Self::of(steps)
    }
}

#[derive(Default)]
struct State {
    /// What is left to answer; the last answer stays.
    script: VecDeque<Answer>,
    requests: Vec<Request>,
    connections: usize,
    received: Vec<u8>,
    sent: u64,
    in_flight: usize,
    most_in_flight: usize,
}

impl State {
    fn next(&mut self) -> Answer {
        let next = if self.script.len() > 1 { self.script.pop_front() } else { self.script.front().cloned() };
        next.unwrap_or_else(Answer::close)
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn put(&self, answers: impl IntoIterator<Item = Answer>) {
        let script: VecDeque<Answer> = answers.into_iter().collect();
        assert!(!script.is_empty(), "a script has an answer");
        self.lock().script = script;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
struct InFlight(Shared);

impl InFlight {
    fn new(shared: &Shared) -> Self {
        let mut state = shared.lock();
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
        Self(shared.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}

/// A server on this machine, on a free port of its loopback address, which ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers every request with this.
    ///
    /// # Panics
    /// As `script`.
    pub fn always(answer: impl Into<Answer>) -> Self {
        Self::script([answer.into()])
    }

    /// Answers the first request with the first answer, and so on; the last answer is repeated for ever.
    ///
    /// # Panics
    /// When there is no answer at all, or the machine has no port or thread left.
    #[must_use]
    pub fn script(answers: impl IntoIterator<Item = Answer>) -> Self {
        let shared = Shared::default();
        shared.put(answers);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(listener, serving) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Its token endpoint. Any other path is answered in the same way.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/token", self.origin())
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of this server that may send its tokens to it.
    pub fn client(&self) -> ClientBuilder {
        Client::builder(self.url(), "my-id", "my-secret").allow_http_on_loopback().allow_origin(self.origin())
    }

    /// All requests that came whole.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// How many came.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.lock().requests.len()
    }

    /// Fails the test unless just so many requests came, and shows those that did.
    ///
    /// # Panics
    /// Then.
    #[track_caller]
    pub fn assert_requests(&self, expected: usize) {
        let requests = self.requests();
        let shown: Vec<String> = requests.iter().map(|request| format!("{} {}", request.method, request.target)).collect();
        assert_eq!(requests.len(), expected, "so many requests came: {shown:#?}");
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Every byte that ever came.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        self.shared.lock().received.clone()
    }

    /// How many bytes went out, as far as they found room on the way.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.shared.lock().sent
    }

    /// Requests that came whole and are not answered to the end.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.lock().in_flight
    }

    /// The most that were under way at one time.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.shared.lock().most_in_flight
    }

    /// From now on other answers.
    ///
    /// # Panics
    /// When there is none at all.
    pub fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.put(answers);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        // A second panic would hide the first.
        assert!(std::thread::panicking() || !matches!(ended, Some(Err(_))), "the server panicked");
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Server").field("address", &self.address).field("count", &self.count()).finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, shared: Shared) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    loop {
        // The system may be short of sockets for a moment.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = shared.clone();
        tokio::spawn(tokio::time::timeout(LONGEST_CONNECTION, async move {
            shared.lock().connections += 1;
            // A client that goes away is what many tests are about.
            let _ = converse(stream, &shared).await;
        }));
    }
}

async fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let early = {
            let mut state = shared.lock();
            let is_early = state.script.front().is_some_and(|answer| answer.at_accept);
            is_early.then(|| state.next())
        };
        let answer = match early {
            Some(answer) => Some((answer, Request::default())),
            None => read_request(&mut stream, shared).await?.map(|request| (shared.lock().next(), request)),
        };
        let Some((answer, request)) = answer else { return Ok(()) };
        let _in_flight = InFlight::new(shared);
        for step in (answer.steps)(&request) {
            match step {
                Step::Send(bytes) => send(&mut stream, &bytes, shared).await?,
                Step::Repeat(bytes, times) => {
                    for _ in 0..times {
                        send(&mut stream, &bytes, shared).await?;
                    }
                }
                Step::Drip(bytes, pause) => {
                    for byte in bytes {
                        tokio::time::sleep(pause).await;
                        send(&mut stream, &[byte], shared).await?;
                    }
                }
                Step::Pause(pause) => tokio::time::sleep(pause).await,
                Step::Hang => {
                    while stream.read(&mut [0; 1024]).await? > 0 {}
                    return Ok(());
                }
                Step::Reset => {
                    stream.set_zero_linger()?;
                    return Ok(());
                }
                Step::Close => return stream.shutdown().await,
            }
        }
    }
}

async fn send(stream: &mut TcpStream, bytes: &[u8], shared: &Shared) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await?;
    shared.lock().sent += bytes.len() as u64;
    Ok(())
}

/// The next request; none when the client closed the connection before all of one came.
async fn read_request(stream: &mut TcpStream, shared: &Shared) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let mut head = None;
    loop {
        if head.is_none() {
            head = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|place| (parse_head(&bytes[..place]), place + 4));
        }
        if let Some((request, start)) = &head {
            if request.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
                if let Some(body) = from_chunks(&bytes[*start..]) {
                    let request = Request { body, ..request.clone() };
                    shared.lock().requests.push(request.clone());
                    return Ok(Some(request));
                }
            }
            let length = match request.header("content-length").map_or(Ok(0), str::parse) {
                Ok(length) if length <= LARGEST_REQUEST => length,
                // Nobody sends so much, or such a length; waiting makes the test fail with a timeout.
                _ => return pending().await,
            };
            let is_chunked = request.header("transfer-encoding").is_some();
            if !is_chunked && bytes.len() >= start + length {
                let request = Request { body: bytes[*start..start + length].to_vec(), ..request.clone() };
                shared.lock().requests.push(request.clone());
                return Ok(Some(request));
            }
        }
        if bytes.len() > LARGEST_REQUEST {
            return pending().await;
        }
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..read]);
        shared.lock().received.extend_from_slice(&buffer[..read]);
    }
}

fn parse_head(bytes: &[u8]) -> Request {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split("\r\n");
    let mut line = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
    let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    Request { method, target, headers: headers.collect(), body: Vec::new() }
}
