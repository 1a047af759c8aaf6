//! Nothing that is printed has a secret or a token in it, whatever the other side says.

use std::collections::HashSet;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use client_credentials::{
    BasicEncoding, BodyFormat, BoxFuture, Client, ClientAuthentication, ClientBuilder, Credential, Error, ErrorKind, HttpClient, Limits,
    Secret, SecretProvider, SecretSource, TokenRequest, TransportError, TransportErrorKind,
};

use futures_util::FutureExt as _;
use tracing::Level;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::hostile_server::{Answer, HostileServer, Reply, Request, SelfSigned, as_tls, gzip, refused_port};
use crate::subjects::{QuickClock, Subject, With};

/// Long runs of letters and digits, which survive most ways of writing a text, with signs between them, which do not.
const SECRET: &str = r#"cAnArY7f3kQ9zX2n/+cAnArYm8xW4vB2h :%&"<'\=cAnArY6t1pL5rD0j"#;
/// Without the word that tells a careful reader what it is.
const TOKEN: &str = "aCcEsSCaNaRyH5j2N8s.w0Zq4R7yP3bL6kVc-Xe1U6i9oM2dGa5Fs";
/// What some services want in the address of their token endpoint.
const KEY: &str = "kEyCaNaRyT4g8J1w9Bz5Qy";
const ID: &str = "my-id";

/// Parts of what must not be seen. Whole needles would not find what was cut.
struct Needles {
    /// In lower case, since host names lose their case.
    plain: HashSet<Vec<u8>>,
    base64: HashSet<Vec<u8>>,
    /// Whether one begins with these two bytes in lower case. Few places of a text need a closer look.
    begins: Vec<bool>,
}

/// Lengths of the parts.
const PLAIN: usize = 8;
const BASE64: usize = 12;

impl Needles {
    fn new() -> Self {
        let runs = [SECRET, TOKEN, KEY].into_iter().flat_map(|text| text.split(|letter: char| !letter.is_ascii_alphanumeric()));
        let plain = runs.flat_map(|run| parts(&run.to_ascii_lowercase(), PLAIN)).collect();
        let encoded: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        let mut base64 = HashSet::new();
        for text in [format!("{ID}:{SECRET}"), format!("{ID}:{encoded}"), SECRET.to_owned(), TOKEN.to_owned()] {
            for shift in ["", "x", "xx"] {
                let all = BASE64_STANDARD.encode(format!("{shift}{text}"));
                // What encodes only what was put before it, and padding, is no secret.
                base64.extend(parts(&all[12..all.len() - 4], BASE64));
            }
        }
        let mut needles = Self { plain, base64, begins: vec![false; 1 << 16] };
        for part in needles.plain.iter().chain(&needles.base64) {
            needles.begins[begin(part)] = true;
        }
        needles
    }

    fn find(&self, text: &str) -> Option<String> {
        let (text, lower) = (text.as_bytes(), text.to_ascii_lowercase());
        let places = (0..text.len().saturating_sub(1)).filter(|place| self.begins[begin(&text[*place..])]);
        let found = places.into_iter().find_map(|place| {
            let plain = lower.as_bytes().get(place..place + PLAIN).filter(|part| self.plain.contains(*part));
            plain.or_else(|| text.get(place..place + BASE64).filter(|part| self.base64.contains(*part)))
        });
        found.map(|part| String::from_utf8_lossy(part).into_owned())
    }

    #[track_caller]
    fn check(&self, what: &str, text: &str) {
        if let Some(found) = self.find(text) {
            // The lines around it are enough of a long log.
            let lines = text.lines().filter(|line| self.find(line).is_some()).take(3).collect::<Vec<_>>().join("\n");
            panic!("{what}: {found:?} is seen in {}", if lines.is_empty() { text } else { &lines });
        }
    }

    /// Every way to print it.
    #[track_caller]
    fn check_debug(&self, what: &str, value: &impl Debug) {
        self.check(what, &format!("{value:?}"));
        self.check(what, &format!("{value:#?}"));
    }

