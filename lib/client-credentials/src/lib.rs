// The README's links to files lead to items here: of two definitions of a link the first one counts.
//! [Auth0]: Preset::AUTH0
//! [Cognito]: Preset::COGNITO
//! [Entra ID]: Preset::ENTRA_ID
//! [Entra ID certificate]: Preset::ENTRA_ID_CERTIFICATE
//! [GitHub-like]: Preset::GITHUB_LIKE
//! [Google MCP]: Preset::GOOGLE_MCP
//! [JSON only]: Preset::JSON_ONLY
//! [Keycloak]: Preset::KEYCLOAK
//! [Okta]: Preset::OKTA
//! [Okta org]: Preset::OKTA_ORG
//! [RFC 6749]: Preset::RFC_6749
//! [Raw Basic]: Preset::RAW_BASIC
//! [django-oauth-toolkit]: Preset::DJANGO_OAUTH_TOOLKIT
//! [What is done of each standard]: crate::standards
//! [kanidm]: Preset::KANIDM
//! [oidc-provider]: Preset::OIDC_PROVIDER
//! [what others can do]: crate::features
#![cfg_attr(feature = "reqwest-middleware", doc = "[`reqwest_middleware::TokenMiddleware`]: reqwest_middleware::TokenMiddleware")]
#![cfg_attr(feature = "testkit", doc = "[`testkit`]: testkit")]
#![cfg_attr(feature = "tonic", doc = "[`tonic::TokenInterceptor`]: tonic::TokenInterceptor")]
#![cfg_attr(feature = "tower", doc = "[`tower::TokenLayer`]: tower::TokenLayer")]
#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod address;
mod answer;
#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
mod calls;
mod challenge;
mod client;
mod clock;
mod credential;
mod engine;
mod error;
mod events;
mod flight;
mod freshness;
#[cfg(any(feature = "reqwest-middleware", feature = "tower", feature = "tonic"))]
mod front;
mod http_client;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(feature = "jwt")]
mod key;
mod metadata;
mod preset;
mod request;
#[cfg(feature = "reqwest")]
mod reqwest_client;
#[cfg(feature = "reqwest-middleware")]
pub mod reqwest_middleware;
mod scrub;
mod secret;
mod server;
mod status;
/// The locks of [`flight`]. A test puts others in their place.
mod sync {
    pub(crate) use std::sync::{Mutex, MutexGuard};
}
#[cfg(feature = "testkit")]
pub mod testkit;
mod token;
#[cfg(feature = "tonic")]
pub mod tonic;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "blocking")]
mod ureq_client;

pub use builder::{ClientBuilder, Profile};
pub use calls::Introspection;
pub use challenge::{Challenge, parse_challenges};
pub use client::{Advice, Authorizing, Client};
pub use clock::{Clock, Now, Spawn, SystemClock};
pub use credential::{ClientCertificate, Credential};
pub use engine::Invalidated;
pub use error::{Answer, Error, ErrorKind, OAuthError};
pub use events::{Attempt, Event, Events, Failure, Observer};
pub use freshness::{Cooldown, Freshness, Retry, UnknownExpiry};
#[cfg(any(feature = "reqwest-middleware", feature = "tower", feature = "tonic"))]
pub use front::Replay;
pub use http_client::{BoxFuture, HttpClient, Limits, TransportError, TransportErrorKind};
#[cfg(feature = "jwt")]
pub use key::{Algorithm, Signer, SigningKey};
pub use metadata::Metadata;
pub use preset::{Needs, Preset};
pub use request::{AssertionAudience, AssertionPolicy, BasicEncoding, BodyFormat, ClientAuthentication, MacAlgorithm, TokenRequest};
pub use secret::{Secret, SecretProvider, SecretSource};
pub use status::Status;
pub use token::{Plan, Token, TokenType};

#[cfg(doc)]
#[doc = include_str!("../docs/features.md")]
pub mod features {}
#[cfg(doc)]
#[doc = include_str!("../docs/standards.md")]
pub mod standards {}
