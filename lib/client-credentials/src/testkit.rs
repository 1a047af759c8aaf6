//! For tests of programs that use the library, with the feature `testkit`: a [`Server`] on this machine that follows a script and keeps count,
//! and a [`VirtualClock`] that leaps.
//!
//! ```
//! use client_credentials::testkit::{Answer, Reply, Server, VirtualClock};
//! use std::time::Duration;
//!
//! # #[cfg(feature = "reqwest")]
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), client_credentials::Error> {
//!     // Down at first, then too busy, then there.
//!     let server = Server::script([Answer::reset(), Reply::new(429).retry_after("3").into(), Reply::token("t-1").into()]);
//!     let clock = VirtualClock::leaping(Duration::from_secs(10));
//!     let client = server.client().clock(clock.clone()).build()?;
//!
//!     assert_eq!(client.token().await?.access_token(), "t-1");
//!     server.assert_requests(3);
//!     assert!(clock.pauses()[1] >= Duration::from_secs(3));
//!
//!     // Half an hour later the token is still good, and in an hour it is not.
//!     clock.advance(Duration::from_secs(1800));
//!     server.then([Reply::token("t-2").into()]);
//!     assert_eq!(client.token().await?.access_token(), "t-1");
//!     server.assert_requests(3);
//!     clock.advance(Duration::from_secs(1800));
//!     assert_eq!(client.token().await?.access_token(), "t-2");
//!     server.assert_requests(4);
//!     Ok(())
//! }
//! # #[cfg(not(feature = "reqwest"))]
//! # fn main() {}
//! ```

mod clock;
mod proofs;
mod server;

pub use clock::VirtualClock;
pub use proofs::{Jwt, ProofChecks};
pub use server::{Answer, Reply, Request, Server};
