//! The contract, kept with real authorization servers: every server, authentication method and body format; and what servers make of
//! tokens that are bound to a key or a certificate, or are for a resource.
//!
//! `cargo xtask test` installs the servers, whose programs are in `tests/peers`, and starts them. What came of each combination is
//! compared with the tables here, and printed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client_credentials::{
    Advice, Algorithm, AssertionAudience, AssertionPolicy, BasicEncoding, BodyFormat, Client, ClientAuthentication, ClientBuilder,
    ClientCertificate, Clock, Credential, Error, ErrorKind, MacAlgorithm, OAuthError, Profile, SigningKey, SystemClock, Token,
    TokenRequest, TokenType,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Token endpoints of the servers by their names, as JSON; `cargo xtask test` sets it.
const ENDPOINTS: &str = "CLIENT_CREDENTIALS_TEST_PEERS";

/// The folder with the keys and certificates that the servers know; `cargo xtask test` makes them.
const KEYS: &str = "CLIENT_CREDENTIALS_TEST_KEYS";

/// What the servers know of their clients; `serve.mjs` and `serve.py` have the same. The characters are those that encodings differ in.
const SECRET: &str = "p@ss/+ :%&=";
/// Long enough for HMAC with SHA-256.
const LONG_SECRET: &str = "p@ss/+ :%&= and thirty-two bytes in all";
const LIFETIME: Duration = Duration::from_secs(600);
const SHORT_LIFETIME: Duration = Duration::from_secs(4);
/// What a server may lose of it by rounding.
const ROUNDING: Duration = Duration::from_secs(1);

/// An authentication method, with the client that is registered for it.
struct Way {
    name: &'static str,
    client: &'static str,
    authentication: ClientAuthentication,
    /// What the client proves with who it is, and something that it is not.
    credential: fn() -> Credential,
    wrong: fn() -> Credential,
}

const METHODS: [Way; 5] = [
    Way {
        name: "post",
        client: "orders-post",
        authentication: ClientAuthentication::SecretPost,
        credential: || SECRET.into(),
        wrong: || "wrong".into(),
    },
    Way {
        name: "basic",
        client: "orders-basic",
        authentication: ClientAuthentication::SecretBasic(BasicEncoding::FormUrlEncoded),
        credential: || SECRET.into(),
        wrong: || "wrong".into(),
    },
    Way {
        name: "basic-raw",
        client: "orders-basic",
        authentication: ClientAuthentication::SecretBasic(BasicEncoding::Raw),
        credential: || SECRET.into(),
        wrong: || "wrong".into(),
    },
    Way {
        name: "secret-jwt",
        client: "orders-secret-jwt",
        authentication: ClientAuthentication::SecretJwt(MacAlgorithm::HS256),
        credential: || LONG_SECRET.into(),
        wrong: || "wrong, although it is long enough for it".into(),
    },
    Way {
        name: "key-jwt",
        client: "orders-key",
        authentication: ClientAuthentication::PrivateKeyJwt,
        credential: || key("es256").into(),
        wrong: || SigningKey::generate(Algorithm::ES256).expect("a key").key_id("es256").into(),
    },
];

/// A file of the folder with keys and certificates.
fn key_file(name: &str) -> String {
    let folder = std::env::var_os(KEYS).unwrap_or_else(|| panic!("{KEYS} is set beside {ENDPOINTS}"));
    std::fs::read_to_string(std::path::Path::new(&folder).join(name)).expect("a file")
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_pem(&key_file(&format!("{name}.pem"))).expect("a key").key_id(name)
}

fn certificate() -> ClientCertificate {
    ClientCertificate::from_pem(key_file("client.crt"), key_file("es256.pem")).expect("a certificate")
}

const FORMATS: [(&str, BodyFormat); 3] = [("auto", BodyFormat::Auto), ("json", BodyFormat::Json), ("form", BodyFormat::Form)];

