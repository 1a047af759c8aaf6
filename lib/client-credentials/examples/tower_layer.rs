//! Calls an API by hyper, behind a layer that puts a token on every request. The variables TOKEN_ENDPOINT, CLIENT_ID, CLIENT_SECRET and API
//! say whom to ask and what to call; it has no TLS, so all of them are on this machine.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it prints, and reads the environment")]

use std::env::var;

use bytes::Bytes;
use client_credentials::tower::{BoxError, TokenLayer};
use client_credentials::{Client, SecretSource};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioExecutor;
use tower::{Layer as _, ServiceExt as _};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let api: http::Uri = var("API")?.parse()?;
    let origin = format!("{}://{}", api.scheme_str().unwrap_or("https"), api.authority().ok_or("API has no host")?);
    let client = Client::builder(var("TOKEN_ENDPOINT")?, var("CLIENT_ID")?, SecretSource::environment("CLIENT_SECRET"))
        .allow_http_on_loopback()
        .allow_origin(origin)
        .build()?;

    let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
    let service = TokenLayer::new(client).layer(http);
    let response = service.oneshot(http::Request::get(api).body(Empty::<Bytes>::new())?).await?;
    let status = response.status();
    println!("{status}: {}", String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()));
    Ok(())
}
