//! The readers: one file a view. Joins store and search into plain structs that a page, its JSON and a terminal table all print.
//!
//! Never writes, never fetches.

mod badge;
mod chart;
mod compare;
mod doctor;
mod downloads;
mod error;
mod home;
mod near;
mod package;
mod search;
mod statistics;
mod status;
mod suggestions;
mod trends;
mod user;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use ::search::Index;
use store::Store;

pub use badge::{BadgePeriod, BadgeRequest, BadgeText};
pub use chart::{
    ChartData, ChartHole, ChartLine, ChartPeriod, ChartRelease, ChartRequest, ChartShow, ChartSource, InvalidChart, step_name,
};
pub use compare::{ComparePage, Compared, ComparedManifest, MAX_COMPARED};
pub use doctor::Doctor;
pub use downloads::{DailyDownloads, InvalidPeriod, NpmAnswer, NpmCounts, NpmPeriod, PeriodDownloads, UnknownPackage};
pub use error::Error;
pub use home::{Appeared, HomePage};
pub use near::{is_near, near_request};
pub use package::{
    Heading, ListedAdvisory, MonthCount, PackageAdvisories, PackageAnswer, PackagePage, Readme, ReadmeState, UnpublishedPackage, VersionRow,
};
pub use search::{
    AppliedFilter, DownloadCount, FacetCount, Highlights, MAX_FROM_PLUS_SIZE, Order, ScorePart, SearchFacet, SearchHit, SearchNote,
    SearchPage, SearchRequest, Span, pieces, qualified,
};
pub use statistics::{Finding, InUse, Rank, Statistics, VersionsInUse};
pub use status::{DataSetStatus, SnapshotStatus, Status};
pub use suggestions::{SuggestedName, SuggestedPackage, SuggestionsPage};
pub use trends::{KeywordCount, TrendPackage, TrendsPage, trend_list, trend_name};
pub use user::{Listing, Moved, UserAdvisories, UserDaily, UserPackage, UserPage, UserPeriod, UserRequest, UserSort, UserTotal};

/// Everything that can be read, cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalog {
    store: Store,
    index_root: PathBuf,
    index: Arc<RwLock<Option<Arc<Index>>>>,
    home: Arc<tokio::sync::Mutex<Option<KeptHome>>>,
    trends: moka::sync::Cache<TrendKey, KeptTrends>,
    /// Known vulnerabilities are told.
    tells_advisories: bool,
}

/// A front page and the minute it was made in.
type KeptHome = (i64, Arc<HomePage>);
/// A list, and its keyword.
type TrendKey = (store::TrendList, Option<String>);
/// When the lists were computed, and one of them.
type KeptTrends = (Option<i64>, Arc<TrendsPage>);
/// Lists that are kept.
const TRENDS: u64 = 500;

impl Catalog {
    /// Reads from a store, and from the index in use below `index_root`. A damaged index is as good as none.
    #[must_use]
    pub fn open(store: Store, index_root: PathBuf) -> Self {
        let catalog = Self {
            store,
            index_root,
            index: Arc::default(),
            home: Arc::default(),
            trends: moka::sync::Cache::new(TRENDS),
            tells_advisories: false,
        };
        if let Err(error) = catalog.refresh() {
            tracing::warn!(%error, "the search index cannot be read");
        }
        catalog
    }

    /// The same for whoever runs it alone: with known vulnerabilities, which npm's terms keep for one's own use.
    #[must_use]
    pub fn for_own_use(&self) -> Self {
        Self { tells_advisories: true, ..self.clone() }
    }

    /// Whether known vulnerabilities are told.
    #[must_use]
    pub fn tells_advisories(&self) -> bool {
        self.tells_advisories
    }

    /// Sees what was committed since, and an index that was built since. Cheap enough to be called every second.
    pub fn refresh(&self) -> Result<(), Error> {
        if let Some(index) = self.index()
            && index.is_current()?
        {
            index.reload()?;
            return Ok(());
        }
        let opened = Index::open(&self.index_root)?.map(Arc::new);
        if let Some(index) = opened.clone() {
            // So that whoever types first need not wait for it; failing that, they do.
            std::thread::spawn(move || index.prepare_suggestions());
        }
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = opened;
        Ok(())
    }

    /// Whether there is an index to search in.
    #[must_use]
    pub fn has_index(&self) -> bool {
        self.index().is_some()
    }

    fn index(&self) -> Option<Arc<Index>> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