struct Peer {
    name: &'static str,
    /// Why it refuses what it refuses, after its name.
    why: &'static str,
    /// What comes of each of [`METHODS`] in each of [`FORMATS`]: the format that led to a token, or the answers to all that were tried.
    cells: [[&'static str; 3]; 5],
    /// What comes of each of [`BINDINGS`].
    bindings: [&'static str; 7],
    /// What it says of a wrong secret; `Err`: it knows no wrong ones.
    invalid_client: Result<Option<&'static str>, ()>,
    /// What it says of an unknown scope; `None`: it takes any.
    unknown_scope: Option<&'static str>,
}

const OIDC_PROVIDER: Peer = Peer {
    name: "oidc-provider",
    why: "takes forms only, and decodes Basic as RFC 6749 says",
    cells: [
        ["form", "400 invalid_request", "form"],
        ["form", "400 invalid_request", "form"],
        ["400 invalid_request, 400 invalid_request", "400 invalid_request", "400 invalid_request"],
        ["form", "400 invalid_request", "form"],
        ["form", "400 invalid_request", "form"],
    ],
    bindings: ["DPoP", "DPoP", "401 invalid_client", "401 invalid_client", "Bearer", "400 invalid_target", "Bearer, details not told"],
    invalid_client: Ok(Some("client authentication failed")),
    // It leaves such scopes out, and does not say so.
    unknown_scope: None,
};

const OIDC_PROVIDER_TLS: Peer = Peer {
    name: "oidc-provider-tls",
    why: "is the same by https, and asks for certificates",
    bindings: ["DPoP", "DPoP", "Bearer", "Bearer", "Bearer", "400 invalid_target", "Bearer, details not told"],
    ..OIDC_PROVIDER
};

const OAUTH2_MOCK_SERVER: Peer = Peer {
    name: "oauth2-mock-server",
    why: "takes everything from everybody",
    cells: [
        ["JSON", "JSON", "form"],
        ["JSON", "JSON", "form"],
        ["JSON", "JSON", "form"],
        ["JSON", "JSON", "form"],
        ["JSON", "JSON", "form"],
    ],
    bindings: ["Bearer, refused", "Bearer, refused", "Bearer", "Bearer", "Bearer", "Bearer", "Bearer, details not told"],
    invalid_client: Err(()),
    unknown_scope: None,
};

const EXPRESS_OAUTH_SERVER: Peer = Peer {
    name: "express-oauth-server",
    why: "takes forms only, and does not decode Basic",
    cells: [
        ["form", "400 invalid_request", "form"],
        ["400 invalid_request, 401 invalid_client", "400 invalid_request", "401 invalid_client"],
        ["form", "400 invalid_request", "form"],
        ["400 invalid_request, 400 invalid_client", "400 invalid_request", "400 invalid_client"],
        ["400 invalid_request, 400 invalid_client", "400 invalid_request", "400 invalid_client"],
    ],
    bindings: [
        "Bearer, refused",
        "Bearer, refused",
        "400 invalid_client",
        "400 invalid_client",
        "Bearer",
        "Bearer",
        "Bearer, details not told",
    ],
    invalid_client: Ok(Some("Invalid client: client is invalid")),
    unknown_scope: Some("invalid_scope"),
};

const AUTHLIB: Peer = Peer {
    name: "authlib",
    why: "takes forms only, and does not decode Basic",
    cells: [
        ["form", "400 unsupported_grant_type", "form"],
        ["400 unsupported_grant_type, 401 invalid_client", "400 unsupported_grant_type", "401 invalid_client"],
        ["form", "400 unsupported_grant_type", "form"],
        ["form", "400 unsupported_grant_type", "form"],
        ["form", "400 unsupported_grant_type", "form"],
    ],
    bindings: [
        "Bearer, refused",
        "Bearer, refused",
        "401 invalid_client",
        "401 invalid_client",
        "Bearer",
        "Bearer",
        "Bearer, details not told",
    ],
    invalid_client: Ok(Some(
        "The client cannot authenticate with methods: ['client_secret_basic', 'client_secret_post', 'client_assertion_jwt']",
    )),
    unknown_scope: Some("invalid_scope"),
};

const DJANGO_OAUTH_TOOLKIT: Peer = Peer {
    name: "django-oauth-toolkit",
    why: "takes forms only, and decodes Basic as RFC 6749 says",
    cells: [
        ["form", "400 unsupported_grant_type", "form"],
        ["form", "400 unsupported_grant_type", "form"],
        ["400 unsupported_grant_type, 401 invalid_client", "400 unsupported_grant_type", "401 invalid_client"],
        ["400 unsupported_grant_type, 401 invalid_client", "400 unsupported_grant_type", "401 invalid_client"],
        ["400 unsupported_grant_type, 401 invalid_client", "400 unsupported_grant_type", "401 invalid_client"],
    ],
    bindings: [
        "Bearer, refused",
        "Bearer, refused",
        "401 invalid_client",
        "401 invalid_client",
        "Bearer",
        "Bearer",
        "Bearer, details not told",
    ],
    invalid_client: Ok(None),
    unknown_scope: Some("invalid_scope"),
};

const DJANGO_OAUTH_TOOLKIT_JSON: Peer = Peer {
    name: "django-oauth-toolkit-json",
    why: "(JSONOAuthLibCore) takes JSON only, and decodes Basic as RFC 6749 says",
    cells: [
        ["JSON", "JSON", "400 unsupported_grant_type"],
        ["JSON", "JSON", "400 unsupported_grant_type"],
        ["401 invalid_client, 400 unsupported_grant_type", "401 invalid_client", "400 unsupported_grant_type"],
        ["401 invalid_client, 400 unsupported_grant_type", "401 invalid_client", "400 unsupported_grant_type"],
        ["401 invalid_client, 400 unsupported_grant_type", "401 invalid_client", "400 unsupported_grant_type"],
    ],
    bindings: [
        "Bearer, refused",
        "Bearer, refused",
        "401 invalid_client",
        "401 invalid_client",
        "400 invalid_target",
        "400 invalid_target",
        "Bearer, details not told",
    ],
    invalid_client: Ok(None),
    unknown_scope: Some("invalid_scope"),
};

const PEERS: [&Peer; 7] = [
    &OIDC_PROVIDER,
    &OIDC_PROVIDER_TLS,
    &OAUTH2_MOCK_SERVER,
    &EXPRESS_OAUTH_SERVER,
    &AUTHLIB,
    &DJANGO_OAUTH_TOOLKIT,
    &DJANGO_OAUTH_TOOLKIT_JSON,
];

impl Peer {
    /// Its token endpoint, or `None`, said loudly, where no servers were started.
    fn endpoint(&self) -> Option<String> {
        let Some(endpoints) = std::env::var_os(ENDPOINTS).and_then(|endpoints| endpoints.into_string().ok()) else {
            assert!(std::env::var_os("CI").is_none(), "{ENDPOINTS} must be set in CI");
            #[expect(clippy::print_stderr, reason = "a test that was not run must be seen")]
            {
                eprintln!("SKIPPED with {}: {ENDPOINTS} is not set; run `cargo xtask test`", self.name);
            }
            return None;
        };
        let endpoints: BTreeMap<String, String> = serde_json::from_str(&endpoints).expect("endpoints by names");
        Some(endpoints[self.name].clone())
    }

    fn all_cells(&'static self, endpoint: &str) -> Vec<Cell> {
        let places = (0..METHODS.len()).flat_map(|method| (0..FORMATS.len()).map(move |format| (method, format)));
        places.map(|(method, format)| Cell { peer: self, endpoint: endpoint.to_owned(), method, format }).collect()
    }

    /// The combination to look closer with: posted, in the format that is found out.
    fn first_cell(&'static self) -> Option<Cell> {
        Some(Cell { peer: self, endpoint: self.endpoint()?, method: 0, format: 0 })
    }
}

/// One combination. Numbers are places in [`METHODS`] and [`FORMATS`].
#[derive(Clone)]
struct Cell {
    peer: &'static Peer,
    endpoint: String,
    method: usize,
    format: usize,
}

impl Cell {
    fn expected(&self) -> &'static str {
        self.peer.cells[self.method][self.format]
    }

    fn works(&self) -> bool {
        matches!(self.expected(), "JSON" | "form")
    }

    /// HTTP statuses of the answers to one flight.
    fn statuses(&self) -> Vec<u16> {
        let of = |cell: &str| -> Vec<u16> {
            match cell {
                "JSON" | "form" => vec![200],
                answers => answers.split(", ").map(|answer| answer[..3].parse().expect("a status")).collect(),
            }
        };
        let [_, json, _] = self.peer.cells[self.method];
        let refused = if FORMATS[self.format].1 == BodyFormat::Auto && self.expected() == "form" { of(json) } else { Vec::new() };
        [refused, of(self.expected())].concat()
    }

    /// The token endpoint with a query by which the server counts the requests of this part.
    fn url(&self, part: &str) -> String {
        format!("{}?case={}-{}-{part}-{}", self.endpoint, METHODS[self.method].name, FORMATS[self.format].0, std::process::id())
    }

    fn builder(&self, part: &str) -> ClientBuilder {
        self.builder_for(part, METHODS[self.method].client, (METHODS[self.method].credential)())
    }

    fn builder_for(&self, part: &str, client_id: &str, credential: Credential) -> ClientBuilder {
        let builder = Client::builder(self.url(part), client_id, credential)
            .scope("orders:read")
            .authentication(METHODS[self.method].authentication)
            .body_format(FORMATS[self.format].1)
            .allow_http_on_loopback();
        trusting(builder, &self.endpoint)
    }

    fn builder_by_certificate(&self, client_id: &str, authentication: ClientAuthentication) -> ClientBuilder {
        self.builder_for(client_id, client_id, certificate().into()).authentication(authentication)
    }

    fn client(&self, part: &str) -> Client {
        self.builder(part).build().expect("a client")
    }

    /// The statuses that the server gave to token requests of this part.
    fn answered(&self, part: &str) -> Vec<u16> {
        serde_json::from_str(&self.call("GET", "/requests", part, "")).expect("a list of statuses")
    }

    /// Has oauth2-mock-server give these answers to the next token requests of this part.
    fn fault(&self, part: &str, answers: &Value) {
        self.call("POST", "/faults", part, &answers.to_string());
    }

    /// A request beside the library's own, to the same server and with the same query.
    fn call(&self, method: &str, path: &str, part: &str, body: &str) -> String {
        let url: Uri = self.url(part).parse().expect("an address");
        let (authority, query) = (url.authority().expect("a host").as_str(), url.query().unwrap_or_default());
        let mut stream = TcpStream::connect(authority).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let length = body.len();
        write!(stream, "{method} {path}?{query} HTTP/1.0\r\nHost: {authority}\r\nContent-Length: {length}\r\n\r\n{body}").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(" 200 "), "{method} {path}: {answer}");
        body.to_owned()
    }
}

/// The servers' own authority, for those that are served by https.
fn trusting(builder: ClientBuilder, endpoint: &str) -> ClientBuilder {
    if endpoint.starts_with("https:") { builder.root_certificates(key_file("server.crt")) } else { builder }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} with {} and {}", self.peer.name, METHODS[self.method].name, FORMATS[self.format].0)
    }
}