    #[track_caller]
    fn check_error(&self, what: &str, error: &Error) {
        self.check(what, &error.to_string());
        self.check(what, &format!("{error:#}"));
        self.check_debug(what, error);
        let mut source = std::error::Error::source(error);
        while let Some(error) = source {
            self.check(what, &error.to_string());
            self.check_debug(what, &error);
            source = error.source();
        }
        let answers = error.answers().iter().filter_map(|answer| answer.oauth.as_ref());
        for oauth in error.oauth().into_iter().chain(answers) {
            self.check_debug(what, oauth);
            for word in [Some(oauth.code()), oauth.description(), oauth.uri()].into_iter().flatten() {
                self.check(what, word);
            }
        }
        error.answers().iter().for_each(|answer| self.check(what, &answer.text));
    }
}

fn parts(text: &str, length: usize) -> Vec<Vec<u8>> {
    text.as_bytes().windows(length).map(<[u8]>::to_vec).collect()
}

fn begin(part: &[u8]) -> usize {
    usize::from(part[0].to_ascii_lowercase()) << 8 | usize::from(part[1].to_ascii_lowercase())
}

#[test]
fn the_needles_find_what_they_should() {
    let needles = Needles::new();
    let encoded: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let check = |text: &str| assert!(needles.find(text).is_some(), "{text}");
    check(SECRET);
    check(TOKEN);
    check(&encoded);
    check(&SECRET.to_lowercase());
    check(&serde_json::json!(SECRET).to_string());
    check(&format!("{SECRET:?}"));
    check(&SECRET[..9]);
    check(&TOKEN[TOKEN.len() - 9..]);
    check(&BASE64_STANDARD.encode(format!("{ID}:{SECRET}")));
    check(&BASE64_STANDARD.encode(format!("{ID}:{encoded}")));
    check(&BASE64_STANDARD.encode(format!("user:{SECRET}")));
    check(&format!("{:?}", Bytes::from_static(SECRET.as_bytes())));
    assert_eq!(needles.find(&format!("nothing of {ID} at https://auth.example/token, nor cAnArY or {}", BASE64_STANDARD.encode(ID))), None);
}

fn html_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Every letter as it may stand in a URL, in the case that the library does not use.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        let _ = if byte.is_ascii_alphanumeric() { write!(all, "{}", char::from(byte)) } else { write!(all, "%{byte:02x}") };
        all
    })
}

type Echo = fn(&Request) -> String;
type Place = fn(&str) -> Answer;

/// Ways to repeat what was heard.
const ECHOES: &[(&str, Echo)] = &[
    ("as it was", |request| request.credentials()),
    ("escaped for HTML", |request| html_escaped(&request.credentials())),
    ("escaped for a URL", |request| percent_encoded(&request.credentials())),
    ("escaped for JSON", |request| serde_json::json!(request.credentials()).to_string().replace('/', "\\/")),
    ("in base64", |_| BASE64_STANDARD.encode(SECRET)),
    ("in capitals", |request| request.credentials().to_uppercase()),
    ("cut", |_| format!("client_secret={}...", &SECRET[..12])),
    ("again and again", |request| format!("{} ", request.credentials()).repeat(40)),
    ("at the place where it is cut", |_| format!("{}{SECRET}", "-".repeat(155))),
    ("at the place where it is read", |_| format!("{SECRET} {}{SECRET}", SECRET.repeat(33))),
];

