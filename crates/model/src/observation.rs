//! What was learnt about one package, from where and when.

use serde::{Deserialize, Serialize};

use crate::PackageName;

/// Where a value comes from, weakest first: a packument beats a search hit, which beats a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A list published as a package: names, repositories.
    DataSet = 1,
    /// A hit of the registry's search API.
    SearchHit = 2,
    /// The registry's own document about the package.
    Packument = 3,
}

impl Source {
    /// The source stored as `number`; anything unknown is the weakest.
    #[must_use]
    pub fn from_number(number: i64) -> Self {
        match number {
            3 => Self::Packument,
            2 => Self::SearchHit,
            _ => Self::DataSet,
        }
    }
}

/// Whether a package can be installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// An ordinary package.
    #[default]
    Active = 0,
    /// Every version was taken back (`time.unpublished`).
    Unpublished = 1,
    /// npm replaced a malicious package with an empty one.
    SecurityHolding = 2,
}

impl State {
    /// The state stored as `number`.
    #[must_use]
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Unpublished,
            2 => Self::SecurityHolding,
            _ => Self::Active,
        }
    }
}

/// One look at one package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observation {
    /// The package.
    pub name: PackageName,
    /// Where this was seen.
    pub source: Source,
    /// When it was seen: seconds since 1970, UTC.
    pub observed_at: i64,
    /// Whether the package can be installed.
    pub state: State,
    /// Web address of the source repository, as [`crate::browse_url`] writes it.
    pub repository: Option<String>,
    /// What a search result shows; `None` when only the name is known.
    pub summary: Option<Summary>,
    /// Recent downloads, where the source tells them.
    pub downloads: Option<RecentDownloads>,
}

/// What a search result shows of a package: its latest version's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The latest version.
    pub version: Option<String>,
    /// When that version was published: seconds since 1970, UTC.
    pub published_at: Option<i64>,
    /// One line, control characters removed.
    pub description: Option<String>,
    /// Keywords, without duplicates, at most 100.
    pub keywords: Vec<String>,
    /// SPDX expression or whatever the author wrote.
    pub license: Option<String>,
    /// http or https only.
    pub homepage: Option<String>,
    /// http, https or mailto only.
    pub bugs: Option<String>,
    /// Who published the latest version.
    pub publisher: Option<String>,
    /// The users who may publish: these decide whose package it is.
    pub maintainers: Vec<String>,
    /// The deprecation message of the latest version; an empty message never stands here.
    pub deprecated: Option<String>,
}

/// Downloads of a package up to the moment of the observation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentDownloads {
    /// In the last 7 days.
    pub weekly: Option<u64>,
    /// In the last 30 days.
    pub monthly: Option<u64>,
}
