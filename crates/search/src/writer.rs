//! Keeping an index up to date with the store.

use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{IndexWriter, Term};

use crate::{Document, Error, Index, Payload};

/// One thing that happened in the store.
#[derive(Debug, Clone, Copy)]
pub enum IndexChange<'a> {
    /// A package is new or different.
    Written(Document<'a>),
    /// The package of this name is gone.
    Removed(&'a str),
}

/// The one writer of an index.
pub struct Writer<'a> {
    index: &'a Index,
    inner: IndexWriter,
}

impl std::fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("index", self.index).finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the index for writing. Fails while another writer has it open.
    pub fn writer(&self) -> Result<Writer<'_>, Error> {
        let options = IndexWriterOptions::builder().num_worker_threads(1).num_merge_threads(1).memory_budget_per_thread(32 << 20).build();
        let inner: IndexWriter = self.inner.writer_with_options(options).map_err(|source| self.failed(source))?;
        // The large segment, which lies in falling popularity, stays as it was built; small ones are put together beside it.
        let mut policy = LogMergePolicy::default();
        policy.set_max_docs_before_merge(200_000);
        policy.set_min_num_segments(4);
        inner.set_merge_policy(Box::new(policy));
        Ok(Writer { index: self, inner })
    }
}

impl Writer<'_> {
    /// Replaces or removes packages. Seen by others after [`Writer::commit`].
    pub fn apply<'a>(&mut self, changes: impl IntoIterator<Item = IndexChange<'a>>) -> Result<(), Error> {
        let fields = &self.index.fields;
        for change in changes {
            match change {
                IndexChange::Written(package) => {
                    self.inner.delete_term(Term::from_field_text(fields.identity, package.name));
                    self.inner.add_document(fields.document(&package)).map_err(|source| self.index.failed(source))?;
                }
                IndexChange::Removed(name) => {
                    self.inner.delete_term(Term::from_field_text(fields.identity, name));
                }
            }
        }
        Ok(())
    }

    /// Makes the changes last, together with the number up to which they reach.
    pub fn commit(&mut self, payload: Payload) -> Result<(), Error> {
        let mut prepared = self.inner.prepare_commit().map_err(|source| self.index.failed(source))?;
        prepared.set_payload(&format!("{{\"change_seq\":{}}}", payload.change_seq));
        prepared.commit().map_err(|source| self.index.failed(source))?;
        self.index.reload()
    }

    /// Waits for merges and closes.
    pub fn close(self) -> Result<(), Error> {
        self.inner.wait_merging_threads().map_err(|source| self.index.failed(source))
    }
}
