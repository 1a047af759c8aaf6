//! Every front end against real HTTP: which requests have a token, and which are sent once more when it is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use client_credentials::reqwest_middleware::TokenMiddleware;
use client_credentials::testkit::{Answer, Reply, Request, Server, VirtualClock};
use client_credentials::tower::TokenLayer;
use client_credentials::{Client, Error, ErrorKind, Replay};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use tower::{BoxError, Layer as _, ServiceExt as _};

/// An authorization server that counts its tokens, an API that knows which are good, and a client of both.
struct World {
    authorization: Server,
    api: Server,
    clock: VirtualClock,
    client: Client,
    refused: Arc<Mutex<HashMap<String, &'static str>>>,
}

/// What the API says of a token that it does not take; `WWW-Authenticate`, or a status with a bar.
const INVALID: &str = r#"Basic realm="old", Bearer error="invalid_token""#;

impl World {
    fn new() -> Self {
        let number = Mutex::new(0);
        let authorization = Server::always(Answer::made(move |_| {
            let mut number = number.lock().unwrap();
            *number += 1;
            Reply::token(&format!("t-{number}"))
        }));
        let refused = Arc::new(Mutex::new(HashMap::<String, &'static str>::new()));
        let refusals = Arc::clone(&refused);
        let api = Server::always(Answer::made(move |request| {
            let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("none").to_owned();
            match refusals.lock().unwrap().get(&token) {
                Some(challenge) if challenge.contains("insufficient_scope") => Reply::new(403).header("WWW-Authenticate", *challenge),
                Some(challenge) => Reply::new(401).header("WWW-Authenticate", *challenge),
                None => Reply::new(200).body(format!("{} {} with {token}: {}", request.method, request.target, request.text())),
            }
        }));
        let clock = VirtualClock::leaping(Duration::from_secs(10));
        let client = Client::builder(authorization.url(), "my-id", "my-secret")
            .allow_http_on_loopback()
            .allow_origin(api.origin())
            .clock(clock.clone())
            .build()
            .unwrap();
        Self { authorization, api, clock, client, refused }
    }

    fn refuse(&self, token: &str, challenge: &'static str) {
        self.refused.lock().unwrap().insert(token.to_owned(), challenge);
    }

    fn url(&self) -> String {
        format!("{}/orders?page=2", self.api.origin())
    }

    /// A token is held, and old enough to be dropped.
    async fn has_token(&self) {
        self.client.authorize().await.unwrap();
        self.clock.advance(Duration::from_secs(120));
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum FrontEnd {
    Reqwest,
    Tower,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Body {
    Empty,
    Whole(&'static str),
    /// It can be read once.
    Stream(&'static str),
}

/// Status and body of the answer, or the error of the library.
async fn send(world: &World, with: FrontEnd, replay: Replay, method: Method, url: &str, body: Body) -> Result<(u16, String), Error> {
    match with {
        FrontEnd::Reqwest => {
            let middleware = TokenMiddleware::new(world.client.clone()).replay(replay);
            let http = reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(middleware).build();
            let request = http.request(method, url).header("Authorization", "Bearer of-somebody-else");
            let request = match body {
                Body::Empty => request,
                Body::Whole(text) => request.body(text),
                Body::Stream(text) => {
                    request.body(reqwest::Body::wrap(http_body_util::StreamBody::new(futures_util::stream::iter([Ok::<_, BoxError>(
                        http_body::Frame::data(Bytes::from(text)),
                    )]))))
                }
            };
            match request.send().await {
                Ok(response) => Ok((response.status().as_u16(), response.text().await.unwrap())),
                Err(reqwest_middleware::Error::Middleware(error)) => Err(error.downcast().expect("the library's own")),
                Err(error) => panic!("{error}"),
            }
        }
        FrontEnd::Tower => {
            type Boxed = UnsyncBoxBody<Bytes, BoxError>;
            let http: HyperClient<_, Boxed> = HyperClient::builder(TokioExecutor::new()).build_http();
            let whole = |text: &'static str| Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
            let layer = TokenLayer::new(world.client.clone()).replay(replay);
            let request = http::Request::builder().method(method).uri(url).header("Authorization", "Bearer of-somebody-else");
            let sent = match body {
                Body::Empty => layer.layer(http).oneshot(request.body(Boxed::default()).unwrap()).await,
                Body::Whole(text) => {
                    let layer = layer.clone_body(move |_: &Boxed| Some(whole(text)));
                    layer.layer(http).oneshot(request.body(whole(text)).unwrap()).await
                }
                Body::Stream(text) => layer.layer(http).oneshot(request.body(whole(text)).unwrap()).await,
            };
            let response = sent.map_err(|error| *error.downcast::<Error>().expect("the library's own"))?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Ok((parts.status.as_u16(), String::from_utf8(body.to_vec()).unwrap()))
        }
    }
}

const BOTH: [FrontEnd; 2] = [FrontEnd::Reqwest, FrontEnd::Tower];

fn tokens(world: &World) -> Vec<String> {
    world.api.requests().iter().map(|request: &Request| request.header("authorization").expect("just one").to_owned()).collect()
}

#[tokio::test]
async fn requests_have_the_token_and_nothing_else_does() {
    for with in BOTH {
        let world = World::new();
        for _ in 0..2 {
            let answer = send(&world, with, Replay::Idempotent, Method::GET, &world.url(), Body::Empty).await.unwrap();
            assert_eq!(answer, (200, "GET /orders?page=2 with t-1: ".to_owned()), "{with:?}");
        }
        assert_eq!(tokens(&world), ["Bearer t-1", "Bearer t-1"], "{with:?}");
        world.authorization.assert_requests(1);

        let elsewhere = Server::always(Reply::new(200));
        let error = send(&world, with, Replay::Idempotent, Method::GET, &elsewhere.url(), Body::Empty).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OriginNotAllowed, "{with:?}");
        elsewhere.assert_requests(0);

        world.client.sign_out();
        world.authorization.then([Reply::error(401, "invalid_client").into()]);
        let error = send(&world, with, Replay::Idempotent, Method::GET, &world.url(), Body::Empty).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OAuth, "{with:?}");
        world.api.assert_requests(2);
    }
}

/// A token that is refused: which requests are sent twice.
#[tokio::test]
async fn replays() {
    use Body::{Empty, Stream, Whole};
    let check = async |with: FrontEnd, replay: Replay, method: Method, body: Body, is_replayed: bool| {
        let what = format!("{with:?} {replay:?} {method} {body:?}");
        let world = World::new();
        world.has_token().await;
        world.refuse("t-1", INVALID);
        let (status, text) = send(&world, with, replay, method.clone(), &world.url(), body).await.unwrap();
        if is_replayed {
            let (Whole(sent) | Stream(sent)) = body else { return assert_eq!((status, tokens(&world).len()), (200, 2), "{what}") };
            assert_eq!((status, text), (200, format!("{method} /orders?page=2 with t-2: {sent}")), "{what}");
            assert_eq!(tokens(&world), ["Bearer t-1", "Bearer t-2"], "{what}");
            assert_eq!(world.api.requests()[0].body, world.api.requests()[1].body, "{what}");
            return;
        }
        // The server's own answer, and nobody uses the old token any more.
        assert_eq!((status, text.as_str()), (401, ""), "{what}");
        world.authorization.assert_requests(1);
        assert_eq!(send(&world, with, replay, Method::GET, &world.url(), Empty).await.unwrap().0, 200, "{what}");
        assert_eq!(tokens(&world), ["Bearer t-1", "Bearer t-2"], "{what}");
    };
    for with in BOTH {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::DELETE] {
            check(with, Replay::Idempotent, method, Empty, true).await;
        }
        check(with, Replay::Idempotent, Method::PUT, Whole("three"), true).await;
        check(with, Replay::Idempotent, Method::PUT, Stream("three"), false).await;
        check(with, Replay::Idempotent, Method::POST, Whole("three"), false).await;
        check(with, Replay::Idempotent, Method::PATCH, Whole("three"), false).await;
        check(with, Replay::Always, Method::POST, Whole("three"), true).await;
        check(with, Replay::Always, Method::POST, Stream("three"), false).await;
        check(with, Replay::Never, Method::GET, Empty, false).await;
    }
}

#[tokio::test]
async fn one_replay_and_none_for_a_token_that_was_just_minted() {
    for with in BOTH {
        let world = World::new();
        // The very first token is refused: a new one would be as well.
        for token in ["t-1", "t-2", "t-3"] {
            world.refuse(token, INVALID);
        }
        let get = async || send(&world, with, Replay::Always, Method::GET, &world.url(), Body::Empty).await.unwrap().0;
        assert_eq!(get().await, 401, "{with:?}");
        assert_eq!((world.api.count(), world.authorization.count()), (1, 1), "{with:?}");
        // An old one is replaced once, and its successor was just minted.
        world.clock.advance(Duration::from_secs(120));
        assert_eq!(get().await, 401, "{with:?}");
        assert_eq!(tokens(&world), ["Bearer t-1", "Bearer t-1", "Bearer t-2"], "{with:?}");
        assert_eq!(world.authorization.count(), 2, "{with:?}");
        // An API that refuses everything leads to no further token.
        for _ in 0..5 {
            assert_eq!(get().await, 401, "{with:?}");
        }
        assert_eq!((world.api.count(), world.authorization.count()), (8, 2), "{with:?}");
    }
}

#[tokio::test]
async fn a_token_is_replaced_once_for_all() {
    for with in BOTH {
        let world = World::new();
        world.has_token().await;
        world.refuse("t-1", "Bearer");
        let url = world.url();
        let calls = (0..20).map(|_| send(&world, with, Replay::Idempotent, Method::GET, &url, Body::Empty));
        for answer in futures_util::future::join_all(calls).await {
            assert_eq!(answer.unwrap().0, 200, "{with:?}");
        }
        world.authorization.assert_requests(2);
    }
}

#[tokio::test]
async fn refusals_that_no_new_token_would_end() {
    for with in BOTH {
        for challenge in [r#"Bearer error="insufficient_scope", scope="orders:write""#, r#"Bearer error="invalid_request""#] {
            let world = World::new();
            world.has_token().await;
            world.refuse("t-1", challenge);
            let (status, _) = send(&world, with, Replay::Always, Method::GET, &world.url(), Body::Empty).await.unwrap();
            assert!(matches!(status, 401 | 403), "{with:?} {challenge}");
            assert_eq!((world.api.count(), world.authorization.count()), (1, 1), "{with:?} {challenge}");
            assert!(world.client.authorized());
        }
    }
}

#[tokio::test]
async fn a_new_token_that_cannot_be_had_leaves_the_answer() {
    for with in BOTH {
        let world = World::new();
        world.has_token().await;
        world.refuse("t-1", INVALID);
        world.authorization.then([Reply::error(401, "invalid_client").into()]);
        assert_eq!(send(&world, with, Replay::Idempotent, Method::GET, &world.url(), Body::Empty).await.unwrap().0, 401, "{with:?}");
        world.api.assert_requests(1);
    }
}

/// What an origin answers that the token did not go to says nothing about the token.
#[tokio::test]
async fn redirects_leave_the_token_behind() {
    let world = World::new();
    world.has_token().await;
    let elsewhere = Server::always(Reply::new(401).header("WWW-Authenticate", INVALID));
    world.api.then([Reply::redirect(307, &elsewhere.url()).into()]);
    let (status, _) = send(&world, FrontEnd::Reqwest, Replay::Always, Method::GET, &world.url(), Body::Empty).await.unwrap();
    assert_eq!(StatusCode::from_u16(status).unwrap(), StatusCode::UNAUTHORIZED);
    assert_eq!((world.api.count(), elsewhere.count()), (1, 1));
    assert_eq!(elsewhere.requests()[0].header("authorization"), None);
    assert_eq!(world.client.access_token().unwrap().access_token(), "t-1");
}

/// Addresses that are only a path belong to the origin that the layer was told.
#[tokio::test]
async fn the_layer_of_a_channel() {
    let world = World::new();
    let origin = world.api.origin();
    let http: HyperClient<_, Full<Bytes>> = HyperClient::builder(TokioExecutor::new()).build_http();
    let authority = origin.clone();
    let channel = tower::service_fn(move |mut request: http::Request<Full<Bytes>>| {
        let whole = format!("{authority}{}", request.uri()).parse().unwrap();
        *request.uri_mut() = whole;
        http.clone().oneshot(request)
    });
    let layer = TokenLayer::new(world.client.clone());
    let get = || http::Request::get("/orders").body(Full::default()).unwrap();
    let error = layer.clone().layer(channel.clone()).oneshot(get()).await.unwrap_err();
    assert_eq!(error.downcast::<Error>().unwrap().kind(), ErrorKind::OriginNotAllowed);
    let response = layer.origin(origin.parse().unwrap()).layer(channel).oneshot(get()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(tokens(&world), ["Bearer t-1"]);
}

/// Every request has a proof of its own, and an API that wants a nonce gets one, POST included: it asks before it does anything.
#[cfg(feature = "jwt")]
#[tokio::test]
async fn proofs() {
    use client_credentials::testkit::{Jwt, ProofChecks};
    use client_credentials::{Algorithm, Clock as _, SigningKey};

    for with in BOTH {
        let world = World::new();
        let bound = r#"{"access_token":"t-1","token_type":"DPoP","expires_in":3600}"#;
        world.authorization.then([Reply::json(200, bound).into()]);
        world.api.then([Answer::made(|request: &Request| {
            let proof = request.header("dpop").and_then(Jwt::parse).expect("a proof");
            if proof.claims["nonce"] == "n-1" {
                return Reply::new(200);
            }
            Reply::new(401).header("WWW-Authenticate", r#"DPoP error="use_dpop_nonce""#).header("DPoP-Nonce", "n-1")
        })]);
        let client = world.authorization.client().allow_origin(world.api.origin()).clock(world.clock.clone());
        let client = client.dpop(SigningKey::generate(Algorithm::ES256).unwrap()).build().unwrap();
        let world = World { client, ..world };
        for _ in 0..2 {
            let (status, _) = send(&world, with, Replay::Idempotent, Method::POST, &world.url(), Body::Whole("three")).await.unwrap();
            assert_eq!(status, 200, "{with:?}");
        }
        // The first without a nonce, the same once more, and the next at once with it.
        world.api.assert_requests(3);
        assert_eq!(tokens(&world), ["DPoP t-1"; 3], "{with:?}");
        let mut checks = ProofChecks::new();
        let now = world.clock.now().wall;
        for request in world.api.requests() {
            checks.dpop(&request, &world.api.origin(), now).unwrap_or_else(|why| panic!("{with:?}: {why}"));
            assert_eq!(request.body, b"three", "{with:?}");
            // Nothing else passes.
            assert!(checks.dpop(&request, &world.api.origin(), now).unwrap_err().contains("used before"));
            let fails = |request: &Request, origin: &str, later: u64, why: &str| {
                let error = ProofChecks::new().dpop(request, origin, now + Duration::from_secs(later)).unwrap_err();
                assert!(error.contains(why), "{error}");
            };
            fails(&request, "http://elsewhere.example", 0, "htu is");
            fails(&request, &world.api.origin(), 61, "iat is");
            let changed = |change: fn(&mut Request)| {
                let mut request = request.clone();
                change(&mut request);
                request
            };
            fails(&changed(|request| request.method = "GET".to_owned()), &world.api.origin(), 0, "htm is");
            let other_token = changed(|request| {
                request.headers.iter_mut().filter(|(name, _)| name == "authorization").for_each(|(_, value)| value.push('x'));
            });
            fails(&other_token, &world.api.origin(), 0, "ath");
            let other_proof = changed(|request| {
                for (_, value) in request.headers.iter_mut().filter(|(name, _)| name == "dpop") {
                    let signature = value.split_off(value.rfind('.').unwrap() + 1);
                    value.extend(signature.chars().rev());
                }
            });
            assert!(ProofChecks::new().dpop(&other_proof, &world.api.origin(), now).is_err());
        }
        for request in world.authorization.requests() {
            checks.dpop(&request, &world.authorization.origin(), now).unwrap_or_else(|why| panic!("{with:?}: {why}"));
        }
    }
}

#[cfg(feature = "jwt")]
#[tokio::test]
async fn assertions() {
    use client_credentials::testkit::ProofChecks;
    use client_credentials::{Algorithm, Clock as _, SigningKey};

    let server = Server::script([Answer::reset(), Reply::token("t-1").into()]);
    let clock = VirtualClock::leaping(Duration::from_secs(10));
    let client = Client::builder(server.url(), "my-id", SigningKey::generate(Algorithm::ES256).unwrap());
    let client = client.allow_http_on_loopback().clock(clock.clone()).build().unwrap();
    client.authorize().await.unwrap();
    server.assert_requests(2);
    let mut checks = ProofChecks::new();
    for request in server.requests() {
        let assertion = checks.assertion(&request, "my-id", &server.url(), clock.now().wall).unwrap();
        assert_eq!(assertion.header["alg"], "ES256");
        assert!(checks.assertion(&request, "my-id", &server.url(), clock.now().wall).unwrap_err().contains("used before"));
        let refused = |client: &str, audience: &str, later: u64| {
            ProofChecks::new().assertion(&request, client, audience, clock.now().wall + Duration::from_secs(later)).unwrap_err()
        };
        assert!(refused("other", &server.url(), 0).contains("iss and sub"));
        assert!(refused("my-id", "https://other.example", 0).contains("aud is"));
        assert!(refused("my-id", &server.url(), 3600).contains("expired"));
    }
}
