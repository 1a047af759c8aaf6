//! What can go wrong while reading.

/// A view that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The index.
    #[error(transparent)]
    Search(#[from] ::search::Error),
    /// The query cannot be asked.
    #[error(transparent)]
    Query(#[from] ::search::QueryError),
    /// The chart is too much.
    #[error(transparent)]
    Chart(#[from] crate::InvalidChart),
    /// There is no index yet.
    #[error("there is no search index yet: packages are still being read, or `pkgstats fill` was never run")]
    NoIndex,
    /// A task of ours ended unexpectedly.
    #[error("an internal task ended unexpectedly")]
    Task,
}
