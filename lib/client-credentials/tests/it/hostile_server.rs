//! A token endpoint that misbehaves on the wire.
//!
//! It is made of plain sockets, since a server made of a framework refuses to write most of what is needed here. It runs on a thread of its
//! own, so that blocking clients can be tested too, and ends with its handle.

use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

/// No connection lives longer, so that a test that goes wrong ends.
const LONGEST_CONNECTION: Duration = Duration::from_secs(20);
/// No request of a test is larger.
const LARGEST_REQUEST: usize = 1 << 20;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// What stood in the request line: path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// All headers of this name, which is in lower case.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The only header of this name, if there is exactly one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        match self.headers(name)[..] {
            [value] => Some(value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body's parameters as a form's, decoded; nothing when it is not said to be one.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        if self.header("content-type") != Some("application/x-www-form-urlencoded") {
            return Vec::new();
        }
        let text = self.text();
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (form_decoded(name), form_decoded(value)))
            .collect()
    }

    /// The body as JSON; null when it is not said to be or is not.
    pub(crate) fn json(&self) -> serde_json::Value {
        if self.header("content-type") != Some("application/json") {
            return serde_json::Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Every form in which the client's credentials stand in this request, for servers that talk too much.
    pub(crate) fn credentials(&self) -> String {
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

fn form_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is done on the wire.
#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    /// The same bytes again and again.
    Repeat(Vec<u8>, usize),
    /// One byte at a time, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Nothing more, until the client goes.
    Hang,
    /// An end that the client can tell from a good one.
    Reset,
    Close,
}

type Steps = dyn Fn(&Request) -> Vec<Step> + Send + Sync;

/// What is done about one request. The connection stays open for the next request, unless the answer ends it.
#[derive(Clone)]
pub(crate) struct Answer {
    /// Nothing is read before.
    at_accept: bool,
    steps: Arc<Steps>,
}

impl Answer {
    fn steps(steps: Vec<Step>) -> Self {
        Self { at_accept: false, steps: Arc::new(move |_| steps.clone()) }
    }

    /// Made from the request, such as one that gives back what it was told.
    pub(crate) fn made<A: Into<Self>>(make: impl Fn(&Request) -> A + Send + Sync + 'static) -> Self {
        Self { at_accept: false, steps: Arc::new(move |request| (make(request).into().steps)(request)) }
    }

    /// The connection is closed although the whole request was read.
    pub(crate) fn close() -> Self {
        Self::steps(vec![Step::Close])
    }

    /// The same, and impolitely.
    pub(crate) fn reset() -> Self {
        Self::steps(vec![Step::Reset])
    }

    /// The same before anything was read.
    pub(crate) fn at_accept(self) -> Self {
        Self { at_accept: true, ..self }
    }

    /// Nothing ever comes.
    pub(crate) fn hang() -> Self {
        Self::steps(vec![Step::Hang])
    }

    /// These bytes, which need not be HTTP, and the end.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::steps(vec![Step::Send(bytes.into()), Step::Close])
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
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    /// So often the body comes.
    times: usize,
    framing: Framing,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), times: 1, framing: Framing::Length }
    }

    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self::new(status).header("Content-Type", "application/json").body(body.into())
    }

    pub(crate) fn html(status: u16, body: impl Into<String>) -> Self {
        Self::new(status).header("Content-Type", "text/html; charset=utf-8").body(body.into())
    }

    /// A good answer.
    pub(crate) fn token(token: &str) -> Self {
        Self::json(200, serde_json::json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600}).to_string())
    }

    /// An error as section 5.2 of RFC 6749 has it.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::json(status, serde_json::json!({"error": code}).to_string())
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header("Location", location)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The body comes so often.
    pub(crate) fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// In chunks, without a length.
    pub(crate) fn chunked(mut self) -> Self {
        self.framing = Framing::Chunks;
        self
    }

    /// Without any length: the body ends with the connection.
    pub(crate) fn until_close(mut self) -> Self {
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
    pub(crate) fn slow_headers(&self, pause: Duration) -> Answer {
        Answer::steps(vec![Step::Drip(self.head(), pause), Step::Send(self.piece())])
    }

    /// The body comes one byte at a time.
    pub(crate) fn slow_body(&self, pause: Duration) -> Answer {
        Answer::steps(vec![Step::Send(self.head()), Step::Drip(self.piece(), pause)])
    }

    /// Half of the body, and nothing more.
    pub(crate) fn hang_mid_body(&self) -> Answer {
        Answer::steps(vec![Step::Send(self.half()), Step::Hang])
    }

    /// Half of the body, and a reset.
    pub(crate) fn reset_mid_body(&self) -> Answer {
        // The pause lets the client see the half first.
        Answer::steps(vec![Step::Send(self.half()), Step::Drip(vec![b' '], Duration::from_millis(5)), Step::Reset])
    }

    /// Half of the body, and a polite end that comes too early.
    pub(crate) fn close_mid_body(&self) -> Answer {
        Answer::steps(vec![Step::Send(self.half()), Step::Close])
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
        Self::steps(steps)
    }
}

