//! The one crate that speaks HTTP to npm-like servers.
//!
//! [`Config`] is what npm's own configuration says: which registry, which credentials, which proxy. [`Client`] asks for documents and
//! downloads tarballs, with retry and integrity. [`data_set`] reads the lists that are published as packages, straight from their tarballs.

mod client;
mod config;
pub mod data_set;
mod download;
mod error;
mod integrity;
mod retry;

pub use client::{Client, PackageVersions, Tarball};
pub use config::{Config, ConfigError, Layer, Place, npmrc_places};
pub use error::Error;
pub use integrity::Integrity;
pub use retry::RetryPolicy;
