//! What can go wrong while writing.

use std::path::PathBuf;

use store::Holder;

/// A piece of work that was not finished. What was stored before stays stored, and the work may be started again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry or a data set.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The index.
    #[error(transparent)]
    Search(#[from] search::Error),
    /// A document of the registry that is no packument.
    #[error("the registry's document about {name} cannot be read: {why}")]
    Document {
        /// The package.
        name: String,
        /// What is wrong with it.
        why: model::RecordError,
    },
    /// A file or folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process writes.
    #[error("{} is writing to this data directory ({}); stop it, or wait until it has finished", holder.holder, holder.doing)]
    Held {
        /// Who.
        holder: Holder,
    },
    /// The lease ended while working.
    #[error("the lease on the data directory was lost; another process took over")]
    LeaseLost,
    /// A new index that is not as it should be; the old one stays in use.
    #[error("the new search index failed its checks and was not taken into use: {0}")]
    IndexCheck(String),
    /// A data set that nobody has.
    #[error("{0}")]
    NoDataSet(String),
    /// A job that another process did not finish.
    #[error("{0}")]
    Job(String),
    /// A task of ours ended unexpectedly.
    #[error("an internal task ended unexpectedly: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// Asked to stop.
    #[error("stopped before the end; start it again to go on")]
    Cancelled,
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
