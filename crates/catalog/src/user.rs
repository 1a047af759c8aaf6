//! A user's packages as a list of work, and the scope and the repositories of the same name.

use std::cmp::Reverse;
use std::collections::HashMap;

use ::search::{Condition, Filter, Query, Total, Wanted};
use model::{Day, DayRange, Problem, Sum, Sums, attention};
use serde::Serialize;
use store::{Known, LatestFacts};
use utoipa::ToSchema;

use crate::downloads::trend;
use crate::search::rfc3339;
use crate::statistics::{Finding, Needed};
use crate::{Catalog, ChartSource, DailyDownloads, DownloadCount, Error, SearchHit};

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
    /// What time it is: seconds since 1970, UTC.
    pub now: i64,
}

/// The order of a user's packages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserSort {
    /// Most downloaded in 30 days first.
    #[default]
    Downloads,
    /// Most downloaded in 7 days first.
    Week,
    /// Most downloaded in 365 days first.
    Year,
    /// Those first whose downloads of 30 days grew most.
    Change,
    /// By name.
    Name,
    /// Latest published first.
    Published,
    /// Those first that most packages need.
    Dependents,
    /// Those first that need attention most.
    Attention,
}

impl UserSort {
    /// All orders.
    pub const ALL: [Self; 8] =
        [Self::Downloads, Self::Week, Self::Year, Self::Change, Self::Name, Self::Published, Self::Dependents, Self::Attention];

    /// The order of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(Self::default()) } else { Self::ALL.into_iter().find(|sort| sort.as_str() == text) }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Downloads => "downloads",
            Self::Week => "week",
            Self::Year => "year",
            Self::Change => "change",
            Self::Name => "name",
            Self::Published => "published",
            Self::Dependents => "dependents",
            Self::Attention => "attention",
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
    /// Their downloads together, from the source that counted most of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<UserTotal>,
    /// Their downloads together, as npm counts them by day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<UserDaily>,
    /// Of how many packages the latest version was read, so that its problems are known.
    pub checked: usize,
    /// How many packages have something to work on.
    pub with_problems: usize,
    /// How far known vulnerabilities were asked for, for one's own use only; missing when they are not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advisories: Option<UserAdvisories>,
    /// Packages whose downloads of 7 days are clearly more or fewer than those of the 7 days before, those that moved most first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
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
    /// What of the chart of all packages is at hand, see [`Catalog::chart_of_page`].
    #[serde(skip)]
    pub source_of_chart: ChartSource,
}

/// How far the known vulnerabilities of a user's packages were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserAdvisories {
    /// Of how many packages.
    pub packages: usize,
    /// When the one was asked about that was asked about longest ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked: Option<String>,
    /// How many packages have vulnerabilities in their latest version, or need what has.
    pub with_problems: usize,
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
    /// How many days ago that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_since_release: Option<i64>,
    /// Recent downloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<DownloadCount>,
    /// Downloads as npm counts them by day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<DailyDownloads>,
    /// Downloads of each of the last 26 times 7 days, the oldest first; `null` where not all seven are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trend: Vec<Option<u64>>,
    /// How many packages need its latest version, among the packages whose details are stored.
    pub dependents: u64,
    /// What could be worked on, what matters most first; missing while the latest version was not read. A deprecated package has nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<Vec<Finding>>,
    /// Its problems weighed by how many it reaches; 0 is nothing. It says something beside that of other packages only.
    pub attention: f64,
}

/// Downloads of a user's packages together, as npm counts them by day.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct UserDaily {
    /// How many packages are counted.
    pub packages: usize,
    /// The newest day.
    #[schema(value_type = String)]
    pub as_of: Day,
    /// The newest day of the package that is counted to the earliest one, at most a week before.
    #[schema(value_type = String)]
    pub as_of_at_least: Day,
    /// 7 days.
    pub days_7: UserPeriod,
    /// 30 days.
    pub days_30: UserPeriod,
    /// 365 days.
    pub days_365: UserPeriod,
}

/// Downloads of several packages in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct UserPeriod {
    /// The downloads of all known days.
    pub downloads: u64,
    /// Of how many packages all days are known.
    pub whole: usize,
    /// By how much that is more than in the period before, over the packages of which both are known: 0.25 for a quarter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
}