/// What came of it, in the words of [`Peer::cells`].
fn outcome(client: &Client, result: &Result<&Client, Error>) -> String {
    match result {
        Ok(_) => match client.status().body_format {
            BodyFormat::Json => "JSON".to_owned(),
            BodyFormat::Form => "form".to_owned(),
            other => format!("a token in {other:?}"),
        },
        Err(error) => {
            let answers = error.answers().iter().map(|answer| {
                let status = answer.status.map_or(0, |status| status.as_u16());
                format!("{status} {}", answer.oauth.as_ref().map_or("without an OAuth error", |oauth| oauth.code()))
            });
            answers.collect::<Vec<_>>().join(", ")
        }
    }
}

#[tokio::test]
async fn matrix() {
    let mut table = format!("\n{:27}{:11}{:48}{:28}{}\n", "peer", "method", "auto", "json", "form");
    let mut reasons = String::new();
    let mut wrong = Vec::new();
    for peer in PEERS {
        let Some(endpoint) = peer.endpoint() else { return };
        // What was said to which methods.
        let mut refusals: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for cell in peer.all_cells(&endpoint) {
            let method = METHODS[cell.method].name;
            let client = cell.client("matrix");
            let result = client.authorize().await;
            let outcome = outcome(&client, &result);
            if outcome != cell.expected() {
                wrong.push(format!("{cell}: {outcome} instead of {}", cell.expected()));
            }
            match cell.format {
                0 => write!(table, "{:27}{method:11}{outcome:48}", peer.name),
                1 => write!(table, "{outcome:28}"),
                _ => writeln!(table, "{outcome}"),
            }
            .expect("memory");
            for answer in result.err().iter().flat_map(Error::answers) {
                let format = if answer.format == BodyFormat::Json { "JSON" } else { "a form" };
                let methods = refusals.entry(format!("to {format}: {}", answer.text)).or_default();
                if !methods.contains(&method) {
                    methods.push(method);
                }
            }
        }
        writeln!(reasons, "  {} {}.", peer.name, peer.why).expect("memory");
        for (answer, methods) in refusals {
            writeln!(reasons, "    {answer} [{}]", methods.join(", ")).expect("memory");
        }
    }
    let text = format!(
        "{table}
A cell says which format led to a token, or what was answered to all that were tried. basic is form-encoded, basic-raw is not.
Why nothing else led to a token:
{reasons}
"
    );
    // Not by println!, which the test runner keeps to itself.
    std::io::stdout().write_all(text.as_bytes()).expect("a terminal");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What tokens are bound to or meant for, each with a client for it.
type Binding = (&'static str, fn(&Cell) -> ClientBuilder);
const BINDINGS: [Binding; 7] = [
    ("dpop", |cell| cell.builder("dpop").dpop(new_key())),
    ("dpop-nonce", |cell| cell.builder("dpop&nonce=").dpop(new_key())),
    ("tls", |cell| cell.builder_by_certificate("orders-tls", ClientAuthentication::TlsClientAuth)),
    ("self-signed", |cell| cell.builder_by_certificate("orders-self-signed", ClientAuthentication::SelfSignedTlsClientAuth)),
    ("resource", |cell| cell.builder("one").resources([ORDERS])),
    ("resources", |cell| cell.builder("two").resources([ORDERS, STOCK])),
    ("details", |cell| cell.builder("details").authorization_details([json!({"type": "orders"})])),
];

fn new_key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).expect("a key")
}

