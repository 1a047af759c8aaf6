//! Calls an API by reqwest, with a token on every request. The variables TOKEN_ENDPOINT, CLIENT_ID, CLIENT_SECRET and API say whom to ask
//! and what to call; plain http is for servers on this machine.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it prints, and reads the environment")]

use std::env::var;

use client_credentials::reqwest_middleware::TokenMiddleware;
use client_credentials::{Client, SecretSource};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let api: http::Uri = var("API")?.parse()?;
    let origin = format!("{}://{}", api.scheme_str().unwrap_or("https"), api.authority().ok_or("API has no host")?);
    let client = Client::builder(var("TOKEN_ENDPOINT")?, var("CLIENT_ID")?, SecretSource::environment("CLIENT_SECRET"))
        .allow_http_on_loopback()
        .allow_origin(origin)
        .build()?;

    let http = reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(TokenMiddleware::new(client)).build();
    let response = http.get(api.to_string()).send().await?;
    println!("{}: {}", response.status(), response.text().await?);
    Ok(())
}