/// Places to repeat it in.
const PLACES: &[(&str, Place)] = &[
    ("error", |words| Reply::error(400, words).into()),
    ("error_description", |words| said("invalid_client", words, 401).into()),
    ("error_description of a success", |words| said("invalid_scope", words, 200).into()),
    ("error_description of a hiccup", |words| said("slow_down", words, 400).into()),
    ("error_description of a gateway", |words| said("server_error", words, 503).into()),
    ("a page", |words| Reply::html(502, format!("<p>{words}")).into()),
    ("a page of a firewall", |words| Reply::html(403, format!("<p>{words}")).into()),
    ("a page of a success", |words| Reply::html(200, format!("<p>{words}")).into()),
    ("a page that is not found", |words| Reply::html(404, words).into()),
    ("a page without a version", |words| Reply::html(505, words).into()),
    ("JSON of a gateway", |words| Reply::json(500, serde_json::json!({"detail": words, "message": words}).to_string()).into()),
    ("names of members", |words| Reply::json(200, serde_json::json!({words: 1}).to_string()).into()),
    ("half of JSON", |words| Reply::json(200, format!("{{\"access_token\":{}", serde_json::json!(words))).into()),
    ("access_token", |words| token_with("access_token", words).into()),
    ("token_type", |words| token_with("token_type", words).into()),
    ("a list of types", |words| Reply::json(200, serde_json::json!({"access_token": TOKEN, "token_type": [words]}).to_string()).into()),
    ("expires_in", |words| token_with("expires_in", words).into()),
    ("scope", |words| token_with("scope", words).into()),
    ("other members", |words| token_with("note", words).into()),
    ("a status", |words| Answer::raw(format!("HTTP/1.1 {words}\r\nContent-Length: 0\r\n\r\n"))),
    ("a reason", |words| Answer::raw(format!("HTTP/1.1 502 {words}\r\nContent-Length: 0\r\n\r\n"))),
    ("no HTTP", |words| Answer::raw(format!("{words}\r\n\r\n"))),
    ("the name of a header", |words| Answer::raw(format!("HTTP/1.1 200 OK\r\n{words}: 1\r\nContent-Length: 0\r\n\r\n"))),
    ("the length", |words| Answer::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {words}\r\n\r\n"))),
    ("the size of a chunk", |words| Answer::raw(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{words}\r\n"))),
    ("Location", |words| Reply::redirect(307, words).into()),
    ("a path", |words| Reply::redirect(302, &format!("https://elsewhere.example/{words}?{words}")).into()),
    ("the host", |_| Reply::redirect(302, &format!("https://{}.example/", &SECRET[..14])).into()),
    ("a user", |words| Reply::redirect(308, &format!("https://user:{}@elsewhere.example/", percent_encoded(words))).into()),
    ("the scheme", |_| Reply::redirect(301, &format!("{}://elsewhere.example/", &SECRET[..14])).into()),
    ("a challenge", |words| Reply::error(401, "invalid_client").header("WWW-Authenticate", format!("Basic realm=\"{words}\"")).into()),
    ("Retry-After", |words| Reply::new(429).header("Retry-After", words).into()),
    ("Content-Type", |words| Reply::new(200).header("Content-Type", words).body("{").into()),
    ("Content-Encoding", |words| Reply::json(200, "").header("Content-Encoding", words).body(gzip(words.as_bytes())).into()),
    ("a large body", |words| Reply::html(500, words).times(1 + (300 << 10) / words.len()).chunked().into()),
    ("half of a body", |words| Reply::html(502, words).close_mid_body()),
];

fn said(code: &str, words: &str, status: u16) -> Reply {
    Reply::json(status, serde_json::json!({"error": code, "error_description": words, "error_uri": words}).to_string())
}

fn token_with(member: &str, value: &str) -> Reply {
    let mut answer = serde_json::json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600});
    answer[member] = value.into();
    Reply::json(200, answer.to_string())
}

/// Tokens in answers that are none.
fn spilt_tokens() -> Vec<Answer> {
    let good = serde_json::json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}).to_string();
    let mut answers: Vec<Answer> = [200, 201, 204, 302, 400, 401, 403, 404, 418, 429, 500, 501, 502, 503]
        .into_iter()
        .flat_map(|status| {
            [
                Reply::json(status, good.clone()),
                Reply::html(status, format!("<html><pre>{good}")),
                Reply::html(status, format!("{good} and more")),
                Reply::json(status, format!("[{good}]")),
                Reply::json(status, &good[..good.len() - 5]),
                Reply::html(status, format!("<p>{}{TOKEN}", "a few words ".repeat(12))),
                Reply::json(status, serde_json::json!({"accessToken": TOKEN}).to_string()),
                Reply::json(status, serde_json::json!({"result": {"jwt": TOKEN}}).to_string()),
                Reply::new(status).header("Content-Type", "text/plain").body(format!("access_token={TOKEN}&token_type=bearer")),
                Reply::new(status).header("Content-Type", "text/plain").body(TOKEN),
                Reply::json(status, serde_json::json!({"error": TOKEN, "access_token": TOKEN}).to_string()),
            ]
        })
        .map(Answer::from)
        .collect();
    answers.extend(
        [
            token_with("token_type", "mac"),
            token_with("token_type", TOKEN),
            token_with("access_token", &format!("{TOKEN}\r\nX: y")),
            token_with("access_token", &format!("{TOKEN} é")),
            token_with("error", "invalid_client"),
            Reply::json(200, good.replace('{', &format!("{{\"access_token\":\"{TOKEN}\","))),
            Reply::json(200, good.clone()).header("Set-Cookie", TOKEN).header("Location", TOKEN).status(307),
        ]
        .map(Answer::from),
    );
    answers.extend([Reply::json(200, good.clone()).close_mid_body(), Reply::json(200, good).reset_mid_body()]);
    answers
}

