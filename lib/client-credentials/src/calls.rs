//! Calls about a token: revocation (RFC 7009) and introspection (RFC 7662).

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value};

use crate::clock::within;
use crate::error::{Again, Failed, Inner};
use crate::request::form_request;
use crate::scrub::Scrub;
use crate::server::{Endpoints, Server};
use crate::{Error, ErrorKind, Limits, Secret, address, answer};

/// What is asked for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Call {
    Revocation,
    Introspection,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Self::Revocation => "revocation",
            Self::Introspection => "introspection",
        }
    }
}

/// What the authorization server knows of a token (RFC 7662, section 2.2). From [`Client::introspect`](crate::Client::introspect).
#[derive(Clone, Debug, PartialEq)]
pub struct Introspection {
    active: bool,
    members: Map<String, Value>,
}

impl Introspection {
    /// Whether the token can be used now. Of one that cannot, nothing else is told.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Any other member, such as `scope`, `client_id`, `exp` or `cnf`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }
}

impl Server {
    pub(crate) async fn revoke(self: &Arc<Self>, token: &str) -> Result<(), Error> {
        // A success also when the server knows no such token (RFC 7009, section 2.2).
        self.call(Call::Revocation, token).await.map(|_| ())
    }

    pub(crate) async fn introspect(self: &Arc<Self>, token: &str) -> Result<Introspection, Error> {
        let response = self.call(Call::Introspection, token).await?;
        let members = serde_json::from_slice::<Map<String, Value>>(response.body()).unwrap_or_default();
        let Some(active) = members.get("active").and_then(Value::as_bool) else {
            let text = "the introspection endpoint answered HTTP 200 without saying whether the token is active (RFC 7662, section 2.2)";
            return Err(Error::new(ErrorKind::InvalidResponse, text));
        };
        Ok(Introspection { active, members })
    }

    /// One request, which is not repeated: the caller knows whether it is worth it, and when.
    async fn call(self: &Arc<Self>, call: Call, token: &str) -> Result<Response<Bytes>, Error> {
        let (config, name) = (&self.config, call.name());
        let began = self.clock.now();
        let left = || config.deadline.saturating_sub(self.clock.now().monotonic.saturating_sub(began.monotonic));
        let endpoints = self.endpoints(config.deadline).await;
        let endpoints = endpoints.map_err(|failed| {
            let text = format!("the metadata of {} cannot be used: {}", address::host(config.address.uri()), failed.text);
            self.call_failed(&failed, text, None)
        })?;
        let endpoint = match call {
            Call::Revocation => &endpoints.revocation,
            Call::Introspection => &endpoints.introspection,
        };
        let Some(endpoint) = endpoint else {
            let text = format!("no {name} endpoint is known: the server's metadata names none, and {name}_endpoint() was not called");
            return Err(Error::configuration(text));
        };
        let (proof, secret) = match within(&*self.clock, left(), self.prove(&endpoints)).await {
            Some(Ok(proof)) => proof,
            Some(Err(why)) => return Err(Error::new(ErrorKind::Secret, why)),
            None => return Err(Error::new(ErrorKind::Timeout, format!("nothing to prove who the client is within {:?}", config.deadline))),
        };
        let scrub = Scrub::new(&config.client_id, secret.as_ref().map_or("", Secret::expose), endpoint.query());
        let scrub = scrub.and(proof.secret()).and(token);
        let failed = |failed: &Failed| {
            let text = format!("the {name} request to {} failed: {}", address::host(endpoint), failed.text);
            self.call_failed(failed, text, Some(&endpoints))
        };
        let fields = [("token", token), ("token_type_hint", "access_token")];
        let request = form_request(endpoint, &config.client_id, &proof, &fields);
        let request = request.map_err(|error| Error::configuration(scrub.text(&error.to_string(), 200)))?;
        let limits = Limits { total: config.limits.total.min(left()), ..config.limits };
        let answer = within(&*self.clock, limits.total, self.http.send(request, limits)).await;
        let response = answer::received(answer, limits).map_err(|error| failed(&answer::failed_transport(&error, &scrub)))?;
        if response.status() != StatusCode::OK {
            return Err(failed(&answer::failure(&response, self.clock.now(), &scrub)));
        }
        Ok(response)
    }

    fn call_failed(&self, failed: &Failed, text: String, endpoints: Option<&Endpoints>) -> Error {
        let method = endpoints.map_or(String::new(), |endpoints| format!(" [{}]", endpoints.authentication.name()));
        let parts = Inner {
            kind: failed.kind,
            text: format!("{text}{method}"),
            advice: None,
            oauth: failed.oauth.clone(),
            status: failed.status,
            retryable: failed.again == Again::Yes,
            attempts: 1,
            answers: Vec::new(),
        };
        let retry_at = failed.retry_after.and_then(|after| self.clock.now().wall.checked_add(after));
        Error::from_inner(parts).with_retry_at(retry_at)
    }
}
