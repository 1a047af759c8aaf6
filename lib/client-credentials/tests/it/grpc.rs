//! tonic against a gRPC server on this machine: its interceptor, and the layer around its channel.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use client_credentials::testkit::{Answer, Reply, Server, VirtualClock};
use client_credentials::tonic::TokenInterceptor;
use client_credentials::tower::TokenLayer;
use client_credentials::{Client, Error, ErrorKind};
use http::uri::PathAndQuery;
use http::{HeaderMap, Response, Uri};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{Body, StdError};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::Layer as _;

/// Messages are just bytes.
#[derive(Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// What a client that tonic generates does.
async fn call<T>(channel: T) -> Result<String, Status>
where
    T: tonic::client::GrpcService<tonic::body::Body>,
    T::Error: Into<StdError>,
    T::ResponseBody: Body<Data = Bytes> + Send + 'static,
    <T::ResponseBody as Body>::Error: Into<StdError> + Send,
{
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unknown(error.into().to_string()))?;
    let mut request = tonic::Request::new(Bytes::from("three"));
    request.extensions_mut().insert(tonic::GrpcMethod::new("orders.Orders", "List"));
    let answer = client.unary(request, PathAndQuery::from_static("/orders.Orders/List"), Plain).await?;
    Ok(String::from_utf8(answer.into_inner().to_vec()).unwrap())
}

pub(crate) type Refused = Arc<Mutex<Vec<(&'static str, Code)>>>;

/// Answers with what it was sent and by which token, unless it refuses that.
pub(crate) async fn grpc_server(refused: Refused, seen: Arc<Mutex<Vec<String>>>) -> Uri {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (refused, seen) = (Arc::clone(&refused), Arc::clone(&seen));
            let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let (refused, seen) = (Arc::clone(&refused), Arc::clone(&seen));
                async move {
                    let tokens: Vec<_> = request.headers().get_all("authorization").iter().map(|value| value.to_str().unwrap()).collect();
                    let token = tokens.join(", ");
                    let (path, token) = (request.uri().path().to_owned(), token.trim_start_matches("Bearer ").to_owned());
                    seen.lock().unwrap().push(format!("{path} {token}"));
                    let message = request.into_body().collect().await.unwrap().to_bytes().slice(5..);
                    let code = refused.lock().unwrap().iter().find(|(one, _)| *one == token).map(|(_, code)| *code);
                    let response = Response::builder().header("content-type", "application/grpc");
                    let response = match code {
                        Some(code) => response.header("grpc-status", (code as i32).to_string()),
                        None => response,
                    };
                    let mut frames = Vec::new();
                    if code.is_none() {
                        let text = [message, Bytes::from(format!(" with {token}"))].concat();
                        let mut data = BytesMut::new();
                        data.put_u8(0);
                        data.put_u32(text.len() as u32);
                        data.put_slice(&text);
                        frames.push(Ok::<_, Infallible>(Frame::data(data.freeze())));
                        frames.push(Ok(Frame::trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]))));
                    }
                    response.body(StreamBody::new(futures_util::stream::iter(frames)))
                }
            });
            tokio::spawn(hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service));
        }
    });
    format!("http://{address}").parse().unwrap()
}

struct World {
    authorization: Server,
    clock: VirtualClock,
    client: Client,
    origin: Uri,
    channel: Channel,
    refused: Refused,
    seen: Arc<Mutex<Vec<String>>>,
}

impl World {
    async fn new() -> Self {
        let number = Mutex::new(0);
        let authorization = Server::always(Answer::made(move |_| {
            let mut number = number.lock().unwrap();
            *number += 1;
            Reply::token(&format!("t-{number}"))
        }));
        let (refused, seen) = (Refused::default(), Arc::default());
        let origin = grpc_server(Arc::clone(&refused), Arc::clone(&seen)).await;
        let clock = VirtualClock::leaping(Duration::from_secs(10));
        let client = authorization.client().allow_origin(origin.to_string().trim_end_matches('/')).clock(clock.clone()).build().unwrap();
        let channel = Channel::builder(origin.clone()).connect().await.unwrap();
        Self { authorization, clock, client, origin, channel, refused, seen }
    }