/// What came of it, in the words of [`Peer::bindings`].
fn binding(name: &str, result: &Result<Token, Error>) -> String {
    match result {
        Ok(token) if name == "details" && token.authorization_details().is_none() => "Bearer, details not told".to_owned(),
        Ok(token) => token.token_type().name().to_owned(),
        Err(error) if error.kind() == ErrorKind::BindingDowngrade => "Bearer, refused".to_owned(),
        Err(error) => {
            let status = error.status().map_or(0, |status| status.as_u16());
            format!("{status} {}", error.oauth().map_or("without an OAuth error", OAuthError::code))
        }
    }
}

#[tokio::test]
async fn bindings() {
    let mut table = format!("\n{:27}", "peer");
    BINDINGS.iter().for_each(|(name, _)| write!(table, "{name:26}").expect("memory"));
    let mut reasons = String::new();
    let mut wrong = Vec::new();
    for peer in PEERS {
        let Some(cell) = peer.first_cell() else { return };
        write!(table, "\n{:27}", peer.name).expect("memory");
        for ((name, builder), expected) in BINDINGS.iter().zip(peer.bindings) {
            let result = builder(&cell).build().expect("a client").token().await;
            let outcome = binding(name, &result);
            if outcome != expected {
                wrong.push(format!("{name} at {}: {outcome} instead of {expected}: {result:?}", peer.name));
            }
            write!(table, "{outcome:26}").expect("memory");
            if let Err(error) = result {
                let text = error.answers().last().map_or_else(|| error.to_string(), |answer| answer.text.clone());
                writeln!(reasons, "    {} with {name}: {text}", peer.name).expect("memory");
            }
        }
    }
    // That there was a nonce to send back.
    let cell = OIDC_PROVIDER.first_cell().expect("it is there");
    assert_eq!((cell.answered("dpop"), cell.answered("dpop&nonce=")), (vec![400, 200], vec![400, 400, 200]));
    let text = format!(
        "{table}

A cell says which type of token came, or what was answered last. dpop: bound to a key (RFC 9449), with and without a nonce; tls and
self-signed: by a certificate (RFC 8705); resource and resources: for one and for two (RFC 8707); details: RFC 9396. A bearer token is refused
where a bound one was asked for.
Why nothing else led to a token:
{reasons}
"
    );
    std::io::stdout().write_all(text.as_bytes()).expect("a terminal");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Everything of the contract that can be seen in any combination.
async fn contract(peer: &'static Peer) {
    let Some(endpoint) = peer.endpoint() else { return };
    for cell in peer.all_cells(&endpoint) {
        if !cell.works() {
            refused(&cell).await;
            continue;
        }
        one_token(&cell).await;
        one_request_for_all(&cell).await;
        wrong_secret(&cell).await;
        other_requests(&cell).await;
    }
    expiry(&peer.first_cell().expect("it is there")).await;
}

fn is_signed_out(client: &Client) -> bool {
    !client.authorized() && client.access_token().is_none() && client.headers().is_empty() && client.expires().is_none()
}

fn has_no_error(client: &Client) -> bool {
    client.error().is_none() && client.error_description().is_none() && client.error_uri().is_none()
}

/// A refusal is told to the caller, can be read afterwards, and is not tried again.
async fn refused(cell: &Cell) {
    let client = cell.client("refused");
    let error = client.authorize().await.expect_err("it is refused");
    let oauth = error.oauth().unwrap_or_else(|| panic!("{cell}: {error}"));
    assert_eq!((error.kind(), error.is_remembered(), error.is_retryable()), (ErrorKind::OAuth, false, false), "{cell}: {error}");
    assert_eq!((client.error().as_deref(), client.error_description().as_deref()), (Some(oauth.code()), oauth.description()), "{cell}");
    assert!(is_signed_out(&client), "{cell}");
    let printed = format!("{error} {error:?} {client:?}");
    assert!(!printed.contains(SECRET) && !printed.contains(LONG_SECRET), "{cell}");
    let again = client.authorize().await.expect_err("it is remembered");
    assert!(again.is_remembered(), "{cell}: {again}");
    assert_eq!(cell.answered("refused"), cell.statuses(), "{cell}");
}

/// authorize() sets everything, once; sign_out() clears it.
async fn one_token(cell: &Cell) {
    let client = cell.client("token");
    client.initialize().await;
    client.initialized().await;
    assert!(is_signed_out(&client) && has_no_error(&client), "{cell}");

    let before = SystemClock.now().wall;
    let authorized = client.authorize().await.unwrap_or_else(|error| panic!("{cell}: {error}"));
    let after = SystemClock.now().wall;
    let token = client.access_token().expect("a token");
    assert!(authorized.authorized() && has_no_error(&client), "{cell}");
    let headers = client.headers();
    assert_eq!(headers[AUTHORIZATION], format!("Bearer {}", token.access_token()), "{cell}");
    assert!(headers.len() == 1 && headers[AUTHORIZATION].is_sensitive(), "{cell}");
    assert_eq!(token.scope(), Some("orders:read"), "{cell}");
    let expires = client.expires().expect("the server says when");
    assert!(expires <= after + LIFETIME && expires + ROUNDING >= before + LIFETIME, "{cell}: {expires:?}");

    client.authorize().await.expect("the same token");
    assert_eq!(client.headers(), headers, "{cell}");
    assert_eq!(cell.answered("token"), cell.statuses(), "{cell}");

    assert_eq!(client.user_info().expect_err("there is no user").kind(), ErrorKind::NotApplicable);
    client.sign_out();
    assert!(is_signed_out(&client) && has_no_error(&client), "{cell}");
    client.authorize().await.unwrap_or_else(|error| panic!("{cell}: {error}"));
    // What worked is remembered.
    assert_eq!(cell.answered("token"), [cell.statuses(), vec![200]].concat(), "{cell}");
}

/// 50 callers at the same time are one flight, which can be seen and waited for.
async fn one_request_for_all(cell: &Cell) {
    let client = cell.client("concurrent");
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        callers.spawn(async move { client.token().await });
    }
    tokio::task::yield_now().await;
    let authorizing = client.authorizing().expect("a request is under way").await;
    let mut tokens: Vec<Token> = callers.join_all().await.into_iter().chain([authorizing]).map(|token| token.expect("a token")).collect();
    assert_eq!(tokens.len(), 51, "{cell}");
    tokens.dedup_by(|one, other| one.access_token() == other.access_token());
    assert_eq!(tokens.len(), 1, "{cell}");
    assert!(client.authorizing().is_none(), "{cell}");
    assert_eq!(cell.answered("concurrent"), cell.statuses(), "{cell}");
}