/// Each way to send the secret.
const METHODS: &[(BodyFormat, ClientAuthentication)] = &[
    (BodyFormat::Auto, ClientAuthentication::SecretPost),
    (BodyFormat::Form, ClientAuthentication::SecretPost),
    (BodyFormat::Form, ClientAuthentication::SecretBasic(BasicEncoding::FormUrlEncoded)),
    (BodyFormat::Json, ClientAuthentication::SecretBasic(BasicEncoding::Raw)),
];

fn builder(url: &str, clock: &QuickClock) -> ClientBuilder {
    Client::builder(format!("{url}?key={KEY}"), ID, SECRET)
        .allow_http_on_loopback()
        .attempt_timeout(Duration::from_secs(1000))
        .deadline(Duration::from_secs(1000))
        .clock(clock.clone())
}

/// Asks twice, and looks at all there is to see.
fn look(what: &str, needles: &Needles, with: With, clock: &QuickClock, builder: ClientBuilder) -> Option<ErrorKind> {
    needles.check_debug(what, &builder);
    let subject = Subject::build(with, builder).expect("a client");
    let mut events = subject.subscribe();
    let mut kind = None;
    for _ in 0..2 {
        match subject.token() {
            Ok(token) => needles.check_debug(what, &token),
            Err(error) => {
                needles.check_error(what, &error);
                kind = Some(error.kind());
            }
        }
        needles.check_debug(what, &subject);
        needles.check_debug(what, &subject.status());
        needles.check(what, &subject.status().to_string());
        needles.check_debug(what, &subject.headers());
        subject.error_fields().iter().flatten().for_each(|words| needles.check(what, words));
        needles.check_debug(what, &events);
        while let Some(event) = events.try_next() {
            needles.check_debug(what, &event);
        }
        clock.advance(Duration::from_secs(3600));
    }
    if let Some(token) = subject.access_token() {
        let mut headers = http::HeaderMap::new();
        let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{}\"", token.access_token());
        headers.insert("www-authenticate", challenge.parse().expect("a header"));
        needles.check_debug(
            what,
            &subject.observe(&token, &http::Uri::from_static("https://api.example"), http::StatusCode::UNAUTHORIZED, &headers),
        );
        while let Some(event) = events.try_next() {
            needles.check_debug(what, &event);
        }
    }
    kind
}

#[test]
fn servers_that_repeat_what_they_heard() {
    let needles = Needles::new();
    let logged = logged(Level::INFO, || {
        for &with in With::ALL {
            for (number, (way, echo)) in ECHOES.iter().enumerate() {
                for (other, (place, answer)) in PLACES.iter().enumerate() {
                    // Who reads an answer has no part in what is made of it, so that one way is enough for the others.
                    if with != With::Reqwest && number > 0 {
                        continue;
                    }
                    // Each way and each place sees each method.
                    let (format, authentication) = METHODS[(number + other) % METHODS.len()];
                    let what = format!("{way}, in {place} ({with:?}, {format:?}, {authentication:?})");
                    let server = HostileServer::always(Answer::made(move |request| answer(&echo(request))));
                    let clock = QuickClock::default();
                    let builder = builder(&server.url(), &clock).body_format(format).authentication(authentication);
                    look(&what, &needles, with, &clock, builder);
                    assert!(server.count() > 0, "{what}");
                }
            }
        }
    });
    needles.check("logs", &logged);
}

#[test]
fn tokens_where_none_should_be() {
    let needles = Needles::new();
    let logged = logged(Level::TRACE, || {
        for &with in With::ALL {
            for (number, answer) in spilt_tokens().into_iter().enumerate() {
                let server = HostileServer::always(answer);
                let clock = QuickClock::default();
                look(&format!("answer {number} ({with:?})"), &needles, with, &clock, builder(&server.url(), &clock));
            }
        }
    });
    needles.check("logs", &logged);
}