    /// A token is held, and old enough to be dropped; the server refuses it.
    async fn refused(code: Code) -> Self {
        let world = Self::new().await;
        world.client.authorize().await.unwrap();
        world.clock.advance(Duration::from_secs(120));
        world.refused.lock().unwrap().push(("t-1", code));
        world
    }

    fn interceptor(&self) -> TokenInterceptor {
        TokenInterceptor::new(self.client.clone(), self.origin.clone())
    }

    async fn intercepted(&self) -> Result<String, Status> {
        self.interceptor().call(|interceptor| call(InterceptedService::new(self.channel.clone(), interceptor))).await
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|seen| seen.trim_start_matches("/orders.Orders/List ").to_owned()).collect()
    }
}

#[tokio::test]
async fn the_interceptor_waits_for_a_token_and_replaces_it_once() {
    let world = World::new().await;
    assert_eq!(world.intercepted().await.unwrap(), "three with t-1");
    world.clock.advance(Duration::from_secs(120));
    world.refused.lock().unwrap().push(("t-1", Code::Unauthenticated));
    assert_eq!(world.intercepted().await.unwrap(), "three with t-2");
    // Just minted: neither dropped nor tried again.
    world.refused.lock().unwrap().push(("t-2", Code::Unauthenticated));
    assert_eq!(world.intercepted().await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(world.seen(), ["t-1", "t-1", "t-2", "t-2"]);
    world.authorization.assert_requests(2);
}

#[tokio::test]
async fn other_failures_are_no_matter_of_the_token() {
    for code in [Code::PermissionDenied, Code::Unavailable, Code::Internal] {
        let world = World::refused(code).await;
        assert_eq!(world.intercepted().await.unwrap_err().code(), code);
        assert_eq!(world.seen(), ["t-1"], "{code:?}");
        world.authorization.assert_requests(1);
    }
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn an_interceptor_alone_has_what_is_held() {
    let world = World::new().await;
    let alone = async || call(InterceptedService::new(world.channel.clone(), world.interceptor())).await;
    let refused = alone().await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("authorize()"), "{refused}");
    // It was asked for meanwhile.
    world.client.authorize().await.unwrap();
    assert_eq!(alone().await.unwrap(), "three with t-1");
    world.authorization.assert_requests(1);
}

#[tokio::test]
async fn tokens_go_nowhere_else() {
    let world = World::new().await;
    let interceptor = TokenInterceptor::new(world.client.clone(), Uri::from_static("https://elsewhere.example"));
    let refused = interceptor.call(|interceptor| call(InterceptedService::new(world.channel.clone(), interceptor))).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let refused = call(InterceptedService::new(world.channel.clone(), interceptor)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!((world.seen().len(), world.authorization.count()), (0, 0));
}

#[tokio::test]
async fn the_layer_reads_what_grpc_says() {
    let world = World::refused(Code::Unauthenticated).await;
    let service = TokenLayer::new(world.client.clone()).origin(world.origin.clone()).layer(world.channel.clone());
    // A body of tonic's cannot be cloned, so the answer is handed back, and the next call has another token.
    assert_eq!(call(service.clone()).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(call(service.clone()).await.unwrap(), "three with t-2");
    assert_eq!(world.seen(), ["t-1", "t-2"]);

    let nowhere = TokenLayer::new(world.client.clone()).layer(world.channel.clone());
    let error = tower::ServiceExt::oneshot(nowhere, http::Request::post("/orders.Orders/List").body(tonic::body::Body::empty()).unwrap());
    assert_eq!(error.await.unwrap_err().downcast::<Error>().unwrap().kind(), ErrorKind::OriginNotAllowed);
}