/// A wrong secret is told, remembered, and not tried again.
async fn wrong_secret(cell: &Cell) {
    let is_secret = matches!(METHODS[cell.method].authentication, ClientAuthentication::SecretPost | ClientAuthentication::SecretBasic(_));
    let description = match cell.peer.invalid_client {
        Ok(description) => description,
        Err(()) => {
            let answer = json!({
                "status": 401,
                "body": {"error": "invalid_client", "error_description": "no such client", "error_uri": "https://auth.example/help"},
            });
            cell.fault("secret", &json!([answer, answer]));
            Some("no such client")
        }
    };
    let client = cell.builder_for("secret", METHODS[cell.method].client, (METHODS[cell.method].wrong)()).build().expect("a client");
    let error = client.authorize().await.expect_err("the secret is wrong");
    assert_eq!((error.kind(), error.is_remembered(), error.is_retryable()), (ErrorKind::OAuth, false, false), "{cell}: {error}");
    let oauth = error.oauth().expect("an OAuth error");
    // What is wrong with an assertion has many names.
    let description = if is_secret { description } else { oauth.description() };
    assert_eq!((oauth.code(), oauth.description()), ("invalid_client", description), "{cell}: {error}");
    let fields = || (client.error(), client.error_description(), client.error_uri());
    let expected = (Some("invalid_client".to_owned()), description.map(str::to_owned), oauth.uri().map(str::to_owned));
    assert_eq!(fields(), expected, "{cell}");
    assert_eq!(oauth.uri().is_some(), cell.peer.invalid_client.is_err(), "{cell}");
    assert!(is_signed_out(&client), "{cell}");

    let answered = cell.answered("secret");
    assert_eq!(answered.len(), error.attempts() as usize, "{cell}");
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        callers.spawn(async move { client.token().await });
    }
    for result in callers.join_all().await {
        let error = result.expect_err("it is remembered");
        assert!(error.is_remembered() && error.retry_at().is_some(), "{cell}: {error}");
        assert_eq!(error.oauth().map(OAuthError::code), Some("invalid_client"), "{cell}");
    }
    assert_eq!(cell.answered("secret"), answered, "{cell}");

    client.sign_out();
    assert!(has_no_error(&client), "{cell}");
    let error = client.authorize().await.expect_err("signing out and in again is no new try");
    assert!(error.is_remembered(), "{cell}: {error}");
    assert_eq!(cell.answered("secret"), answered, "{cell}");
}

/// Other scopes have tokens of their own; an audience is no hindrance.
async fn other_requests(cell: &Cell) {
    let client = cell.client("requests");
    let first = client.token().await.unwrap_or_else(|error| panic!("{cell}: {error}"));
    let write = client.for_request(TokenRequest::new().scope("orders:write").audience("https://orders.example")).expect("a handle");
    assert!(is_signed_out(&write), "{cell}");
    let second = write.token().await.unwrap_or_else(|error| panic!("{cell}: {error}"));
    assert_eq!((first.scope(), second.scope()), (Some("orders:read"), Some("orders:write")), "{cell}");
    assert_eq!(client.access_token().map(|token| token.header().clone()), Some(first.header().clone()), "{cell}");
    if cell.peer.name == OAUTH2_MOCK_SERVER.name {
        assert_eq!((claims(&first).get("audience"), &claims(&second)["audience"]), (None, &json!("https://orders.example")), "{cell}");
    }
    assert_eq!(cell.answered("requests"), [cell.statuses(), vec![200]].concat(), "{cell}");

    let unknown = client.for_request(TokenRequest::new().scope("nothing:such")).expect("a handle");
    let result = unknown.authorize().await;
    let code = result.err().and_then(|error| Some(error.oauth()?.code().to_owned()));
    assert_eq!(code.as_deref(), cell.peer.unknown_scope, "{cell}");
    // A refused request is no refused client.
    assert!(client.refresh().await.is_ok(), "{cell}");
}