/// These bytes, compressed.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
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
        if self.script.len() > 1 { self.script.pop_front() } else { self.script.front().cloned() }.expect("a script has an answer")
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("the server does not panic")
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

/// A server on this machine, which ends when it is dropped.
pub(crate) struct HostileServer {
    scheme: &'static str,
    address: SocketAddr,
    shared: Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HostileServer {
    /// Answers the first request with the first answer, and so on; the last answer is repeated for ever.
    pub(crate) fn script(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start("http", None, answers)
    }

    /// Answers every request with this.
    pub(crate) fn always(answer: impl Into<Answer>) -> Self {
        Self::script([answer.into()])
    }

    /// The same behind TLS with a certificate that nobody but itself vouches for.
    pub(crate) fn self_signed(answer: impl Into<Answer>) -> Self {
        let names = vec!["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string()];
        let own = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("known versions");
        let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).expect("the key of the certificate");
        Self::start("https", Some(TlsAcceptor::from(Arc::new(config))), [answer.into()])
    }

    /// Where TLS is expected, and is not spoken.
    pub(crate) fn not_tls(answer: impl Into<Answer>) -> Self {
        Self::start("https", None, [answer.into()])
    }

    fn start(scheme: &'static str, tls: Option<TlsAcceptor>, answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("an address");
        let shared = Shared::default();
        shared.lock().script = answers.into_iter().collect();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(listener, tls, serving) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { scheme, address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// The token endpoint.
    pub(crate) fn url(&self) -> String {
        format!("{}/token", self.origin())
    }

    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// All requests that came whole.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// How many came.
    pub(crate) fn count(&self) -> usize {
        self.shared.lock().requests.len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Every byte that ever came.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.shared.lock().received.clone()
    }

    /// How many bytes went out, as far as they found room on the way.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.lock().sent
    }

    /// Requests that came whole and are not answered to the end.
    pub(crate) fn in_flight(&self) -> usize {
        self.shared.lock().in_flight
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.shared.lock().most_in_flight
    }

    /// From now on other answers.
    pub(crate) fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.lock().script = answers.into_iter().collect();
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        // A second panic would hide the first.
        assert!(std::thread::panicking() || !matches!(ended, Some(Err(_))), "the hostile server panicked");
    }
}

/// A port that is taken by nobody who listens. It stays so while the socket lives.
pub(crate) fn refused_port() -> (String, TcpSocket) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    let address = socket.local_addr().expect("an address");
    (format!("http://{address}/token"), socket)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Shared) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (shared, tls) = (shared.clone(), tls.clone());
        tokio::spawn(tokio::time::timeout(LONGEST_CONNECTION, async move {
            shared.lock().connections += 1;
            // A client that goes away is what many tests are about.
            let _ = match tls {
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => converse(stream, &shared).await,
                    Err(error) => Err(error),
                },
                None => converse(stream, &shared).await,
            };
        }));
    }
}

trait Wire: AsyncRead + AsyncWrite + Unpin {
    fn socket(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

async fn converse(mut stream: impl Wire, shared: &Shared) -> io::Result<()> {
    stream.socket().set_nodelay(true)?;
    loop {
        let early = {
            let mut state = shared.lock();
            let is_early = state.script.front().is_some_and(|answer| answer.at_accept);
            is_early.then(|| state.next())
        };
        let answer = match early {
            Some(answer) => Some((answer, Request { method: String::new(), target: String::new(), headers: Vec::new(), body: Vec::new() })),
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
                Step::Hang => {
                    while stream.read(&mut [0; 1024]).await? > 0 {}
                    return Ok(());
                }
                Step::Reset => {
                    stream.socket().set_zero_linger()?;
                    return Ok(());
                }
                Step::Close => return stream.shutdown().await,
            }
        }
    }
}

async fn send(stream: &mut impl Wire, bytes: &[u8], shared: &Shared) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await?;
    shared.lock().sent += bytes.len() as u64;
    Ok(())
}

