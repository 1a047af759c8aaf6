//! Lists over all packages, as they were computed in the background.

use std::sync::Arc;

use serde::Serialize;
use store::{TrendList, TrendSource};
use utoipa::ToSchema;

use crate::search::rfc3339;
use crate::statistics::counted_by;
use crate::{Catalog, Error, SearchHit};

/// Packages in a list, and keywords that are offered.
const LISTED: usize = 100;
const KEYWORDS: i64 = 60;

/// A list of packages, of all or of one keyword. It compares counts of one source only.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TrendsPage {
    /// `popular`, `rising`, `falling` or `newest`.
    #[schema(value_type = String)]
    pub list: TrendList,
    /// The keyword, in lower case; missing for all packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword: Option<String>,
    /// What was counted: `30 days to 2026-11-21`, or `snapshot 2026-03`; missing before anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<String>,
    /// What that is compared with: `the 30 days before`, or `snapshot 2026-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<String>,
    /// How many packages were compared.
    pub compared_packages: u64,
    /// When the list was computed, RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made: Option<String>,
    /// The packages.
    pub packages: Vec<TrendPackage>,
    /// Keywords with lists of their own, those of most packages first.
    pub keywords: Vec<KeywordCount>,
}

/// A package in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TrendPackage {
    /// The package.
    pub package: SearchHit,
    /// Its downloads, as they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<u64>,
    /// Its downloads in the period before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// By how much that is more: 0.25 for a quarter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    /// It appeared after this date, RFC 3339 …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// … and before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
}

/// A keyword and how many packages with it were compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeywordCount {
    /// The keyword, in lower case.
    pub keyword: String,
    /// How many.
    pub packages: u64,
}

/// The list of this name.
#[must_use]
pub fn trend_list(name: &str) -> Option<TrendList> {
    TrendList::ALL.into_iter().find(|list| trend_name(*list) == name)
}

/// The name of a list.
#[must_use]
pub fn trend_name(list: TrendList) -> &'static str {
    match list {
        TrendList::Popular => "popular",
        TrendList::Rising => "rising",
        TrendList::Falling => "falling",
        TrendList::Newest => "newest",
    }
}

impl Catalog {
    /// A stored list. `None` when a keyword has none.
    pub async fn trends(&self, list: TrendList, keyword: Option<&str>) -> Result<Option<Arc<TrendsPage>>, Error> {
        let keyword = keyword.map(str::to_lowercase);
        let basis = self.store.trend_basis().await?;
        let made_at = basis.as_ref().map(|basis| basis.made_at);
        let key = (list, keyword.clone());
        // A list stays as it is until all are computed anew.
        if let Some(kept) = self.trends.get(&key)
            && kept.0 == made_at
        {
            return Ok(Some(kept.1));
        }
        let trend = self.store.trend(list, keyword.as_deref(), LISTED).await?;
        if trend.is_none() && keyword.is_some() {
            return Ok(None);
        }
        let page = TrendsPage {
            list,
            keyword,
            counted: basis.as_ref().map(counted_by),
            compared: basis.as_ref().and_then(|basis| match &basis.source {
                TrendSource::Days { .. } => Some("the 30 days before".to_owned()),
                TrendSource::Snapshots { earlier, .. } => earlier.as_ref().map(|month| format!("snapshot {month}")),
            }),
            compared_packages: basis.as_ref().map_or(0, |basis| basis.packages),
            made: made_at.map(rfc3339),
            packages: trend.into_iter().flat_map(|trend| trend.entries).map(TrendPackage::from).collect(),
            keywords: self
                .store
                .trend_keywords(KEYWORDS)
                .await?
                .into_iter()
                .map(|one| KeywordCount { keyword: one.keyword, packages: one.packages })
                .collect(),
        };
        let page = Arc::new(page);
        self.trends.insert(key, (made_at, Arc::clone(&page)));
        Ok(Some(page))
    }
}

impl TrendPackage {
    pub(crate) fn uncounted(package: SearchHit) -> Self {
        Self { package, downloads: None, before: None, change: None, not_before: None, not_after: None }
    }
}

impl From<store::TrendEntry> for TrendPackage {
    fn from(entry: store::TrendEntry) -> Self {
        let change = entry.downloads.zip(entry.before).filter(|(_, before)| *before > 0);
        Self {
            package: SearchHit::new(entry.package, false, 0.0),
            downloads: entry.downloads,
            before: entry.before,
            change: change.map(|(now, before)| now as f64 / before as f64 - 1.0),
            not_before: entry.appearance.map(|when| rfc3339(when.not_before)),
            not_after: entry.appearance.map(|when| rfc3339(when.not_after)),
        }
    }
}