/// A token that has expired is replaced by a new one.
async fn expiry(cell: &Cell) {
    let client = cell.builder_for("expiry", "orders-short", SECRET.into()).build().expect("a client");
    let first = client.token().await.unwrap_or_else(|error| panic!("{cell}: {error}"));
    let lifetime = first.plan().expires_at.expect("the server says when").duration_since(first.plan().issued).expect("later");
    assert!(lifetime <= SHORT_LIFETIME && lifetime + ROUNDING >= SHORT_LIFETIME, "{cell}: {lifetime:?}");
    while client.authorized() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_signed_out(&client), "{cell}");
    assert_eq!(cell.answered("expiry"), cell.statuses(), "{cell}");
    let second = client.token().await.unwrap_or_else(|error| panic!("{cell}: {error}"));
    assert_ne!(first.access_token(), second.access_token(), "{cell}");
    assert!(client.authorized() && second.expires_at() > first.expires_at(), "{cell}");
    assert_eq!(cell.answered("expiry"), [cell.statuses(), vec![200]].concat(), "{cell}");
}

/// What a server wrote into a token that is a JWT.
fn claims(token: &Token) -> Value {
    let payload = token.access_token().split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON")
}

/// The token for these resources, or the error's code.
async fn for_resources(cell: &Cell, resources: &[&str]) -> Result<Token, String> {
    let request = TokenRequest::new().resources(resources.iter().copied());
    let result = cell.client("resources").for_request(request).expect("a handle").token().await;
    result.map_err(|error| error.oauth().unwrap_or_else(|| panic!("{cell}: {error}")).code().to_owned())
}

const ORDERS: &str = "https://orders.example";
const STOCK: &str = "https://stock.example";

#[tokio::test]
async fn oidc_provider() {
    contract(&OIDC_PROVIDER).await;
    let Some(cell) = OIDC_PROVIDER.first_cell() else { return };
    let token = for_resources(&cell, &[ORDERS]).await.expect("a token");
    assert_eq!(claims(&token)["aud"], json!(ORDERS));
    // It sees both, and gives tokens for one alone.
    assert_eq!(for_resources(&cell, &[ORDERS, STOCK]).await.err().as_deref(), Some("invalid_target"));
    assert_eq!(for_resources(&cell, &["https://unknown.example"]).await.err().as_deref(), Some("invalid_target"));
}

#[tokio::test]
async fn oauth2_mock_server() {
    contract(&OAUTH2_MOCK_SERVER).await;
    let Some(json_cell) = OAUTH2_MOCK_SERVER.first_cell() else { return };
    let form_cell = Cell { format: 2, ..json_cell.clone() };
    for (cell, resources, received) in [
        (&json_cell, &[ORDERS][..], json!([ORDERS])),
        (&json_cell, &[ORDERS, STOCK], json!([ORDERS, STOCK])),
        (&form_cell, &[ORDERS], json!(ORDERS)),
        (&form_cell, &[ORDERS, STOCK], json!([ORDERS, STOCK])),
    ] {
        let token = for_resources(cell, resources).await.expect("a token");
        assert_eq!(claims(&token)["resource"], received, "{cell}");
    }
}

#[tokio::test]
async fn express_oauth_server() {
    contract(&EXPRESS_OAUTH_SERVER).await;
}

#[tokio::test]
async fn authlib() {
    contract(&AUTHLIB).await;
}

#[tokio::test]
async fn django_oauth_toolkit() {
    contract(&DJANGO_OAUTH_TOOLKIT).await;
    let Some(cell) = DJANGO_OAUTH_TOOLKIT.first_cell() else { return };
    for_resources(&cell, &[ORDERS, STOCK]).await.expect("a token");
}

#[tokio::test]
async fn django_oauth_toolkit_json() {
    contract(&DJANGO_OAUTH_TOOLKIT_JSON).await;
    let Some(cell) = DJANGO_OAUTH_TOOLKIT_JSON.first_cell() else { return };
    // It takes a list for one address that is not one.
    assert_eq!(for_resources(&cell, &[ORDERS]).await.err().as_deref(), Some("invalid_target"));
}

/// A client whose server gives these answers before it works again, and what came of its first call.
async fn with_faults(cell: &Cell, part: &str, answers: Value) -> (Client, Result<Token, Error>) {
    cell.fault(part, &answers);
    let client = cell.client(part);
    let result = client.token().await;
    (client, result)
}