/// The next request; none when the client closed the connection before all of one came.
async fn read_request(stream: &mut impl Wire, shared: &Shared) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let mut head = None;
    loop {
        if head.is_none() {
            head = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|place| (parse_head(&bytes[..place]), place + 4));
        }
        if let Some((request, start)) = &head {
            let length = request.header("content-length").map_or(0, |length| length.parse().expect("a length"));
            if bytes.len() >= start + length {
                let request = Request { body: bytes[*start..start + length].to_vec(), ..request.clone() };
                shared.lock().requests.push(request.clone());
                return Ok(Some(request));
            }
        }
        if bytes.len() > LARGEST_REQUEST {
            // Nobody in these tests sends so much; waiting makes the test fail with a timeout.
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

mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{Shutdown, TcpStream};

    use super::*;

    const FORM: &str = "POST /token?a=b HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 34\r\n\r\nclient_secret=a%2Bb+c&scope=orders";

    fn connect(server: &HostileServer) -> TcpStream {
        let stream = TcpStream::connect(server.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        stream
    }

    /// Sends, and reads until the server has nothing more to say.
    fn exchange(server: &HostileServer, request: &str) -> io::Result<Vec<u8>> {
        let mut stream = connect(server);
        stream.write_all(request.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map(|_| answer)
    }

    fn text(server: &HostileServer) -> String {
        String::from_utf8(exchange(server, FORM).expect("an answer")).expect("text")
    }

    #[test]
    fn requests_are_recorded() {
        let server = HostileServer::always(Reply::token("t"));
        assert_eq!(server.url(), format!("http://{}/token", server.address));
        assert!(text(&server).ends_with(r#"{"access_token":"t","expires_in":3600,"token_type":"Bearer"}"#));
        let requests = server.requests();
        let [request] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/token?a=b"));
        assert_eq!(
            request.form(),
            [("client_secret", "a+b c"), ("scope", "orders")].map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!(request.json(), serde_json::Value::Null);
        assert_eq!(request.header("host"), Some("x"));
        assert_eq!((server.count(), server.connections(), server.received()), (1, 1, FORM.as_bytes().to_vec()));
        assert_eq!((server.in_flight(), server.most_in_flight()), (0, 1));
    }

    #[test]
    fn credentials_are_given_back_in_every_form() {
        let echo = Answer::made(|request| Reply::new(400).header("X-Echo", request.credentials()));
        let server = HostileServer::always(echo);
        assert!(text(&server).contains("X-Echo: client_secret=a%2Bb+c&scope=orders a+b c\r\n"));
        let basic = "POST / HTTP/1.1\r\nAuthorization: Basic aWQ6YSUyQmI=\r\n\r\n";
        let answer = exchange(&server, basic).expect("an answer");
        assert!(String::from_utf8_lossy(&answer).contains("X-Echo: Basic aWQ6YSUyQmI= id:a+b id:a%2Bb\r\n"));
        let json = "POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n{\"client_secret\":\"a\\u002bb\"}";
        let answer = exchange(&server, &json.replace("26", "28")).expect("an answer");
        assert!(String::from_utf8_lossy(&answer).contains(r#"X-Echo: {"client_secret":"a\u002bb"} a+b"#));
    }

    #[test]
    fn the_script_is_followed_and_its_last_answer_stays() {
        let server =
            HostileServer::script([Reply::new(500).into(), Reply::new(429).header("Retry-After", "7").into(), Reply::new(204).into()]);
        let statuses = [(); 4].map(|()| text(&server)[9..12].to_owned());
        assert_eq!(statuses, ["500", "429", "204", "204"]);
        server.then([Reply::new(418).into()]);
        assert!(text(&server).starts_with("HTTP/1.1 418 "));
        assert_eq!(server.count(), 5);
    }

    #[test]
    fn connections_are_kept() {
        let server = HostileServer::always(Reply::json(200, "{}").chunked());
        let mut stream = BufReader::new(connect(&server));
        for _ in 0..3 {
            stream.get_mut().write_all(FORM.as_bytes()).expect("sent");
            let mut line = String::new();
            while line != "0\r\n" {
                line.clear();
                stream.read_line(&mut line).expect("a line");
            }
            stream.read_line(&mut line).expect("the end");
        }
        assert_eq!((server.count(), server.connections()), (3, 1));
    }

    #[test]
    fn bodies_in_every_framing() {
        let reply = Reply::json(200, "abc").times(3);
        let check = |reply: Reply, header: &str, body: &str| {
            let answer = text(&HostileServer::always(reply));
            let (head, rest) = answer.split_once("\r\n\r\n").expect("a head");
            assert!(head.contains(header), "{head}");
            assert_eq!(rest, body);
        };
        check(reply.clone(), "Content-Length: 9", "abcabcabc");
        check(reply.clone().chunked(), "Transfer-Encoding: chunked", "3\r\nabc\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n");
        check(reply.until_close(), "Connection: close", "abcabcabc");
    }

    #[test]
    fn connections_end_in_every_way() {
        let reply = Reply::json(200, "0123456789");
        let quick = Duration::from_millis(1);
        let check = |answer: Answer, expected: Result<&str, io::ErrorKind>| {
            let answer = exchange(&HostileServer::always(answer), FORM);
            let answer = answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(|error| error.kind());
            match (answer, expected) {
                (Ok(answer), Ok(end)) => assert!(answer.ends_with(end) && (!end.is_empty() || answer.is_empty()), "{answer}"),
                (answer, expected) => assert_eq!(answer, expected.map(str::to_owned)),
            }
        };
        check(Answer::close(), Ok(""));
        check(Answer::hang(), Ok(""));
        check(Answer::reset(), Err(io::ErrorKind::ConnectionReset));
        check(Answer::raw("\0garbage"), Ok("\0garbage"));
        check(reply.slow_headers(quick), Ok("\r\n\r\n0123456789"));
        check(reply.slow_body(quick), Ok("\r\n\r\n0123456789"));
        check(reply.close_mid_body(), Ok("\r\n\r\n01234"));
        check(reply.hang_mid_body(), Ok("\r\n\r\n01234"));
        check(reply.reset_mid_body(), Err(io::ErrorKind::ConnectionReset));
    }

    #[test]
    fn a_reset_before_anything_was_read() {
        let server = HostileServer::script([Answer::reset().at_accept(), Reply::token("t").into()]);
        assert!(exchange(&server, FORM).is_err());
        assert!(text(&server).contains("access_token"));
        assert_eq!((server.count(), server.connections()), (1, 2));
    }

    #[test]
    fn what_was_sent_is_counted() {
        let server = HostileServer::always(Reply::new(200).body(vec![b'x'; 1 << 20]).times(64).until_close());
        let mut stream = connect(&server);
        stream.write_all(FORM.as_bytes()).expect("sent");
        stream.read_exact(&mut [0; 1024]).expect("a beginning");
        drop(stream);
        while server.in_flight() > 0 {
            std::thread::yield_now();
        }
        assert!(server.sent() < 64 << 20, "{} bytes found room", server.sent());
    }

    #[test]
    fn nobody_listens() {
        let (url, _socket) = refused_port();
        let address: SocketAddr = url.trim_start_matches("http://").trim_end_matches("/token").parse().expect("an address");
        assert_eq!(TcpStream::connect(address).expect_err("nobody").kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn requests_at_the_same_time_are_counted() {
        let server = HostileServer::always(Answer::hang());
        let streams = [(); 3].map(|()| {
            let mut stream = connect(&server);
            stream.write_all(FORM.as_bytes()).expect("sent");
            stream
        });
        while server.in_flight() < 3 {
            std::thread::yield_now();
        }
        drop(streams);
        while server.in_flight() > 0 {
            std::thread::yield_now();
        }
        assert_eq!((server.count(), server.most_in_flight()), (3, 3));
    }

    #[test]
    fn nobody_vouches_for_the_certificate() {
        let server = HostileServer::self_signed(Reply::token("t"));
        assert!(server.url().starts_with("https://"));
        // A record of TLS that is none is answered with an alert, and nothing of it is taken for a request.
        let answer = exchange(&server, FORM).expect("an answer");
        assert_eq!(answer.first(), Some(&21));
        assert_eq!(server.count(), 0);
    }

    #[test]
    fn a_bomb() {
        let bomb = gzip(&vec![b' '; 1 << 20]);
        assert!(bomb.len() < 2 << 10, "{} bytes", bomb.len());
    }
}