#[test]
fn every_kind_of_error() {
    let needles = Needles::new();
    let mut kinds = HashSet::new();
    let logged = logged(Level::TRACE, || {
        for &with in With::ALL {
            let clock = QuickClock::default();
            let mut see = |what: &str, builder: ClientBuilder| kinds.extend(look(what, &needles, with, &clock, builder));
            let always = |answer: Answer| HostileServer::always(answer);

            let server = always(Reply::token(TOKEN).into());
            see("no error", builder(&server.url(), &clock));
            see("too little", builder(&server.url(), &clock).scope("a b").require_scopes(["b"]));
            let server = always(token_with("scope", "a").into());
            see("too little", builder(&server.url(), &clock).scope("a b").require_scopes(["b"]));
            let server = always(Reply::error(401, "invalid_client").into());
            see("OAuth", builder(&server.url(), &clock));
            let server = always(Reply::html(503, "<h1>Later").into());
            see("Http", builder(&server.url(), &clock));
            let server = always(Reply::json(200, "{}").into());
            see("InvalidResponse", builder(&server.url(), &clock));
            let server = always(token_with("token_type", "mac").into());
            see("UnsupportedTokenType", builder(&server.url(), &clock));
            for answer in [Answer::close(), Answer::reset(), Reply::token(TOKEN).reset_mid_body(), Answer::raw("\0")] {
                let server = always(answer);
                see("Transport", builder(&server.url(), &clock));
            }
            let server = SelfSigned::new(Reply::token(TOKEN));
            see("a certificate", builder(&server.url(), &clock));
            let server = HostileServer::always(Answer::raw(format!("{TOKEN}\r\n\r\n")).at_accept());
            see("no TLS", builder(&as_tls(&server), &clock));
            let (url, _socket) = refused_port();
            see("nobody", builder(&url, &clock));
            see("no name", builder("https://auth.invalid/token", &clock));
            let server = always(Answer::hang());
            let quick = Duration::from_millis(20);
            see("too late", builder(&server.url(), &clock).clock(client_credentials::SystemClock).deadline(quick));
            see("too slow", builder(&server.url(), &clock).clock(client_credentials::SystemClock).attempt_timeout(quick));
            see(
                "no secret",
                builder_with("http://127.0.0.1:1/token", SecretSource::environment("NO_SUCH_VARIABLE_7f3k")).clock(clock.clone()),
            );
        }
    });
    needles.check("logs", &logged);
    for kind in [
        ErrorKind::OAuth,
        ErrorKind::Http,
        ErrorKind::InvalidResponse,
        ErrorKind::UnsupportedTokenType,
        ErrorKind::ScopeDowngrade,
        ErrorKind::Transport,
        ErrorKind::Timeout,
        ErrorKind::Secret,
    ] {
        assert!(kinds.contains(&kind), "{kind:?} was not seen");
    }
}

fn builder_with(url: &str, secret: impl Into<Credential>) -> ClientBuilder {
    Client::builder(url, ID, secret).allow_http_on_loopback()
}

#[test]
fn errors_before_anything_is_sent() {
    let needles = Needles::new();
    let check = |what: &str, builder: ClientBuilder, expected: ErrorKind| {
        needles.check_debug(what, &builder);
        let error = builder.build().expect_err(what);
        assert_eq!(error.kind(), expected, "{what}: {error}");
        needles.check_error(what, &error);
    };
    let good = "https://auth.example/token";
    for url in [
        format!("https://{ID}:{TOKEN}@auth.example/token"),
        format!("https://auth.example/token?key={KEY}#x"),
        format!("https://auth.example/token?key={KEY} x"),
        format!("http://auth.example/token?key={KEY}"),
        format!("http://127.0.0.1@{KEY}/"),
        format!("ftp://auth.example/{KEY}"),
        KEY.to_owned(),
        SECRET.to_owned(),
    ] {
        check(&url, builder_with(&url, SECRET), ErrorKind::Configuration);
    }
    for letter in ["\n", "\0", "é", "\u{7f}"] {
        check("letters", builder_with(good, format!("{SECRET}{letter}")), ErrorKind::Configuration);
    }
    check("reserved", builder_with(good, SECRET).parameter("client_secret", SECRET), ErrorKind::Configuration);
    check("twice", builder_with(good, SECRET).parameter("key", KEY).parameter("key", KEY), ErrorKind::Configuration);

    let client = builder_with(good, SECRET).build().expect("a client");
    needles.check_error("user info", &client.user_info().expect_err("never"));
    let target = format!("https://{ID}:{TOKEN}@api.example/{KEY}?{KEY}").parse().expect("a URI");
    needles.check_error("origin", &client.authorization(&target).now_or_never().expect("at once").expect_err("not allowed"));
    needles.check_debug("the secret", &Secret::from(SECRET));
    for source in [SecretSource::from(SECRET), SecretSource::from(SECRET.to_owned()), SecretSource::from(Secret::from(SECRET))] {
        needles.check_debug("its source", &source);
    }
    needles.check_debug("a parameter", &TokenRequest::new().parameter("key", KEY));
    needles.check_debug("a parameter", &builder_with(good, SECRET).parameter("key", KEY).build().expect("a client"));
}

