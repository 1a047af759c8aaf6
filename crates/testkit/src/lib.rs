//! For tests only: a registry that answers like npm's and fails like it, time that passes quickly, published lists of any size, and fresh databases of both kinds.

mod clock;
mod downloads;
mod lists;
mod packuments;
mod postgres;
mod registry;
mod tarball;

pub use clock::{Hurry, VirtualClock, at_most, hurry};
pub use downloads::{DownloadFaults, DownloadRequest, FakeDownloads, count_of, counted_packages, is_lost};
pub use lists::{Lists, write_lists};
pub use packuments::packument;
pub use postgres::fresh_database;
pub use registry::{FakeRegistry, Fault, Request};
pub use tarball::{integrity, tarball};

/// A folder that is removed at the end of the test.
///
/// # Panics
/// When none can be made.
#[must_use]
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}