/// A package whose downloads moved.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Moved {
    /// The package.
    pub name: String,
    /// In 7 days, those of which npm has no counts taken as the others.
    pub downloads: u64,
    /// In the 7 days before, likewise.
    pub before: u64,
    /// By how much that is more: 0.25 for a quarter.
    pub change: f64,
    /// The last of the 7 days.
    #[schema(value_type = String)]
    pub as_of: Day,
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
/// Weeks of a trend line.
const TREND_WEEKS: i32 = 26;
/// Counts may end so many days before the newest ones and still be added up with them.
pub(crate) const LAG: i32 = 6;
/// Downloads a week below which movements say little, the smallest share that is a movement, and how many are told.
const MOVED_FLOOR: u64 = 100;
const MOVED_SHARE: f64 = 0.1;
const MOVED: usize = 10;
const SECONDS_A_DAY: i64 = 24 * 3600;

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

    /// A user's packages. Besides the packages themselves it takes eight statements, however many they are.
    pub async fn user(&self, request: &UserRequest) -> Result<UserPage, Error> {
        let asked = self.store.user(&request.name).await?;
        let packages = self.store.packages_of(&request.name).await?;
        let ids: Vec<i64> = packages.iter().map(|known| known.id).collect();
        let (sums, facts, dependents, weeks, advisories) = tokio::try_join!(
            self.store.download_sums(&ids),
            self.store.latest_facts(&ids),
            self.store.dependent_counts(&ids),
            self.store.newest_version_weeks(&ids),
            async { if self.tells_advisories { self.store.advisories_of(&ids).await } else { Ok(HashMap::new()) } },
        )?;
        let described: Vec<(&str, &LatestFacts)> =
            packages.iter().filter_map(|known| Some((known.name.as_str(), facts.get(&known.id)?))).collect();
        let needed = Needed::by(self, &described).await?;
        let total = packages.len();
        let source_of_chart = ChartSource::of_user(
            request.name.clone(),
            packages.iter().map(|known| (known.id, known.name.clone())).collect(),
            sums.iter().map(|(id, sums)| (*id, sums.as_of)).collect(),
        );
        let downloads = sum(&packages);
        let (daily, moved) = (UserDaily::of(sums.values()), moved(&packages, &sums));
        // One source decides the order, or packages would stand where another count put them.
        let by_days = sums.len() * 2 >= total;
        let mut rows: Vec<(i64, UserPackage)> = Vec::with_capacity(total);
        for known in packages {
            let (id, facts) = (known.id, facts.get(&known.id));
            let versions = weeks.get(&id).map_or(&[][..], |week| &week.counts);
            let problems = facts.map(|facts| needed.problems(&known, Some(facts), versions, advisories.get(&id)));
            let mut row = UserPackage::new(known, request.now);
            row.daily = sums.get(&id).map(DailyDownloads::from);
            row.dependents = dependents.get(&id).copied().unwrap_or(0);
            let is_deprecated = row.deprecated.is_some();
            row.attention = attention(problems.as_deref().unwrap_or_default(), row.monthly(), is_deprecated);
            row.problems =
                problems.map(|problems| if is_deprecated { Vec::new() } else { problems.into_iter().map(Finding::from).collect() });
            rows.push((id, row));
        }
        let checked = rows.iter().filter(|(_, row)| row.problems.is_some()).count();
        let with_problems = rows.iter().filter(|(_, row)| row.problems.as_ref().is_some_and(|problems| !problems.is_empty())).count();
        let is_vulnerable = |row: &UserPackage| {
            row.problems
                .iter()
                .flatten()
                .any(|finding| matches!(finding.problem, Problem::Vulnerable { .. } | Problem::VulnerableDependencies { .. }))
        };
        let told = self.tells_advisories.then(|| UserAdvisories {
            packages: advisories.len(),
            checked: advisories.values().map(|known| known.checked_at).min().map(rfc3339),
            with_problems: rows.iter().filter(|(id, row)| advisories.contains_key(id) && is_vulnerable(row)).count(),
        });
        rows.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        let counted = |row: &UserPackage| if by_days { row.daily.map(|daily| daily.days_30.downloads) } else { row.other() };
        rows.sort_by_key(|(_, row)| Reverse((counted(row), row.other())));
        let falling = |value: Option<f64>| Reverse(value.map(|value| (value * 1e6) as i64));
        match request.sort {
            UserSort::Downloads => {}
            UserSort::Name => rows.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name)),
            UserSort::Published => rows.sort_by(|(_, a), (_, b)| b.published.cmp(&a.published)),
            UserSort::Week => rows.sort_by_key(|(_, row)| Reverse(row.daily.map(|daily| daily.days_7.downloads))),
            UserSort::Year => rows.sort_by_key(|(_, row)| Reverse(row.daily.map(|daily| daily.days_365.downloads))),
            UserSort::Change => rows.sort_by_key(|(_, row)| falling(row.daily.and_then(|daily| daily.days_30.change))),
            UserSort::Dependents => rows.sort_by_key(|(_, row)| Reverse(row.dependents)),
            UserSort::Attention => rows.sort_by_key(|(_, row)| falling(Some(row.attention))),
        }
        let mut rows: Vec<(i64, UserPackage)> = rows.into_iter().skip(request.from).take(request.size).collect();
        if let Some(newest) = sums.values().map(|sums| sums.as_of).max() {
            let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).filter(|id| sums.contains_key(id)).collect();
            let series = self.store.series_of(&ids, DayRange::ending(newest, TREND_WEEKS.unsigned_abs() * 7)).await?;
            for (id, row) in &mut rows {
                row.trend = series.get(id).map(|series| trend(series, TREND_WEEKS)).unwrap_or_default();
            }
        }
        let name = request.name.to_lowercase();
        Ok(UserPage {
            user: request.name.clone(),
            asked: asked.as_ref().map(|user| rfc3339(user.asked_at)),
            registry_total: asked.as_ref().and_then(|user| user.total).map(i64::cast_unsigned),
            problem: asked.and_then(|user| user.problem),
            total,
            downloads,
            daily,
            checked,
            with_problems,
            advisories: told,
            moved,
            sort: request.sort,
            from: request.from,
            size: request.size,
            packages: rows.into_iter().map(|(_, row)| row).collect(),
            scope: self.listing(Condition::Scope(vec![name.clone()])).await?,
            owner: self.listing(Condition::Owner(vec![format!("github.com/{name}")])).await?,
            source_of_chart,
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

impl UserDaily {
    /// The counts that end within a week of the newest ones.
    fn of<'a>(sums: impl Iterator<Item = &'a Sums> + Clone) -> Option<Self> {
        let as_of = sums.clone().map(|sums| sums.as_of).max()?;
        let sums: Vec<&Sums> = sums.filter(|sums| sums.as_of >= as_of - LAG).collect();
        let period = |pair: &dyn Fn(&Sums) -> (Sum, Sum)| {
            let mut period = UserPeriod::default();
            let (mut now, mut then) = (0.0, 0.0);
            for (sum, before) in sums.iter().map(|sums| pair(sums)) {
                period.downloads = period.downloads.saturating_add(sum.downloads);
                period.whole += usize::from(sum.is_complete());
                if sum.is_complete()
                    && before.is_complete()
                    && let (Some(sum), Some(before)) = (sum.per_day(), before.per_day())
                {
                    (now, then) = (now + sum, then + before);
                }
            }
            period.change = (then > 0.0).then(|| now / then - 1.0);
            period
        };
        Some(Self {
            packages: sums.len(),
            as_of,
            as_of_at_least: sums.iter().map(|sums| sums.as_of).min()?,
            days_7: period(&|sums| (sums.days_7, sums.previous_7)),
            days_30: period(&|sums| (sums.days_30, sums.previous_30)),
            days_365: period(&|sums| (sums.days_365, sums.previous_365)),
        })
    }
}

/// What moved within the week, by how unusual it is: a tenth of millions says more than half of hundreds.
fn moved(packages: &[Known], sums: &HashMap<i64, Sums>) -> Vec<Moved> {
    let Some(newest) = sums.values().map(|sums| sums.as_of).max() else { return Vec::new() };
    let moved = packages.iter().filter_map(|known| {
        let sums = sums.get(&known.id).filter(|sums| sums.as_of >= newest - LAG)?;
        // Days that npm lost count as the others of their week.
        let week = |sum: &Sum| sum.per_day().map_or(0, |per_day| (per_day * 7.0).round() as u64);
        let (now, then) = (week(&sums.days_7), week(&sums.previous_7));
        let change = sums.growth_7().filter(|change| change.abs() >= MOVED_SHARE && now.max(then) >= MOVED_FLOOR)?;
        let weight = change.ln_1p().abs() * (now.max(then) as f64).sqrt();
        Some((weight, Moved { name: known.name.clone(), downloads: now, before: then, change, as_of: sums.as_of }))
    });
    let mut moved: Vec<(f64, Moved)> = moved.collect();
    moved.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    moved.into_iter().take(MOVED).map(|(_, moved)| moved).collect()
}

impl UserPackage {
    fn new(known: Known, now: i64) -> Self {
        let summary = known.summary.unwrap_or_default();
        Self {
            name: known.name,
            version: summary.version,
            description: summary.description,
            published: summary.published_at.map(rfc3339),
            deprecated: summary.deprecated,
            days_since_release: summary.published_at.map(|at| (now - at).div_euclid(SECONDS_A_DAY)),
            downloads: known.downloads.map(DownloadCount::from),
            daily: None,
            trend: Vec::new(),
            dependents: 0,
            problems: None,
            attention: 0.0,
        }
    }

    /// Downloads of a month from other sources than daily counts.
    fn other(&self) -> Option<u64> {
        self.downloads.as_ref().and_then(|downloads| downloads.monthly)
    }

    /// Downloads of a month, by day where that is known.
    fn monthly(&self) -> Option<u64> {
        self.daily.map(|daily| daily.days_30.downloads).or_else(|| self.other())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(as_of: i32, now: u64, then: u64, known: u32) -> Sums {
        let week = |downloads, known| Sum { downloads, days: 7, known, holes: 0 };
        Sums { as_of: Day(as_of), days_7: week(now, known), previous_7: week(then, 7), ..Sums::default() }
    }

    #[test]
    fn totals_are_of_counts_that_end_about_the_same_day() {
        let all = [sums(100, 700, 350, 7), sums(95, 70, 70, 7), sums(100, 10, 7, 3), sums(80, 9_999, 1, 7)];
        let daily = UserDaily::of(all.iter()).expect("counts");
        assert_eq!((daily.packages, daily.as_of, daily.as_of_at_least), (3, Day(100), Day(95)), "one is too old");
        assert_eq!((daily.days_7.downloads, daily.days_7.whole), (780, 2));
        assert_eq!(daily.days_7.change.map(|change| (change * 100.0).round()), Some(83.0), "770 after 420, without the one of three days");
        assert_eq!(UserDaily::of([].iter()), None);
    }

    #[test]
    fn movements_need_a_size() {
        let names = ["up", "down", "still", "tiny", "partial", "old"];
        let all = [
            sums(100, 20_000, 10_000, 7),
            sums(100, 850, 1_000, 7),
            sums(100, 1_050, 1_000, 7),
            sums(100, 9, 1, 7),
            sums(100, 10, 900, 2),
            sums(90, 9_000, 10, 7),
        ];
        let known = |(name, id): (&&str, i64)| Known {
            id,
            name: (*name).to_owned(),
            source: model::Source::Packument,
            observed_at: 0,
            state: model::State::Active,
            repository: None,
            summary: None,
            downloads: None,
        };
        let packages: Vec<Known> = names.iter().zip(0..).map(known).collect();
        let sums: HashMap<i64, Sums> = (0..).zip(all).collect();
        let found: Vec<(String, i64)> =
            moved(&packages, &sums).into_iter().map(|one| (one.name, (one.change * 100.0).round() as i64)).collect();
        assert_eq!(found, [("up".to_owned(), 100), ("down".to_owned(), -15)]);
    }
}