/// What an HTTP client of the caller's does.
enum Careless {
    Panics,
    PanicsLater,
    Fails(TransportErrorKind),
    Answers,
}

impl HttpClient for Careless {
    fn send(&self, request: http::Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let heard = format!("{request:?} {:?} {SECRET} {}", request.headers().get("authorization"), BASE64_STANDARD.encode(request.body()));
        match self {
            Self::Panics => panic!("{heard}"),
            Self::PanicsLater => Box::pin(async move { panic!("{heard}") }),
            Self::Fails(kind) => {
                let error = TransportError::new(*kind, heard);
                Box::pin(async move { Err(error) })
            }
            Self::Answers => Box::pin(async move {
                let response = http::Response::builder().status(500).header("location", "x").body(Bytes::from(heard));
                Ok(response.expect("a response"))
            }),
        }
    }
}

#[test]
fn http_clients_that_say_too_much() {
    let needles = Needles::new();
    let check = |what: &str, careless: fn() -> Careless, expected: ErrorKind| {
        for &with in With::ALL {
            for &(format, authentication) in METHODS {
                let clock = QuickClock::default();
                let builder = builder("https://auth.example/token", &clock).body_format(format).authentication(authentication);
                let kind = look(what, &needles, with, &clock, builder.http_client(careless()));
                assert_eq!(kind, Some(expected), "{what} ({with:?})");
            }
        }
    };
    let logged = logged(Level::TRACE, || {
        check("panics", || Careless::Panics, ErrorKind::Panicked);
        check("panics later", || Careless::PanicsLater, ErrorKind::Panicked);
        check("connect", || Careless::Fails(TransportErrorKind::Connect), ErrorKind::Transport);
        check("tls", || Careless::Fails(TransportErrorKind::Tls), ErrorKind::Transport);
        check("timeout", || Careless::Fails(TransportErrorKind::Timeout), ErrorKind::Transport);
        check("interrupted", || Careless::Fails(TransportErrorKind::Interrupted), ErrorKind::Transport);
        check("redirect", || Careless::Fails(TransportErrorKind::Redirect), ErrorKind::Transport);
        check("too large", || Careless::Fails(TransportErrorKind::TooLarge), ErrorKind::InvalidResponse);
        check("other", || Careless::Fails(TransportErrorKind::Other), ErrorKind::Transport);
        check("answers", || Careless::Answers, ErrorKind::Http);
    });
    needles.check("logs", &logged);
}

/// Whether the request itself can be printed without its header.
#[test]
fn the_header_is_sensitive() {
    struct Looks(Arc<Mutex<Vec<bool>>>);
    impl HttpClient for Looks {
        fn send(&self, request: http::Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
            self.0.lock().expect("no panic").push(request.headers()["authorization"].is_sensitive());
            let body = format!(r#"{{"access_token":"{TOKEN}","token_type":"Bearer","expires_in":3600}}"#);
            Box::pin(async move { Ok(http::Response::new(Bytes::from(body))) })
        }
    }
    for encoding in [BasicEncoding::Raw, BasicEncoding::FormUrlEncoded] {
        let seen = Arc::default();
        let builder = builder_with("https://auth.example/token", SECRET).authentication(ClientAuthentication::SecretBasic(encoding));
        let client = builder.http_client(Looks(Arc::clone(&seen))).build().expect("a client");
        let token = client.token().now_or_never().expect("at once").expect("a token");
        assert!(token.header().is_sensitive() && client.headers()["authorization"].is_sensitive());
        assert_eq!(*seen.lock().expect("no panic"), [true]);
    }
}

/// What a provider of the caller's does.
enum Provider {
    Panics,
    PanicsLater,
    Unfit,
}

impl SecretProvider for Provider {
    fn secret(&self) -> BoxFuture<'_, Result<Secret, String>> {
        match self {
            Self::Panics => panic!("the vault said {SECRET}"),
            Self::PanicsLater => Box::pin(async { panic!("the vault said {SECRET}") }),
            Self::Unfit => Box::pin(async { Ok(Secret::from(format!("{SECRET}\n{TOKEN}"))) }),
        }
    }
}

