//! Gets a token from a server that the environment names, and says until when it is valid.
//!
//! ```console
//! TOKEN_ENDPOINT=https://auth.example/oauth/token CLIENT_ID=my-id CLIENT_SECRET=… SCOPE=orders:read \
//!     cargo run -p client-credentials --example first
//! ```
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program reads its environment and prints")]

use std::env;
use std::error::Error;

use client_credentials::{Client, SecretSource};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str| env::var(name).map_err(|error| format!("{name}: {error}"));
    let secret = SecretSource::environment("CLIENT_SECRET");
    let client = Client::builder(variable("TOKEN_ENDPOINT")?, variable("CLIENT_ID")?, secret)
        .scope(variable("SCOPE").unwrap_or_default())
        .allow_http_on_loopback()
        .build()?;
    let headers = client.authorize().await?.headers();
    // The token itself is not for a terminal: a header of it prints as Sensitive.
    println!("{headers:?}");
    println!("{}", client.status());
    Ok(())
}
