//! The one crate that speaks HTTP to npm-like servers.
//!
//! [`Config`] is what npm's own configuration says: which registry, which credentials, which proxy. [`Client`] asks for documents and
//! downloads tarballs, with retry and integrity. [`data_set`] reads the lists that are published as packages, straight from their tarballs,
//! and [`read_readme`] a package's README. [`DownloadsClient`] asks npm how often packages are downloaded. [`Images`] fetches the images that READMEs show, from anywhere on the public Internet.

mod address;
mod client;
mod config;
pub mod data_set;
mod download;
mod downloads;
mod error;
mod images;
mod integrity;
mod readme;
mod retry;

pub use address::is_public;
pub use client::{Client, Fetched, PackageVersions, Tarball, Validators};
pub use config::{Config, ConfigError, Layer, Place, npmrc_places};
pub use downloads::{BULK_DAYS, BULK_NAMES, DownloadsClient, SINGLE_DAYS};
pub use error::Error;
pub use images::{Image, ImageError, ImageKind, Images, Limits};
pub use integrity::Integrity;
pub use readme::{MAX_README, ReadmeFile, read_readme};
pub use retry::RetryPolicy;
