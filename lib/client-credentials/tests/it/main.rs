//! What the library promises, seen from outside.
#![allow(clippy::unwrap_used, clippy::unchecked_time_subtraction, reason = "a test that panics fails")]

#[cfg(feature = "reqwest")]
mod canary;
#[cfg(feature = "jwt")]
mod careful_server;
#[cfg(feature = "command")]
mod command;
mod contract;
mod discovery;
mod documents;
#[cfg(all(feature = "reqwest", feature = "reqwest-middleware", feature = "tonic", feature = "tower"))]
mod examples;
mod failures;
#[cfg(feature = "jwt")]
mod fapi;
mod flights;
mod freshness;
#[cfg(all(feature = "reqwest", feature = "reqwest-middleware", feature = "tower"))]
mod front_ends;
#[cfg(all(feature = "reqwest", feature = "tonic", feature = "tower"))]
mod grpc;
#[cfg(feature = "reqwest")]
mod hostile;
#[cfg(feature = "reqwest")]
mod hostile_server;
mod interleavings;
#[cfg(feature = "jwt")]
mod jose;
#[cfg(feature = "jwt")]
mod keys;
mod model;
mod observer;
#[cfg(all(feature = "reqwest", feature = "rustls", feature = "jwt"))]
mod peers;
mod presets;
mod readme;
mod requests;
mod resource_server;
mod runtimes;
mod seeds;
#[cfg(feature = "reqwest")]
mod subjects;
mod support;
