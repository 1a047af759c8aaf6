//! middle, with its defaults. Its `build()` fetches the first token, and is here awaited once for all callers through a `Shared` future: the
//! library itself has no callers before there is a token.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use middle::{Authorizer, BasicClientCredentialAuthorizer};

use super::{Ask, Contender};

pub(crate) const NAME: &str = "middle 0.5";

pub(crate) fn contender() -> Contender {
    Contender { name: NAME, at_once: usize::MAX, cold }
}

fn cold(token_endpoint: String) -> LocalBoxFuture<'static, Ask> {
    async move {
        let shared = build(token_endpoint).map(|result| result.map(Arc::new)).boxed().shared();
        Ask::new(move || {
            let shared = shared.clone();
            async move {
                let authorizer = shared.await?;
                authorizer.authorization_header().map(drop).map_err(|error| error.to_string())
            }
            .boxed()
        })
    }
    .boxed_local()
}

/// The first token, and a task that keeps it fresh.
pub(crate) async fn build(token_endpoint: String) -> Result<BasicClientCredentialAuthorizer, String> {
    let endpoint = token_endpoint.parse().expect("a URL");
    BasicClientCredentialAuthorizer::basic_builder("bench", "secret", endpoint).build().await.map_err(|error| error.to_string())
}
