//! A package's numbers: downloads, rank, versions in use, dependents, peers, and what could be worked on.

use std::collections::HashMap;

use model::{Checked, CheckedDependency, Day, DayRange, PackageName, Problem, State, major_of, problems, types_package};
use serde::Serialize;
use store::{Known, KnownAdvisories, LatestFacts, Named, StoredPackage, TrendBasis, TrendSource, VersionWeek};
use utoipa::ToSchema;

use crate::downloads::trend;
use crate::{Catalog, DailyDownloads, Error};

/// Weeks of a trend line.
pub(crate) const TREND_WEEKS: i32 = 52;
/// Versions that are listed.
const VERSIONS: usize = 10;
/// Keywords that are looked at for peers, and peers that are named.
const KEYWORDS: usize = 5;
const PEERS: usize = 5;

/// A package's numbers. What is not known is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Statistics {
    /// Downloads as npm counts them by day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<DailyDownloads>,
    /// Downloads of each of the last 52 times 7 days, the oldest first; `null` where not all seven are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trend: Vec<Option<u64>>,
    /// Its place among all packages that are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<Rank>,
    /// The versions that are downloaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<VersionsInUse>,
    /// How many packages need its latest version, among the packages whose details are stored.
    pub dependents: u64,
    /// How many packages' details are stored.
    pub details: u64,
    /// Popular packages with the same keywords, those with most of them first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<String>,
    /// What could be worked on; missing while the latest version is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<Vec<Finding>>,
}

/// The place of a package by downloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rank {
    /// 1 is the most downloaded.
    pub place: u64,
    /// How many packages are counted.
    pub of: u64,
    /// By what: `30 days to 2026-11-21`, or `snapshot 2026-03`.
    pub by: String,
}

/// The versions that were downloaded within a week.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VersionsInUse {
    /// The last of the seven days.
    #[schema(value_type = String)]
    pub to: Day,
    /// Downloads of all versions.
    pub downloads: u64,
    /// How many versions were downloaded.
    pub count: usize,
    /// The most downloaded ones, at most ten.
    pub versions: Vec<InUse>,
    /// All of them by major version, the newest first.
    pub majors: Vec<InUse>,
}

/// A version, or a major version, and its downloads.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InUse {
    /// `4.1.0`, or `4` for all that begin so.
    pub version: String,
    /// Downloads within the week.
    pub downloads: u64,
    /// Its share of all downloads of the week, 0 to 1.
    pub share: f64,
}

/// Something to work on, for programs and in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// What it is.
    #[serde(flatten)]
    pub problem: Problem,
    /// In words.
    pub words: String,
}

impl Rank {
    pub(crate) fn new(place: u64, basis: &TrendBasis) -> Self {
        Self { place, of: basis.packages, by: counted_by(basis) }
    }
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Self {
        Self { words: problem.words(), problem }
    }
}

