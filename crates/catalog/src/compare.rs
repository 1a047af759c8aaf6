//! Up to ten packages side by side.

use std::collections::{HashMap, HashSet};

use model::{DayRange, PackageName};
use serde::Serialize;
use utoipa::ToSchema;

use crate::downloads::trend;
use crate::search::rfc3339;
use crate::statistics::{Finding, Needed, TREND_WEEKS};
use crate::{Catalog, DailyDownloads, DownloadCount, Error, Rank};

/// Most packages that stand side by side.
pub const MAX_COMPARED: usize = 10;

/// Packages side by side.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ComparePage {
    /// The packages, in the order in which they were asked for.
    pub packages: Vec<Compared>,
    /// Names that are not known here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// Names that were left out because they are more than ten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// How many packages' details are stored; dependents are counted among these.
    pub details: u64,
}

/// One of the packages. What is not known is left out; times are RFC 3339, UTC.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Compared {
    /// The name.
    pub name: String,
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The latest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// When the name was first published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Why it should not be used any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// SPDX expression or whatever the author wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Web address of its repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The users who may publish.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<String>,
    /// Downloads as npm counts them by day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<DailyDownloads>,
    /// Recent downloads from other sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<DownloadCount>,
    /// Downloads of each of the last 52 times 7 days, the oldest first; `null` where not all seven are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trend: Vec<Option<u64>>,
    /// Its place among all packages that are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<Rank>,
    /// How many packages need its latest version, among the packages whose details are stored.
    pub dependents: u64,
    /// What its latest version says of itself; missing while that was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<ComparedManifest>,
    /// What could be worked on; missing while the latest version was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<Vec<Finding>>,
}

/// What a latest version says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ComparedManifest {
    /// How many versions there are.
    pub versions: usize,
    /// How many were published within the last 365 days.
    pub versions_in_a_year: usize,
    /// Bytes when unpacked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpacked_bytes: Option<u64>,
    /// Files in the tarball.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// How many packages it needs.
    pub dependencies: usize,
    /// How many it expects beside it.
    pub peer_dependencies: usize,
    /// It brings TypeScript types.
    pub has_types: bool,
    /// It can be loaded with `import`.
    pub is_esm: bool,
    /// It can be loaded with `require`.
    pub is_commonjs: bool,
    /// Scripts run while it is installed.
    pub runs_scripts: bool,
    /// The registry holds a statement about how it was built.
    pub has_provenance: bool,
    /// The range of Node.js versions it is made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

const YEAR: i64 = 365 * 24 * 3600;

impl Catalog {
    /// Packages side by side, each named once, at this moment in seconds since 1970.
    pub async fn compare(&self, names: &[PackageName], now: i64) -> Result<ComparePage, Error> {
        let mut seen = HashSet::new();
        let mut names: Vec<PackageName> = names.iter().filter(|name| seen.insert(name.as_str())).cloned().collect();
        let left_out = names.split_off(names.len().min(MAX_COMPARED));
        let known = self.known_of(&names).await?;
        let ids: Vec<i64> = known.iter().map(|known| known.id).collect();
        let (sums, facts, dependents, ranks, basis, weeks, details) = tokio::try_join!(
            self.store.download_sums(&ids),
            self.store.latest_facts(&ids),
            self.store.dependent_counts(&ids),
            self.store.ranks(&ids),
            self.store.trend_basis(),
            self.store.newest_version_weeks(&ids),
            self.store.count_details(),
        )?;
        let described: Vec<(&str, &store::LatestFacts)> =
            known.iter().filter_map(|known| Some((known.name.as_str(), facts.get(&known.id)?))).collect();
        let needed = Needed::by(self, &described).await?;
        let newest = sums.values().map(|sums| sums.as_of).max();
        let series = match newest {
            Some(newest) => self.store.series_of(&ids, DayRange::ending(newest, TREND_WEEKS.unsigned_abs() * 7)).await?,
            None => HashMap::new(),
        };
        let unknown = names.iter().filter(|name| !known.iter().any(|known| known.name == name.as_str())).map(ToString::to_string).collect();
        let mut packages = Vec::with_capacity(known.len());
        for known in known {
            let (id, facts) = (known.id, facts.get(&known.id));
            let stored = self.store.details(id).await?;
            let created = stored.as_ref().and_then(|stored| stored.details.created_at).map(rfc3339);
            let latest = stored.and_then(|stored| {
                let recent = |line: &&model::VersionLine| line.published_at.is_some_and(|at| at > now - YEAR);
                let (lines, manifest) = (stored.details.versions, stored.latest?);
                Some(ComparedManifest {
                    versions: lines.len(),
                    versions_in_a_year: lines.iter().filter(recent).count(),
                    unpacked_bytes: manifest.unpacked_bytes,
                    files: manifest.files,
                    dependencies: manifest.dependencies.len(),
                    peer_dependencies: manifest.peer_dependencies.len(),
                    has_types: manifest.has_types,
                    is_esm: manifest.is_esm,
                    is_commonjs: manifest.is_commonjs,
                    runs_scripts: !manifest.install_scripts.is_empty(),
                    has_provenance: manifest.has_provenance,
                    node: manifest.engines.into_iter().find(|engine| engine.name == "node").map(|engine| engine.range),
                })
            });
            let problems = facts.map(|facts| {
                let versions = weeks.get(&id).map_or(&[][..], |week| &week.counts);
                needed.problems(&known, Some(facts), versions, None).into_iter().map(Finding::from).collect()
            });
            let summary = known.summary.unwrap_or_default();
            packages.push(Compared {
                name: known.name,
                description: summary.description,
                version: summary.version,
                published: summary.published_at.map(rfc3339),
                created,
                deprecated: summary.deprecated,
                license: summary.license,
                repository: known.repository,
                maintainers: summary.maintainers,
                daily: sums.get(&id).map(DailyDownloads::from),
                downloads: known.downloads.map(DownloadCount::from),
                trend: series.get(&id).map(|series| trend(series, TREND_WEEKS)).unwrap_or_default(),
                rank: ranks.get(&id).zip(basis.as_ref()).map(|(place, basis)| Rank::new(*place, basis)),
                dependents: dependents.get(&id).copied().unwrap_or(0),
                latest,
                problems,
            });
        }
        Ok(ComparePage { packages, unknown, left_out: left_out.iter().map(ToString::to_string).collect(), details })
    }
}
