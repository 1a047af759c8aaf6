//! The library above an HTTP client of one's own: here one that writes HTTP/1.1 to a socket of tokio, and asks a server in the same
//! program.
//!
//! A real one would speak TLS as well, and keep its connections.
#![expect(clippy::print_stdout, reason = "it prints")]

use std::error::Error;
use std::io;

use bytes::Bytes;
use client_credentials::{BoxFuture, Client, HttpClient, Limits, TransportError, TransportErrorKind};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

struct Sockets;

impl HttpClient for Sockets {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let late = |_| TransportError::new(TransportErrorKind::Timeout, "it took too long");
            timeout(limits.total, exchange(request, limits)).await.map_err(late)?
        })
    }
}

async fn exchange(request: Request<Bytes>, limits: Limits) -> Result<Response<Bytes>, TransportError> {
    let no_connection = |error: io::Error| TransportError::new(TransportErrorKind::Connect, error.to_string());
    let broken_off = |error: io::Error| TransportError::new(TransportErrorKind::Interrupted, error.to_string());
    let nonsense = |what: &str| TransportError::new(TransportErrorKind::Other, what);

    let address = request.uri().authority().ok_or_else(|| nonsense("no address"))?.as_str();
    let connecting = timeout(limits.connect, TcpStream::connect(address)).await;
    let mut socket = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(no_connection)?;

    let mut bytes =
        format!("{} {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n", request.method(), request.uri().path()).into_bytes();
    for (name, value) in request.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(format!("content-length: {}\r\n\r\n", request.body().len()).into_bytes());
    bytes.extend_from_slice(request.body());
    socket.write_all(&bytes).await.map_err(broken_off)?;

    // Never more than was allowed, whatever the server sends.
    let most = limits.max_body as u64 + 16 * 1024;
    let mut answer = Vec::new();
    socket.take(most).read_to_end(&mut answer).await.map_err(broken_off)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(|| nonsense("no HTTP"))?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or_else(|| nonsense("no status"))?;
    let mut response = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        response = response.header(name, value.trim());
    }
    let body = Bytes::copy_from_slice(&answer[end + 4..]);
    if body.len() > limits.max_body {
        return Err(TransportError::new(TransportErrorKind::TooLarge, "a large answer"));
    }
    // A redirect is an answer like any other, and goes back as it is.
    response.body(body).map_err(|error| nonsense(&error.to_string()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(authorization_server(listener));

    let client =
        Client::builder(format!("http://{address}/token"), "my-id", "my-secret").allow_http_on_loopback().http_client(Sockets).build()?;
    client.authorize().await?;
    println!("{}", client.status());
    server.await??;
    Ok(())
}

/// Answers one token request.
async fn authorization_server(listener: TcpListener) -> io::Result<()> {
    let (mut socket, _) = listener.accept().await?;
    let mut request = Vec::new();
    // The body of a request in JSON ends with a brace.
    while !request.ends_with(b"}") {
        if socket.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let body = r#"{"access_token":"t-1","token_type":"Bearer","expires_in":3600}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    socket.write_all(answer.as_bytes()).await?;
    socket.shutdown().await
}
