//! For reqwest, by the crate reqwest-middleware (feature `reqwest-middleware`).
//!
//! ```no_run
//! use client_credentials::Client;
//! use client_credentials::reqwest_middleware::TokenMiddleware;
//!
//! # async fn example(secret: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("https://auth.example/token", "my-id", secret).allow_origin("https://api.example").build()?;
//! let http = reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(TokenMiddleware::new(client)).build();
//! let orders = http.get("https://api.example/orders").send().await?;
//! # Ok(())
//! # }
//! ```

use ::reqwest_middleware::{Error, Middleware, Next, Result};
use http::{Extensions, Uri};
use reqwest::{Request, Response};

use crate::address::Origin;
use crate::front::Sent;
use crate::{Client, ErrorKind, Replay};

/// Puts a token on every request, in place of any other `Authorization`. Where a server refuses the token before it expires, the request is
/// sent once more with a new one, by the rules of [`Client::observe`], if its body can be cloned and its method allows it ([`Replay`]).
/// Otherwise the server's answer is handed back.
///
/// A request to an origin that the client may not send its token to is not sent at all, and so is one without a token: the error is
/// [`Error::Middleware`], with a [`client_credentials::Error`](crate::Error) in it. A redirect to another origin leaves the token behind, as
/// reqwest does it.
///
/// Put it behind middlewares that send a request several times, since every attempt needs headers of its own.
#[derive(Clone, Debug)]
pub struct TokenMiddleware {
    client: Client,
    replay: Replay,
}

impl TokenMiddleware {
    /// Tokens of this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, replay: Replay::default() }
    }

    /// Which requests may be sent once more.
    #[must_use]
    pub fn replay(mut self, replay: Replay) -> Self {
        self.replay = replay;
        self
    }
}

#[async_trait::async_trait]
impl Middleware for TokenMiddleware {
    async fn handle(&self, mut request: Request, extensions: &mut Extensions, next: Next<'_>) -> Result<Response> {
        let target = uri(&request)?;
        let mut sent = Sent::new(&self.client, self.replay, request.method(), &target).await.map_err(Error::middleware)?;
        loop {
            let copy = if self.replay.keeps() { request.try_clone() } else { None };
            sent.authorize(request.headers_mut()).await.map_err(Error::middleware)?;
            let response = next.clone().run(request, extensions).await?;
            // After a redirect to another origin it was not the token that was judged.
            let answered: Option<Uri> = response.url().as_str().parse().ok();
            let Some(answered) = answered.filter(|answered| Origin::of(answered) == Origin::of(&target)) else {
                return Ok(response);
            };
            if !sent.again(&answered, response.status(), response.headers(), copy.is_some()).await {
                return Ok(response);
            }
            let Some(copy) = copy else { return Ok(response) };
            request = copy;
        }
    }
}

/// The address as the core reads it.
fn uri(request: &Request) -> Result<Uri> {
    let mut url = request.url().clone();
    url.set_fragment(None);
    url.as_str().parse().map_err(|_| {
        let text = format!("the address of the request to {} cannot be read", url.host_str().unwrap_or("?"));
        Error::middleware(crate::Error::new(ErrorKind::OriginNotAllowed, text))
    })
}
