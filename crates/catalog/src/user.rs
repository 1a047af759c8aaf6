//! A user, and the scope and the repositories of the same name.

use std::collections::HashMap;

use ::search::{Condition, Filter, Query, Total, Wanted};
use serde::Serialize;
use store::Known;
use utoipa::ToSchema;

use crate::search::rfc3339;
use crate::{Catalog, DownloadCount, Error, SearchHit};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRequest {
    /// The user name.
    pub name: String,
    /// The order of the packages.
    pub sort: UserSort,
    /// How many packages to pass over.
    pub from: usize,
    /// How many packages to give.
    pub size: usize,
}

/// The order of a user's packages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserSort {
    /// Most downloaded first.
    #[default]
    Downloads,
    /// By name.
    Name,
    /// Latest published first.
    Published,
}

impl UserSort {
    /// The order of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "downloads" => Some(Self::Downloads),
            "name" => Some(Self::Name),
            "published" => Some(Self::Published),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Downloads => "downloads",
            Self::Name => "name",
            Self::Published => "published",
        }
    }
}

/// A user's packages: those whose maintainers name the user. Times are RFC 3339, UTC.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct UserPage {
    /// The user name.
    pub user: String,
    /// When the registry was last asked for this user's packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// How many packages the registry says there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry_total: Option<u64>,
    /// Why the registry did not list all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// How many packages are known to name the user as a maintainer.
    pub total: usize,
    /// Their downloads together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<UserTotal>,
    /// The order of the packages.
    pub sort: UserSort,
    /// How many packages were passed over.
    pub from: usize,
    /// How many packages were asked for.
    pub size: usize,
    /// The packages.
    pub packages: Vec<UserPackage>,
    /// Packages in the scope of this name; not the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Listing>,
    /// Packages that say their repository belongs to the GitHub account of this name; not the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Listing>,
}

/// One package of a user.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct UserPackage {
    /// The name.
    pub name: String,
    /// The latest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When that version was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Why it should not be used any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// Recent downloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<DownloadCount>,
}

/// Downloads of a user's packages together. Only counts of one source and date are summed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserTotal {
    /// In a month.
    pub monthly: u64,
    /// How many packages have such a count.
    pub packages: usize,
    /// From when the counts are: a date, or `snapshot 2026-03`.
    pub as_of: String,
}

/// The most popular packages of a scope or an owner.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Listing {
    /// How many there are; a lower bound when `total_is_exact` is false.
    pub total: u64,
    /// Whether `total` is the very number.
    pub total_is_exact: bool,
    /// The most downloaded.
    pub packages: Vec<SearchHit>,
}

/// Packages in a listing.
const LISTED: usize = 20;

impl UserPage {
    /// Whether there is anything to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0 && self.scope.is_none() && self.owner.is_none()
    }
}

impl Catalog {
    /// When the registry was last asked for a user's packages, in seconds since 1970, and whether it listed them all.
    pub async fn user_asked(&self, name: &str) -> Result<Option<(i64, bool)>, Error> {
        Ok(self.store.user(name).await?.map(|user| (user.asked_at, user.problem.is_none())))
    }

    /// A user's packages.
    pub async fn user(&self, request: &UserRequest) -> Result<UserPage, Error> {
        let asked = self.store.user(&request.name).await?;
        let mut packages = self.store.packages_of(&request.name).await?;
        let total = packages.len();
        let downloads = sum(&packages);
        let monthly = |known: &Known| known.downloads.as_ref().and_then(|downloads| downloads.monthly);
        let published = |known: &Known| known.summary.as_ref().and_then(|summary| summary.published_at);
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        match request.sort {
            UserSort::Name => {}
            UserSort::Downloads => packages.sort_by_key(|known| std::cmp::Reverse(monthly(known))),
            UserSort::Published => packages.sort_by_key(|known| std::cmp::Reverse(published(known))),
        }
        let name = request.name.to_lowercase();
        Ok(UserPage {
            user: request.name.clone(),
            asked: asked.as_ref().map(|user| rfc3339(user.asked_at)),
            registry_total: asked.as_ref().and_then(|user| user.total).map(i64::cast_unsigned),
            problem: asked.and_then(|user| user.problem),
            total,
            downloads,
            sort: request.sort,
            from: request.from,
            size: request.size,
            packages: packages.into_iter().skip(request.from).take(request.size).map(UserPackage::new).collect(),
            scope: self.listing(Condition::Scope(vec![name.clone()])).await?,
            owner: self.listing(Condition::Owner(vec![format!("github.com/{name}")])).await?,
        })
    }

    async fn listing(&self, condition: Condition) -> Result<Option<Listing>, Error> {
        let Some(index) = self.index() else { return Ok(None) };
        let query = Query { filters: vec![Filter::only(condition)], ..Query::default() };
        let found =
            tokio::task::spawn_blocking(move || index.search(&query, Wanted::page(0, LISTED))).await.map_err(|_| Error::Task)???;
        if found.hits.is_empty() {
            return Ok(None);
        }
        let ids: Vec<i64> = found.hits.iter().map(|hit| hit.id).collect();
        let (total, total_is_exact) = match found.total {
            Total::Exactly(total) => (total, true),
            Total::AtLeast(total) => (total, false),
        };
        Ok(Some(Listing { total, total_is_exact, packages: self.hits(&ids).await? }))
    }
}

/// The sum over the source and date that counted most of the packages.
fn sum(packages: &[Known]) -> Option<UserTotal> {
    let mut sums: HashMap<String, (usize, u64)> = HashMap::new();
    for downloads in packages.iter().filter_map(|known| known.downloads.clone()) {
        let downloads = DownloadCount::from(downloads);
        if let Some(monthly) = downloads.monthly {
            let (packages, sum) = sums.entry(downloads.as_of).or_default();
            *packages += 1;
            *sum += monthly;
        }
    }
    let (as_of, (packages, monthly)) = sums.into_iter().max_by(|a, b| (a.1.0, &a.0).cmp(&(b.1.0, &b.0)))?;
    Some(UserTotal { monthly, packages, as_of })
}

impl UserPackage {
    fn new(known: Known) -> Self {
        let summary = known.summary.unwrap_or_default();
        Self {
            name: known.name,
            version: summary.version,
            description: summary.description,
            published: summary.published_at.map(rfc3339),
            deprecated: summary.deprecated,
            downloads: known.downloads.map(DownloadCount::from),
        }
    }
}