#[test]
fn providers_that_say_too_much() {
    let needles = Needles::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secret");
    std::fs::write(&path, format!("{SECRET}\nsecond line {TOKEN}\n")).expect("written");
    let bytes = folder.path().join("bytes");
    std::fs::write(&bytes, [SECRET.as_bytes(), b"\xff\xfe"].concat()).expect("written");
    let check = |what: &str, source: &dyn Fn() -> SecretSource, expected: ErrorKind| {
        for &with in With::ALL {
            let clock = QuickClock::default();
            let builder = builder_with("https://auth.example/token", source()).clock(clock.clone());
            assert_eq!(look(what, &needles, with, &clock, builder), Some(expected), "{what} ({with:?})");
        }
    };
    let logged = logged(Level::TRACE, || {
        check("panics", &|| SecretSource::provider(Provider::Panics), ErrorKind::Panicked);
        check("panics later", &|| SecretSource::provider(Provider::PanicsLater), ErrorKind::Panicked);
        check("unfit", &|| SecretSource::provider(Provider::Unfit), ErrorKind::Secret);
        check("two lines", &|| SecretSource::file(&path), ErrorKind::Secret);
        check("bytes", &|| SecretSource::file(&bytes), ErrorKind::Secret);
    });
    needles.check("logs", &logged);
}

/// What is logged meanwhile on this thread, by the library and by what it is made of.
///
/// Two things are left out. What ureq is made of dumps all that goes over the wire when it is traced, and nothing but its level prevents
/// that; and ureq, at `DEBUG`, tells an
/// answer's `Content-Type`, whatever a server writes there.
fn logged(ureq: Level, work: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    // Once for all tests of the program.
    let _ = tracing_log::LogTracer::init();
    let lines = Lines::default();
    let writer = lines.clone();
    let all = Targets::new().with_default(Level::TRACE).with_target("ureq_proto", Level::DEBUG).with_target("ureq", ureq);
    let printed = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(printed.with_filter(all)), work);
    let bytes = lines.0.lock().expect("no panic").clone();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(feature = "tracing")]
#[test]
fn logs_are_seen() {
    let logged = logged(Level::TRACE, || {
        let server = HostileServer::always(Reply::error(401, "invalid_client"));
        let clock = QuickClock::default();
        let subject = Subject::build(With::Reqwest, builder(&server.url(), &clock)).expect("a client");
        subject.token().expect_err("refused");
    });
    assert!(logged.contains("invalid_client") && logged.contains("client_credentials"), "{logged}");
}

/// Answers everything with all that it heard, as an error or as a token.
#[cfg(feature = "jwt")]
#[derive(Clone, Default)]
struct Parrot {
    heard: Arc<Mutex<Vec<String>>>,
    with_token: bool,
}

#[cfg(feature = "jwt")]
impl HttpClient for Parrot {
    fn send(&self, request: http::Request<Bytes>, _limits: Limits) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let headers = request.headers().iter().filter(|(name, _)| matches!(name.as_str(), "authorization" | "dpop"));
        let mut heard: Vec<String> = headers.map(|(_, value)| value.to_str().expect("a text").to_owned()).collect();
        let secrets = ["client_secret", "client_assertion", "token"];
        let fields = form_urlencoded::parse(request.body()).into_owned().filter(|(name, _)| secrets.contains(&name.as_str()));
        heard.extend(fields.map(|(_, value)| value));
        let words = format!("{} {}", heard.join(" "), String::from_utf8_lossy(request.body()));
        self.heard.lock().expect("no panic").extend(heard);
        let body = match request.uri().path() {
            "/token" if self.with_token => {
                serde_json::json!({"access_token": TOKEN, "token_type": "DPoP", "expires_in": 3600, "scope": words})
            }
            _ => serde_json::json!({"error": "invalid_client", "error_description": words, "error_uri": words}),
        };
        let status = if body.get("error").is_some() { 401 } else { 200 };
        let answer = http::Response::builder().status(status).body(Bytes::from(body.to_string())).expect("an answer");
        Box::pin(std::future::ready(Ok(answer)))
    }
}

