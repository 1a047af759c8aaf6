//! What can go wrong with the index.

use std::path::PathBuf;

/// The index could not be read or written. It may be deleted: `pkgstats reindex` makes it anew.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// tantivy failed.
    #[error("the search index in {} failed: {source}", path.display())]
    Index {
        /// The index's folder.
        path: PathBuf,
        /// What tantivy said.
        source: tantivy::TantivyError,
    },
    /// The disk failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the index is not as it was written.
    #[error("the search index in {} is damaged", path.display())]
    Damaged {
        /// The index's folder.
        path: PathBuf,
    },
    /// The index does not say up to which change it reaches.
    #[error("the search index in {} has no readable payload", path.display())]
    Payload {
        /// The index's folder.
        path: PathBuf,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
