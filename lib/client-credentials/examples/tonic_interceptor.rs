//! Calls a gRPC server with tonic's interceptor: the standard health check, whose messages are empty here. The variables TOKEN_ENDPOINT,
//! CLIENT_ID, CLIENT_SECRET and API say whom to ask and where the server is; it has no TLS, so all of them are on this machine.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it prints, and reads the environment")]

use std::env::var;

use bytes::{Buf as _, BufMut as _, Bytes};
use client_credentials::tonic::TokenInterceptor;
use client_credentials::{Client, SecretSource};
use http::uri::PathAndQuery;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{GrpcMethod, Request, Status};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let api: http::Uri = var("API")?.parse()?;
    let origin = format!("{}://{}", api.scheme_str().unwrap_or("https"), api.authority().ok_or("API has no host")?);
    let client = Client::builder(var("TOKEN_ENDPOINT")?, var("CLIENT_ID")?, SecretSource::environment("CLIENT_SECRET"))
        .allow_http_on_loopback()
        .allow_origin(&origin)
        .build()?;

    let channel = Channel::builder(origin.parse()?).connect().await?;
    let interceptor = TokenInterceptor::new(client, origin.parse()?);
    let answer = interceptor.call(|interceptor| check(InterceptedService::new(channel.clone(), interceptor))).await?;
    println!("{} bytes: {}", answer.len(), String::from_utf8_lossy(&answer));
    Ok(())
}

/// What a client does that tonic generates.
async fn check(channel: InterceptedService<Channel, TokenInterceptor>) -> Result<Bytes, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let mut request = Request::new(Bytes::new());
    request.extensions_mut().insert(GrpcMethod::new("grpc.health.v1.Health", "Check"));
    let answer = client.unary(request, PathAndQuery::from_static("/grpc.health.v1.Health/Check"), Plain).await?;
    Ok(answer.into_inner())
}

/// Messages as they are; a generated client has a codec for its own.
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