/// What of a text is worth something: of what is signed, the signature.
#[cfg(feature = "jwt")]
fn worth(text: &str) -> Vec<String> {
    let text = text.rsplit(['.', ' ']).next().unwrap_or_default().to_ascii_lowercase();
    text.as_bytes().windows(12).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

#[cfg(feature = "jwt")]
#[test]
fn signatures_and_proofs_are_seen_nowhere() {
    use client_credentials::{Algorithm, MacAlgorithm, SigningKey};

    let key = || SigningKey::generate(Algorithm::ES256).expect("a key");
    let pem = crate::jose::pem("PRIVATE KEY", &rcgen::KeyPair::generate().expect("a key").serialize_der());
    let assertion = "aSsErTiOn.cAnArY.bFq7Zk2Wn9Xc4Vt8Rm3Lp";
    let ways: [(ClientAuthentication, Credential); 4] = [
        (ClientAuthentication::SecretJwt(MacAlgorithm::HS256), SECRET.into()),
        (ClientAuthentication::PrivateKeyJwt, SigningKey::from_pem(&pem).expect("a key").key_id("key-1").into()),
        (ClientAuthentication::Assertion, Credential::assertion(assertion)),
        (ClientAuthentication::SecretPost, SECRET.into()),
    ];
    let mut printed = String::new();
    let mut heard = vec![assertion.to_owned(), SECRET.to_owned(), TOKEN.to_owned()];
    let logs = logged(Level::TRACE, || {
        for ((way, credential), with_token) in ways.into_iter().flat_map(|way| [(way.clone(), false), (way, true)]) {
            let parrot = Parrot { heard: Arc::default(), with_token };
            let builder = Client::builder("https://auth.example/token", ID, credential.clone())
                .authentication(way)
                .body_format(BodyFormat::Form)
                .dpop(key())
                .revocation_endpoint("https://auth.example/revoke")
                .introspection_endpoint("https://auth.example/introspect")
                .allow_origin("https://api.example")
                .http_client(parrot.clone());
            let show = |printed: &mut String, value: &dyn Debug| writeln!(printed, "{value:?} {value:#?}").expect("memory");
            show(&mut printed, &(&builder, &credential, &key()));
            let client = builder.build().expect("a client");
            let mut events = client.subscribe();
            let target = http::Uri::from_static("https://api.example/orders");
            let results = futures_util::FutureExt::now_or_never(async {
                let token = client.token().await;
                let headers = client.authorization_headers(&http::Method::GET, &target).await;
                let introspected = client.introspect(TOKEN).await;
                let revoked = match &token {
                    Ok(token) => client.revoke(token).await,
                    Err(error) => Err(error.clone()),
                };
                (token, headers, introspected, revoked)
            });
            let (token, headers, introspected, revoked) = results.expect("nobody waits");
            assert_eq!(token.is_ok(), with_token, "{token:?}");
            let errors = [token.as_ref().err(), headers.as_ref().err(), introspected.as_ref().err(), revoked.as_ref().err()];
            for error in errors.into_iter().flatten() {
                write!(printed, "{error} {error:#} {error:?} {error:#?} ").expect("memory");
                let words = error.oauth().map(|oauth| format!("{} {:?} {:?}\n", oauth.code(), oauth.description(), oauth.uri()));
                printed.extend(words);
            }
            show(&mut printed, &(&token, &headers, &introspected, &revoked));
            show(&mut printed, &(&client, client.status(), client.headers()));
            while let Some(event) = events.try_next() {
                show(&mut printed, &event);
            }
            let proof = headers.iter().filter_map(|headers| headers["dpop"].to_str().ok());
            heard.extend(proof.map(ToOwned::to_owned));
            heard.extend(parrot.heard.lock().expect("no panic").drain(..));
        }
    });
    heard.push(pem.lines().nth(1).expect("the key").to_owned());
    assert!(heard.len() > 30, "{}", heard.len());
    printed.push_str(&logs);
    let printed = printed.to_ascii_lowercase();
    for text in heard {
        for part in worth(&text) {
            assert!(!printed.contains(&part), "{part:?} of {text:?} is seen");
        }
    }
}
