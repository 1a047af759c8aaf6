//! What is stored, and from when.

use serde::Serialize;
use utoipa::ToSchema;

use crate::search::rfc3339;
use crate::{Catalog, Error};

/// How much there is, and from when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Status {
    /// Packages in the store.
    pub packages: u64,
    /// Packages of which the registry's own document was read.
    pub details: u64,
    /// Packages in the index; missing while there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indexed: Option<u64>,
    /// Changes that the index does not have yet, at most.
    pub behind: u64,
    /// Packages known to have appeared between two lists of names.
    pub appeared: u64,
    /// The lists that were read.
    pub data_sets: Vec<DataSetStatus>,
    /// The months of which downloads are known.
    pub snapshots: Vec<SnapshotStatus>,
}

/// A list that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DataSetStatus {
    /// The package that publishes it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When the registry says it was published, RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// When it was read.
    pub read: String,
    /// How many entries it has.
    pub entries: i64,
}

/// A month of which downloads are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SnapshotStatus {
    /// As `2026-03`.
    pub month: String,
    /// How many packages have a count.
    pub packages: i64,
    /// The sum of the counts.
    pub downloads: i64,
}

impl Catalog {
    /// What is stored, and from when.
    pub async fn status(&self) -> Result<Status, Error> {
        let index = self.index();
        let at = index.as_ref().and_then(|index| index.payload().ok());
        Ok(Status {
            packages: self.store.count().await?,
            details: self.store.count_details().await?,
            indexed: index.map(|index| index.count()),
            behind: self.store.behind(at.map_or(0, |payload| payload.change_seq)).await?,
            appeared: self.store.appearances().await?,
            data_sets: self
                .store
                .data_sets()
                .await?
                .into_iter()
                .map(|set| DataSetStatus {
                    name: set.name,
                    version: set.version,
                    published: set.published_at.map(rfc3339),
                    read: rfc3339(set.loaded_at),
                    entries: set.entries,
                })
                .collect(),
            snapshots: self
                .store
                .snapshots()
                .await?
                .into_iter()
                .map(|snapshot| SnapshotStatus { month: snapshot.month, packages: snapshot.packages, downloads: snapshot.total })
                .collect(),
        })
    }

    /// Whether the store answers and there is an index, as cheaply as that can be known.
    pub async fn is_ready(&self) -> Result<bool, Error> {
        self.store.last_change().await?;
        Ok(self.index().is_some())
    }
}
