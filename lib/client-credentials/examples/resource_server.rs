//! Calls an API that refuses a token before it expires: `observe` drops the token, and the request is sent once more with a new one.
//!
//! Both servers run in this program, on a port that the system chooses.
#![expect(clippy::print_stdout, reason = "it prints")]

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use client_credentials::{Advice, BoxFuture, Client, Clock, Now, SystemClock};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let servers = Arc::new(Servers::default());
    let serving = tokio::spawn(serve(listener, Arc::clone(&servers)));

    let clock = Arc::new(Later::default());
    let client = Client::builder(format!("http://{address}/token"), "my-id", "my-secret")
        .allow_http_on_loopback()
        .allow_origin(format!("http://{address}"))
        .clock(Arc::clone(&clock))
        .build()?;
    let target: Uri = format!("http://{address}/orders").parse()?;

    println!("with a new token: {}", call(&client, &target).await?.body());

    // Half an hour later somebody revokes all tokens. The client cannot know: its token has an hour.
    clock.seconds.store(1800, Ordering::Relaxed);
    servers.revoke();
    println!("after it was revoked: {}", call(&client, &target).await?.body());

    // An API that accepts nothing gets one request: the token was just issued, and a new one would be refused as well.
    servers.revoke();
    let response = call(&client, &target).await?;
    println!("revoked again, at once: {}", response.status());

    println!("token requests: {}", servers.tokens.load(Ordering::Relaxed));
    serving.abort();
    Ok(())
}

/// Sends a request that may be sent twice.
async fn call(client: &Client, target: &Uri) -> Result<Response<String>, Box<dyn Error>> {
    let mut may_replay = true;
    loop {
        // Only for origins that were allowed: a token must not go to whoever an address happens to name.
        let token = client.authorization(target).await?;
        let response = get(target, token.header()).await?;
        match client.observe(&token, target, response.status(), response.headers()) {
            Advice::Replay if may_replay => may_replay = false,
            _ => return Ok(response),
        }
    }
}

/// What any HTTP client does.
async fn get(target: &Uri, authorization: &HeaderValue) -> Result<Response<String>, Box<dyn Error>> {
    let address = target.authority().ok_or("no address")?.as_str();
    let mut socket = TcpStream::connect(address).await?;
    let authorization = authorization.to_str()?;
    let request = format!("GET {} HTTP/1.1\r\nhost: {address}\r\nauthorization: {authorization}\r\n\r\n", target.path());
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP")?;
    let mut lines = head.lines();
    let status: StatusCode = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status")?.parse()?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        headers.insert(http::HeaderName::from_bytes(name.as_bytes())?, value.parse()?);
    }
    let mut response = Response::new(body.to_owned());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// An authorization server and an API.
#[derive(Default)]
struct Servers {
    tokens: AtomicU32,
    valid: Mutex<Option<String>>,
}

impl Servers {
    fn revoke(&self) {
        *self.valid.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    fn answer(&self, request: &str) -> String {
        let mut valid = self.valid.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (status, header, body) = if request.starts_with("POST /token ") {
            let token = format!("t-{}", self.tokens.fetch_add(1, Ordering::Relaxed) + 1);
            let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#);
            *valid = Some(token);
            ("200 OK", "content-type: application/json", body)
        } else if valid.as_ref().is_some_and(|token| request.contains(&format!("\r\nauthorization: Bearer {token}\r\n"))) {
            ("200 OK", "content-type: text/plain", "three orders".to_owned())
        } else {
            ("401 Unauthorized", r#"www-authenticate: Basic realm="old", Bearer error="invalid_token""#, String::new())
        };
        format!("HTTP/1.1 {status}\r\n{header}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }
}

async fn serve(listener: TcpListener, servers: Arc<Servers>) -> io::Result<()> {
    loop {
        let (mut socket, _) = listener.accept().await?;
        let mut request = Vec::new();
        // A GET ends with an empty line, a request in JSON with a brace.
        while !request.ends_with(if request.starts_with(b"GET") { &b"\r\n\r\n"[..] } else { b"}" }) {
            if socket.read_buf(&mut request).await? == 0 {
                break;
            }
        }
        let answer = servers.answer(&String::from_utf8_lossy(&request));
        socket.write_all(answer.as_bytes()).await?;
        socket.shutdown().await?;
    }
}

/// The system's clocks, some seconds later.
#[derive(Default)]
struct Later {
    seconds: AtomicU32,
}

impl Clock for Later {
    fn now(&self) -> Now {
        let later = std::time::Duration::from_secs(self.seconds.load(Ordering::Relaxed).into());
        let Now { wall, monotonic } = SystemClock.now();
        Now { wall: wall + later, monotonic: monotonic + later }
    }

    fn sleep(&self, duration: std::time::Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(duration)
    }
}
