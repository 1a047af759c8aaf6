//! oauth2, as its documentation says: one client, redirects off. It keeps no tokens, so that every call is a request; at most 2,000 at once,
//! since each is a connection, and two file descriptors in this process.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use oauth2::basic::BasicClient;
use oauth2::{ClientId, ClientSecret, TokenUrl, reqwest};

use super::{Ask, Contender};

pub(crate) const NAME: &str = "oauth2 5.0";

pub(crate) fn contender() -> Contender {
    Contender { name: NAME, at_once: 2_000, cold }
}

fn cold(token_endpoint: String) -> LocalBoxFuture<'static, Ask> {
    async move {
        let client = Arc::new(
            BasicClient::new(ClientId::new("bench".to_owned()))
                .set_client_secret(ClientSecret::new("secret".to_owned()))
                .set_token_uri(TokenUrl::new(token_endpoint).expect("a URL")),
        );
        let http = reqwest::ClientBuilder::new().redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client");
        Ask::new(move || {
            let (client, http) = (Arc::clone(&client), http.clone());
            async move {
                let response = client.exchange_client_credentials().request_async(&http).await;
                response.map(drop).map_err(|error| error.to_string())
            }
            .boxed()
        })
    }
    .boxed_local()
}