impl Statistics {
    /// The packages of which something must be known for the numbers of this one.
    pub(crate) fn names(package: &StoredPackage) -> Vec<String> {
        if package.details.is_none() {
            return Vec::new();
        }
        let mut names: Vec<String> = package.facts.iter().flat_map(|facts| &facts.dependencies).map(|(name, _)| name.clone()).collect();
        names.push(types_package(&package.known.name));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Its keywords, as lists of packages have them.
    pub(crate) fn keywords(package: &StoredPackage) -> Vec<String> {
        package.known.summary.iter().flat_map(|summary| &summary.keywords).take(KEYWORDS).map(|keyword| keyword.to_lowercase()).collect()
    }

    /// The numbers of a package, but for its peers.
    pub(crate) fn of(package: &StoredPackage, needed: &Needed) -> Self {
        let known = &package.known;
        let is_deprecated = known.summary.as_ref().is_some_and(|summary| summary.deprecated.is_some());
        let versions = package.week.as_ref().map_or(&[][..], |week| &week.counts);
        Self {
            daily: package.sums.as_ref().map(DailyDownloads::from),
            trend: package
                .sums
                .as_ref()
                .map(|sums| trend(&package.days.slice(DayRange::ending(sums.as_of, TREND_WEEKS.unsigned_abs() * 7)), TREND_WEEKS))
                .unwrap_or_default(),
            rank: package.rank.zip(package.basis.as_ref()).map(|(place, basis)| Rank::new(place, basis)),
            versions: package.week.as_ref().and_then(VersionsInUse::of),
            dependents: package.dependents,
            details: package.details_stored,
            peers: Vec::new(),
            problems: package.facts.as_ref().filter(|_| !is_deprecated).map(|facts| {
                needed.problems(known, Some(facts), versions, package.advisories.as_ref()).into_iter().map(Finding::from).collect()
            }),
        }
    }
}

impl VersionsInUse {
    /// `None` when nothing was downloaded.
    pub(crate) fn of(week: &VersionWeek) -> Option<Self> {
        let downloads = week.counts.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        if downloads == 0 {
            return None;
        }
        let in_use = |version: String, count: u64| InUse { version, downloads: count, share: count as f64 / downloads as f64 };
        let mut majors: HashMap<u64, u64> = HashMap::new();
        for (version, count) in &week.counts {
            if let Some(major) = major_of(version) {
                let sum = majors.entry(major).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        let mut majors: Vec<(u64, u64)> = majors.into_iter().filter(|(_, count)| *count > 0).collect();
        majors.sort_unstable_by(|a, b| b.cmp(a));
        let counted = week.counts.iter().filter(|(_, count)| *count > 0);
        Some(Self {
            to: week.last,
            downloads,
            count: counted.clone().count(),
            versions: counted.take(VERSIONS).map(|(version, count)| in_use(version.clone(), *count)).collect(),
            majors: majors.into_iter().map(|(major, count)| in_use(major.to_string(), count)).collect(),
        })
    }
}

/// What is known of the packages that others need, for the rules that find problems.
#[derive(Debug)]
pub(crate) struct Needed {
    pub(crate) named: HashMap<String, Named>,
    /// When the newest list of all names was made.
    pub(crate) names_known_at: Option<i64>,
    /// Known vulnerabilities are told.
    pub(crate) tells_advisories: bool,
}

impl Needed {
    /// What these packages need, and the packages that may have their types: two statements.
    pub(crate) async fn by(catalog: &Catalog, packages: &[(&str, &LatestFacts)]) -> Result<Self, Error> {
        let types: Vec<String> = packages.iter().filter(|(_, facts)| !facts.has_types).map(|(name, _)| types_package(name)).collect();
        let mut texts: Vec<&str> = types.iter().map(String::as_str).collect();
        for (_, facts) in packages {
            texts.extend(facts.dependencies.iter().map(|(name, _)| name.as_str()));
        }
        let named = catalog.store.named(&texts).await?;
        Ok(Self { named, names_known_at: catalog.store.names_known_at().await?, tells_advisories: catalog.tells_advisories })
    }

    /// What the rules find of a package.
    pub(crate) fn problems(
        &self,
        known: &Known,
        facts: Option<&LatestFacts>,
        downloads: &[(String, u64)],
        advisories: Option<&KnownAdvisories>,
    ) -> Vec<Problem> {
        let summary = known.summary.as_ref();
        let published_at = summary.and_then(|summary| summary.published_at);
        let dependencies: Vec<CheckedDependency<'_>> = facts
            .map_or(&[][..], |facts| &facts.dependencies)
            .iter()
            .map(|(name, range)| {
                let found = self.named.get(name);
                CheckedDependency {
                    name,
                    range,
                    exists: match found {
                        Some(found) => Some(found.state != State::Unpublished),
                        // A newer version may need what no list has yet.
                        None => self.names_known_at.zip(published_at).filter(|(list, published)| published < list).map(|_| false),
                    },
                    latest: found.and_then(|found| found.version.as_deref()),
                    is_deprecated: found.is_some_and(|found| found.deprecated.is_some()),
                    advisories: found.filter(|_| self.tells_advisories).map_or(&[], |found| &found.advisories),
                }
            })
            .collect();
        problems(&Checked {
            name: &known.name,
            is_described: summary.is_some(),
            license: summary.and_then(|summary| summary.license.as_deref()),
            repository: known.repository.as_deref(),
            is_module: facts.map(|facts| facts.is_esm || facts.is_commonjs),
            has_types: facts.is_some_and(|facts| facts.has_types) || self.named.contains_key(&types_package(&known.name)),
            has_readme: facts.and_then(|facts| facts.has_readme),
            dependencies: &dependencies,
            version: summary.and_then(|summary| summary.version.as_deref()),
            downloads,
            advisories: advisories.filter(|_| self.tells_advisories).map(|known| known.advisories.as_slice()),
        })
    }
}

/// By what a rank or a list is, in a few words.
pub(crate) fn counted_by(basis: &TrendBasis) -> String {
    match &basis.source {
        TrendSource::Days { as_of } => format!("30 days to {as_of}"),
        TrendSource::Snapshots { later, .. } => format!("snapshot {later}"),
    }
}

impl Catalog {
    /// The names of those that stand in most of the lists, of equals the more downloaded one first.
    pub(crate) async fn peers(&self, own: i64, lists: &[Vec<i64>]) -> Result<Vec<String>, Error> {
        let mut places: HashMap<i64, (usize, usize)> = HashMap::new();
        for list in lists {
            for (place, id) in list.iter().enumerate().filter(|(_, id)| **id != own) {
                let (lists, best) = places.entry(*id).or_insert((0, place));
                (*lists, *best) = (*lists + 1, place.min(*best));
            }
        }
        let mut peers: Vec<(i64, (usize, usize))> = places.into_iter().collect();
        peers.sort_unstable_by_key(|(id, (lists, best))| (std::cmp::Reverse(*lists), *best, *id));
        let ids: Vec<i64> = peers.into_iter().take(PEERS).map(|(id, _)| id).collect();
        Ok(self.hits(&ids).await?.into_iter().map(|hit| hit.name).collect())
    }

    /// The packages of these names that are stored, in the order of the names, with their ids.
    pub(crate) async fn known_of(&self, names: &[PackageName]) -> Result<Vec<Known>, Error> {
        let texts: Vec<&str> = names.iter().map(PackageName::as_str).collect();
        let found = self.store.named(&texts).await?;
        let ids: Vec<i64> = names.iter().filter_map(|name| found.get(name.as_str())).map(|found| found.id).collect();
        let mut known = if ids.is_empty() { Vec::new() } else { self.store.by_ids(&ids).await? };
        known.sort_by_key(|known| ids.iter().position(|id| *id == known.id));
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_use() {
        let counts = [("2.1.0", 600), ("1.9.0", 300), ("2.0.0", 60), ("odd", 40), ("0.1.0", 0)];
        let week = VersionWeek { last: Day::default(), counts: counts.map(|(version, count)| (version.to_owned(), count)).to_vec() };
        let found = VersionsInUse::of(&week).expect("downloads");
        assert_eq!((found.downloads, found.count, found.versions.len()), (1_000, 4, 4));
        let majors: Vec<(&str, u64, f64)> = found.majors.iter().map(|one| (one.version.as_str(), one.downloads, one.share)).collect();
        assert_eq!(majors, [("2", 660, 0.66), ("1", 300, 0.3)]);
        assert_eq!(VersionsInUse::of(&VersionWeek { last: Day::default(), counts: vec![("1.0.0".to_owned(), 0)] }), None);
    }
}