#[tokio::test]
async fn faults() {
    let Some(cell) = OAUTH2_MOCK_SERVER.first_cell() else { return };

    let (client, result) = with_faults(&cell, "503", json!([{"status": 503, "body": {}}])).await;
    result.expect("the second attempt");
    assert!(has_no_error(&client));
    assert_eq!(cell.answered("503"), [503, 200]);

    let before = SystemClock.now().wall;
    let later = json!([{"status": 429, "headers": {"Retry-After": "1"}, "body": {"error": "slow_down"}}]);
    let (_, result) = with_faults(&cell, "429", later).await;
    let token = result.expect("the second attempt");
    assert!(token.plan().issued >= before + Duration::from_secs(1), "it was asked for too early");
    assert_eq!(cell.answered("429"), [429, 200]);

    let page = json!({"status": 502, "headers": {"Content-Type": "text/html"}, "body": "<html>Bad gateway</html>"});
    let (client, result) = with_faults(&cell, "502", json!([page, page, page])).await;
    let error = result.expect_err("every attempt fails");
    assert_eq!((error.kind(), error.status().map(|status| status.as_u16()), error.attempts()), (ErrorKind::Http, Some(502), 3), "{error}");
    assert!(error.is_retryable() && error.oauth().is_none() && is_signed_out(&client), "{error}");
    assert!(client.authorize().await.expect_err("it is remembered").is_remembered());
    assert_eq!(cell.answered("502"), [502; 3]);
    client.reset();
    client.authorize().await.expect("the server works again");

    let refusal = json!([{"status": 200, "body": {"error": "invalid_scope", "error_description": "not for you"}}]);
    let (client, result) = with_faults(&cell, "error", refusal).await;
    let error = result.expect_err("it is no token");
    assert_eq!((error.kind(), client.error().as_deref()), (ErrorKind::OAuth, Some("invalid_scope")), "{error}");
    assert!(client.error_description().as_deref() == Some("not for you") && is_signed_out(&client), "{error}");
    assert_eq!(cell.answered("error"), [200]);
}

/// Where the resource server of oidc-provider listens, and a client for it whose tokens are bound to a key.
fn orders(cell: &Cell, part: &str, target: &str) -> (Uri, Client) {
    let origin = cell.endpoint.trim_end_matches("/token");
    let client = cell.builder(part).dpop(new_key()).resources([ORDERS]).allow_origin(origin).build().expect("a client");
    (format!("{origin}{target}").parse().expect("an address"), client)
}

/// A request to a resource server, sent once more when the library advises it; the statuses.
async fn get(client: &Client, target: &Uri) -> Vec<u16> {
    let http = reqwest::Client::new();
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let token = client.authorization(target).await.expect("a token");
        let headers = client.headers_for(&token, &Method::GET, target).await.expect("headers");
        let response = http.get(target.to_string()).headers(headers).send().await.expect("an answer");
        statuses.push(response.status().as_u16());
        if client.observe(&token, target, response.status(), response.headers()) != Advice::Replay {
            break;
        }
    }
    statuses
}

/// oauth4webapi checks the proofs, and with them that they are for the token, the request and the nonce.
#[tokio::test]
async fn dpop_at_a_resource_server() {
    let Some(cell) = OIDC_PROVIDER.first_cell() else { return };
    let (target, client) = orders(&cell, "dpop-api", "/orders?page=2");
    for _ in 0..3 {
        assert_eq!(get(&client, &target).await, [200]);
    }
    let token = client.access_token().expect("a token");
    assert_eq!(token.token_type(), TokenType::Dpop);
    assert!(claims(&token)["cnf"]["jkt"].is_string());
    // Both servers want nonces; every success brings the next one.
    let cell = Cell { format: 2, ..cell };
    let (target, client) = orders(&cell, "dpop-api&nonce=", "/orders?nonce");
    assert_eq!(get(&client, &target).await, [401, 200]);
    for _ in 0..3 {
        assert_eq!(get(&client, &target).await, [200]);
    }
    assert_eq!(cell.answered("dpop-api&nonce="), [400, 200]);
    // A token without a proof, or with one for another request, is worth nothing.
    let http = reqwest::Client::new();
    let plain = http.get(target.to_string().replace("nonce", "plain")).header(AUTHORIZATION, client.headers()[AUTHORIZATION].clone());
    assert_eq!(plain.send().await.expect("an answer").status(), StatusCode::UNAUTHORIZED);
    let other: HeaderMap = client.authorization_headers(&Method::POST, &target).await.expect("headers");
    let wrong = http.get(target.to_string().replace("nonce", "plain")).headers(other);
    assert_eq!(wrong.send().await.expect("an answer").status(), StatusCode::UNAUTHORIZED);
}

/// Every kind of key, at the two servers that know assertions; and whom assertions may be for.
#[tokio::test]
async fn assertions_of_every_kind() {
    for peer in [&OIDC_PROVIDER, &AUTHLIB] {
        let Some(cell) = peer.first_cell() else { return };
        let cell = Cell { method: 4, format: 2, ..cell };
        for (name, algorithm) in [
            ("es256", Algorithm::ES256),
            ("es384", Algorithm::ES384),
            ("rsa", Algorithm::PS256),
            ("rsa", Algorithm::RS256),
            ("ed25519", Algorithm::EdDSA),
            ("ed25519", Algorithm::Ed25519),
        ] {
            let key = key(name).algorithm(algorithm);
            let client = cell.builder_for("algorithms", "orders-key", key.clone().into()).build().expect("a client");
            let result = client.token().await;
            // Authlib takes only what is said to be sound for everybody.
            let expected = peer.name == OIDC_PROVIDER.name || matches!(algorithm, Algorithm::ES256 | Algorithm::RS256);
            assert_eq!(result.is_ok(), expected, "{cell} and {algorithm:?}: {result:?}");
        }
        let issuer = cell.endpoint.trim_end_matches("/token").to_owned();
        for (audience, typ) in [
            (AssertionAudience::TokenEndpoint, "JWT"),
            (AssertionAudience::Value(issuer.clone()), "client-authentication+jwt"),
            (AssertionAudience::List(vec![issuer.clone(), "https://elsewhere.example".to_owned()]), ""),
        ] {
            let mut policy = AssertionPolicy::default();
            (policy.audience, policy.typ) = (audience.clone(), typ.to_owned());
            let client = cell.builder("audiences").assertion(policy).build().expect("a client");
            let result = client.token().await;
            assert!(result.is_ok(), "{cell} for {audience:?}: {result:?}");
        }
        let mut policy = AssertionPolicy::default();
        policy.audience = AssertionAudience::Value("https://elsewhere.example".to_owned());
        let error =
            cell.builder("audiences").assertion(policy).build().expect("a client").token().await.expect_err("it is for somebody else");
        assert_eq!(error.oauth().map(OAuthError::code), Some("invalid_client"), "{cell}: {error}");
    }
}

