//! The writers: filling the store from data sets, importing, reading packages and users from the registry, keeping the index behind the
//! store, and the lease that lets one process at a time do so.

mod advisories;
mod details;
mod downloads;
mod error;
mod fill;
mod images;
mod import;
mod index;
mod jobs;
mod lease;
mod lists;
mod pacer;
mod popular;
mod progress;
mod upstream;
mod users;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::Store;

pub use details::{Reader, Reading, render_anew};
pub use downloads::{Downloads, Turn, read_downloads};
pub use error::Error;
pub use fill::{FillOptions, FillReport, ListSource, fill};
pub use images::{ImageAnswer, ImageKey};
pub use import::{BadLine, ImportOptions, ImportReport, import};
pub use index::{CaughtUp, catch_up, rebuild};
pub use jobs::{Outcome, Work, ask_and_wait};
pub use lease::{Lease, is_here, read_holder};
pub use popular::read_details;
pub use progress::{Progress, ProgressSender, Unit};
pub use upstream::{Answer, Upstream, Wish, Wishes};
pub use worker::{Background, run_background};

/// The present moment, in seconds since 1970. The binary passes the system's clock in, tests their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// A clock that asks `now`.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Seconds since 1970, UTC.
    #[must_use]
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// What every writer works with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The database.
    pub store: Store,
    /// The data directory.
    pub data: PathBuf,
    /// What time it is.
    pub clock: Clock,
    /// Where progress goes.
    pub progress: ProgressSender,
}

impl Context {
    /// Where indexes live.
    #[must_use]
    pub fn index_root(&self) -> PathBuf {
        index_root(&self.data)
    }

    /// Where downloads lie until they are read.
    #[must_use]
    pub fn tmp(&self) -> PathBuf {
        tmp(&self.data)
    }
}

/// Where the indexes of a data directory live.
#[must_use]
pub fn index_root(data: &Path) -> PathBuf {
    data.join("index")
}

/// Where a data directory keeps what is not finished.
#[must_use]
pub fn tmp(data: &Path) -> PathBuf {
    data.join("tmp")
}
