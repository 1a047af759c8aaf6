//! What all front ends have in common: which requests are sent once more, and when.

#[cfg(feature = "tower")]
use http::Request;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Method, StatusCode, Uri};

use crate::{Advice, Client, Error, Token, parse_challenges};

/// Which requests may be sent once more after a resource server refused their token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replay {
    /// Those whose repetition changes nothing: GET, HEAD, OPTIONS, TRACE, PUT and DELETE (RFC 9110, section 9.2.2). Others only where the
    /// server asks for a nonce in the proof, which it does before it does anything else (RFC 9449, section 9).
    #[default]
    Idempotent,
    /// All: for APIs that look at the token before they do anything.
    Always,
    /// None.
    Never,
}

impl Replay {
    /// Whether a copy of the request is worth keeping.
    #[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
    pub(crate) fn keeps(self) -> bool {
        self != Self::Never
    }
}

/// A request on its way, with its token.
pub(crate) struct Sent {
    client: Client,
    replay: Replay,
    method: Method,
    target: Uri,
    token: Token,
    /// At most one replay for each of both reasons.
    had_nonce: bool,
    had_token: bool,
}

impl Sent {
    /// The first time.
    pub(crate) async fn new(client: &Client, replay: Replay, method: &Method, target: &Uri) -> Result<Self, Error> {
        let token = client.authorization(target).await?;
        let (method, target) = (method.clone(), target.clone());
        Ok(Self { client: client.clone(), replay, method, target, token, had_nonce: false, had_token: false })
    }

    #[cfg(feature = "tonic")]
    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    /// Puts the token, and a proof if there has to be one, in the place of whatever authorized the request.
    #[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
    pub(crate) async fn authorize(&self, headers: &mut HeaderMap) -> Result<(), Error> {
        for (name, value) in &self.client.headers_for(&self.token, &self.method, &self.target).await? {
            headers.insert(name, value.clone());
        }
        Ok(())
    }

    /// Reads the answer. Whether the request is to be sent once more, if there is another copy of it; then it has the token for that.
    pub(crate) async fn again(&mut self, answered: &Uri, status: StatusCode, headers: &HeaderMap, has_copy: bool) -> bool {
        let advice = self.client.observe(&self.token, answered, status, headers);
        if advice != Advice::Replay || !has_copy {
            return false;
        }
        let wants_nonce = status == StatusCode::UNAUTHORIZED
            && headers.contains_key(WWW_AUTHENTICATE)
            && parse_challenges(headers).iter().any(|challenge| challenge.parameter("error") == Some("use_dpop_nonce"));
        let may = match self.replay {
            Replay::Never => false,
            Replay::Always => true,
            Replay::Idempotent => wants_nonce || self.method.is_idempotent(),
        };
        let had = if wants_nonce { &mut self.had_nonce } else { &mut self.had_token };
        if !may || std::mem::replace(had, true) {
            return false;
        }
        // Whoever called is better served by the server's answer than by the error of a second request.
        let Ok(token) = self.client.authorization(&self.target).await else { return false };
        if !wants_nonce && token.access_token() == self.token.access_token() {
            return false;
        }
        self.token = token;
        true
    }
}

/// The same request, with another body.
#[cfg(feature = "tower")]
pub(crate) fn with_body<A, B>(request: &Request<A>, body: B) -> Request<B> {
    let mut copy = Request::new(body);
    request.method().clone_into(copy.method_mut());
    request.uri().clone_into(copy.uri_mut());
    *copy.version_mut() = request.version();
    request.headers().clone_into(copy.headers_mut());
    request.extensions().clone_into(copy.extensions_mut());
    copy
}