/// By both HTTP clients that come with the library: with a certificate, with another one, and without.
#[tokio::test]
async fn mutual_tls() {
    let Some(cell) = OIDC_PROVIDER_TLS.first_cell() else { return };
    let by_certificate = || cell.builder_by_certificate("orders-tls", ClientAuthentication::TlsClientAuth).resources([ORDERS]);
    let token = by_certificate().build().expect("a client").token().await.expect("a token");
    let thumbprint = claims(&token)["cnf"]["x5t#S256"].clone();
    assert!(thumbprint.is_string(), "it is bound to the certificate (RFC 8705, section 3)");
    #[cfg(feature = "blocking")]
    {
        let builder = by_certificate();
        let token = tokio::task::spawn_blocking(|| builder.build_blocking().expect("a client").token()).await.expect("no panic");
        assert_eq!(claims(&token.expect("a token"))["cnf"]["x5t#S256"], thumbprint);
    }
    let other = rcgen::generate_simple_self_signed(["orders".to_owned()]).expect("a certificate");
    let pem = crate::jose::pem;
    let (shown, its_key) = (pem("CERTIFICATE", other.cert.der()), pem("PRIVATE KEY", &other.signing_key.serialize_der()));
    let other = ClientCertificate::from_pem(shown, its_key).expect("a certificate");
    let client = cell.builder_for("other", "orders-tls", other.into()).authentication(ClientAuthentication::TlsClientAuth);
    let error = client.build().expect("a client").token().await.expect_err("it is somebody else's");
    assert_eq!(error.oauth().map(OAuthError::code), Some("invalid_client"), "{error}");
    assert!(error.to_string().contains("the certificate that the server knows"), "{error}");
    // A server that the system does not trust is not talked to.
    let untrusted = Client::builder(cell.url("untrusted"), "orders-post", SECRET).build().expect("a client");
    let error = untrusted.token().await.expect_err("it is not trusted");
    assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
}

/// Without an address of any endpoint; all that is known is the issuer.
#[tokio::test]
async fn discovery() {
    for peer in [&OIDC_PROVIDER, &OIDC_PROVIDER_TLS] {
        let Some(cell) = peer.first_cell() else { return };
        let issuer = cell.endpoint.trim_end_matches("/token").to_owned();
        let discover = |client_id: &str, credential: Credential| {
            let builder = Client::discover(&issuer, client_id, credential).scope("orders:read").allow_http_on_loopback();
            trusting(builder, &issuer)
        };
        let client = discover("orders-post", SECRET.into()).build().expect("a client");
        let token = client.token().await.unwrap_or_else(|error| panic!("{}: {error}", peer.name));
        let metadata = client.metadata().await.expect("metadata");
        assert_eq!((metadata.issuer(), metadata.text("token_endpoint")), (issuer.as_str(), Some(cell.endpoint.as_str())));
        assert!(client.introspect(token.access_token()).await.expect("an answer").is_active());
        client.revoke(&token).await.expect("revoked");
        assert!(!client.authorized());
        assert!(!client.introspect(token.access_token()).await.expect("an answer").is_active());
        discover("orders-key", key("rsa").into()).dpop(key("ed25519")).build().expect("a client").token().await.expect("a token");
        let by_certificate = discover("orders-tls", certificate().into()).build().expect("a client").token().await;
        assert_eq!(by_certificate.is_ok(), peer.name == OIDC_PROVIDER_TLS.name, "{}: {by_certificate:?}", peer.name);
        let wrong = Client::discover(format!("{issuer}/"), "orders-post", SECRET).allow_http_on_loopback();
        let error = trusting(wrong, &issuer).build().expect("a client").token().await.expect_err("it is another name");
        assert_eq!(error.kind(), ErrorKind::Discovery, "{error}");
    }
}

/// The FAPI 2.0 profile, at a server that is served by https.
#[tokio::test]
async fn fapi_2_0() {
    let Some(cell) = OIDC_PROVIDER_TLS.first_cell() else { return };
    let issuer = cell.endpoint.trim_end_matches("/token");
    let profile = |client_id: &str, credential: Credential| {
        let builder = Client::discover(issuer, client_id, credential).scope("orders:read").profile(Profile::Fapi2);
        trusting(builder.body_format(BodyFormat::Form), issuer)
    };
    for key_name in ["es256", "rsa", "ed25519"] {
        let signing = if key_name == "rsa" { key(key_name).algorithm(Algorithm::PS256) } else { key(key_name) };
        let token = profile("orders-key", signing.into()).dpop(new_key()).build().expect("a client").token().await;
        assert_eq!(token.expect("a token").token_type(), TokenType::Dpop, "{key_name}");
    }
    profile("orders-tls", certificate().into()).build().expect("a client").token().await.expect("a token");
}

/// RFC 7009 and RFC 7662 where they are known without discovery.
#[tokio::test]
async fn revocation() {
    let Some(cell) = DJANGO_OAUTH_TOOLKIT.first_cell() else { return };
    let endpoint = |name: &str| cell.endpoint.replace("/token/", name);
    let client = cell.builder("revocation").revocation_endpoint(endpoint("/revoke_token/")).build().expect("a client");
    let token = client.token().await.expect("a token");
    client.revoke(&token).await.expect("revoked");
    assert!(!client.authorized());
    // The server does not know it any more, which is no failure (RFC 7009, section 2.2).
    client.revoke(&token).await.expect("revoked");
}
