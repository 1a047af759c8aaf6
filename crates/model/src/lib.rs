//! Plain data and pure rules about npm packages.
//!
//! Values in, values out: no IO, no async, no clock. Every other crate speaks in these types.

mod name;
mod observation;
mod packument;
mod popularity;
mod repository;
mod search_hit;
mod tolerant;

pub use name::{InvalidName, PackageName};
pub use observation::{Observation, RecentDownloads, Source, State, Summary};
pub use popularity::{Bucket, Popularity};
pub use repository::browse_url;
pub use search_hit::{Record, RecordError, parse_record};
