//! What the test kit's server leaves out: TLS that nobody vouches for, ports where nobody listens, and compressed bodies.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use client_credentials::testkit::{Answer, Reply, Request, Server as HostileServer};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A server behind TLS with a certificate that nobody but itself vouches for.
pub(crate) struct SelfSigned {
    server: HostileServer,
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl SelfSigned {
    pub(crate) fn new(answer: impl Into<Answer>) -> Self {
        let names = vec!["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string()];
        let own = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("known versions");
        let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).expect("the key of the certificate");
        let tls = TlsAcceptor::from(Arc::new(config));
        let server = HostileServer::always(answer);
        let behind = server.origin().trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("an address");
        let (stop, mut stopped) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                loop {
                    let accepted = tokio::select! {
                        accepted = listener.accept() => accepted,
                        _ = &mut stopped => return,
                    };
                    let (stream, _) = accepted.expect("a connection");
                    let (tls, behind) = (tls.clone(), behind.clone());
                    tokio::spawn(async move {
                        // A client that does not trust the certificate goes away here.
                        let Ok(mut stream) = tls.accept(stream).await else { return };
                        let Ok(mut server) = tokio::net::TcpStream::connect(behind).await else { return };
                        let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
                    });
                }
            });
        });
        Self { server, address, _stop: stop }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}/token", self.address)
    }

    pub(crate) fn count(&self) -> usize {
        self.server.count()
    }
}

/// The address of a server that does not speak TLS, as if it did.
pub(crate) fn as_tls(server: &HostileServer) -> String {
    server.url().replace("http://", "https://")
}

/// These bytes, compressed.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// A port that is taken by nobody who listens. It stays so while the socket lives.
pub(crate) fn refused_port() -> (String, TcpSocket) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    let address = socket.local_addr().expect("an address");
    (format!("http://{address}/token"), socket)
}

mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{Shutdown, TcpStream};

    use super::*;

    const FORM: &str = "POST /token?a=b HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 34\r\n\r\nclient_secret=a%2Bb+c&scope=orders";

    fn address(server: &HostileServer) -> SocketAddr {
        server.origin().trim_start_matches("http://").parse().expect("an address")
    }

    fn connect(server: &HostileServer) -> TcpStream {
        let stream = TcpStream::connect(address(server)).expect("a connection");
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
        assert_eq!(server.url(), format!("http://{}/token", address(&server)));
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
        let server = SelfSigned::new(Reply::token("t"));
        assert!(server.url().starts_with("https://"));
        // A record of TLS that is none is answered with an alert, and nothing of it is taken for a request.
        let mut stream = TcpStream::connect(server.address).expect("a connection");
        stream.write_all(FORM.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        assert_eq!(answer.first(), Some(&21));
        assert_eq!(server.count(), 0);
    }

    #[test]
    fn a_bomb() {
        let bomb = gzip(&vec![b' '; 1 << 20]);
        assert!(bomb.len() < 2 << 10, "{} bytes", bomb.len());
    }
}
