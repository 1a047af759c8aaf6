//! Downloads as npm counts them by day: the sums that pages and lists show, and what npm's downloads API says.

use std::collections::HashMap;

use model::{Day, DayCount, DayRange, PackageName, Series, Sum, Sums};
use serde::Serialize;
use store::{VersionWeek, WHOLE_REGISTRY};
use utoipa::ToSchema;

use crate::{Catalog, Error};

/// Counts that end so many days before the newest ones of the whole registry are too old to be called the last week's.
const STALE: i32 = 7;

/// Downloads of a period. Where `known` and `holes` are fewer than `days`, the downloads are only those of the known days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct PeriodDownloads {
    /// The downloads of its known days.
    pub downloads: u64,
    /// How many days it has.
    pub days: u32,
    /// Of how many of them the downloads are known.
    pub known: u32,
    /// Of how many npm itself has no counts.
    pub holes: u32,
    /// By how much that is more than in as many days before, by the average day: 0.25 for a quarter more. Missing when not all days of both
    /// are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
}

/// Downloads counted by day, up to the newest counted day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct DailyDownloads {
    /// The last day that is counted.
    #[schema(value_type = String)]
    pub as_of: Day,
    /// That day.
    pub days_1: PeriodDownloads,
    /// The 7 days up to it.
    pub days_7: PeriodDownloads,
    /// The 30 days up to it.
    pub days_30: PeriodDownloads,
    /// The 365 days up to it.
    pub days_365: PeriodDownloads,
}

impl PeriodDownloads {
    fn new(sum: &Sum, change: Option<f64>) -> Self {
        Self { downloads: sum.downloads, days: sum.days, known: sum.known, holes: sum.holes, change }
    }

    /// Whether every day is known, or one of which npm itself has no counts.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.known + self.holes == self.days
    }
}

impl From<&Sums> for DailyDownloads {
    fn from(sums: &Sums) -> Self {
        Self {
            as_of: sums.as_of,
            days_1: PeriodDownloads::new(&sums.days_1, None),
            days_7: PeriodDownloads::new(&sums.days_7, sums.growth_7()),
            days_30: PeriodDownloads::new(&sums.days_30, sums.growth_30()),
            days_365: PeriodDownloads::new(&sums.days_365, sums.growth_365()),
        }
    }
}

/// The downloads of each of the last so many times seven days, the oldest first, up to the newest counted day; `None` where not all seven
/// are known. Days of which npm has no counts do not make a week smaller than it was: the others stand for them.
pub(crate) fn trend(series: &Series, weeks: i32) -> Vec<Option<u64>> {
    let Some(last) = series.last_known() else { return Vec::new() };
    let week = |back: i32| {
        let sum = series.sum(DayRange::ending(last - back * 7, 7));
        sum.is_complete().then(|| sum.per_day().map(|per_day| (per_day * 7.0).round() as u64)).flatten()
    };
    (0..weeks).rev().map(week).collect()
}

/// A period of npm's downloads API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NpmPeriod {
    /// So many days up to the newest one that is counted.
    Last(u32),
    /// From one day to another.
    Days(DayRange),
}

/// Why a period is none, in npm's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidPeriod {
    /// `invalid date`
    Date,
    /// `end date > start date`, which npm says when the end comes first, and of an end before 2015-01-10.
    Order,
}

impl NpmPeriod {
    /// Reads `last-day`, `last-week`, `last-month`, `last-year`, `2026-11-21` or `2026-11-01:2026-11-21`. What begins before the first day
    /// that npm counted begins on that day.
    pub fn parse(text: &str) -> Result<Self, InvalidPeriod> {
        let last = match text {
            "last-day" => 1,
            "last-week" => 7,
            "last-month" => 30,
            "last-year" => 365,
            _ => {
                let (first, last) = text.split_once(':').unwrap_or((text, text));
                let day = |text: &str| Day::parse(text).map_err(|_| InvalidPeriod::Date);
                let (first, last) = (day(first)?, day(last)?);
                if first > last || last < Day::FIRST_COUNTED {
                    return Err(InvalidPeriod::Order);
                }
                return Ok(Self::Days(DayRange { first: first.max(Day::FIRST_COUNTED), last }));
            }
        };
        Ok(Self::Last(last))
    }
}

/// What is counted of a period: from its first to its last known day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpmCounts {
    /// The first known day, and the last.
    pub range: DayRange,
    /// The known days and their downloads.
    pub days: Vec<(Day, u64)>,
    /// Days between them that are not known: npm lost them, or nobody asked for them yet.
    pub missing: Vec<Day>,
    /// Whether days at either end of the period are still to come.
    pub is_cut: bool,
}

/// What is known of a name that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NpmAnswer {
    /// No such package is stored.
    Unknown,
    /// It is stored, but no day of the period is counted.
    Uncounted,
    /// Its counts.
    Counted(NpmCounts),
}

impl NpmCounts {
    fn of(series: &Series, range: DayRange) -> Option<Self> {
        let slice = series.slice(range);
        let (first, last) = (slice.first_known()?, slice.last_known()?);
        let (mut days, mut missing) = (Vec::new(), Vec::new());
        for (day, count) in slice.iter().filter(|(day, _)| (first..=last).contains(day)) {
            match count {
                DayCount::Known(count) => days.push((day, count)),
                DayCount::Unknown | DayCount::Hole => missing.push(day),
            }
        }
        // What npm lost at an end will not come any more.
        let comes = |day: Day| slice.get(day) == DayCount::Unknown;
        let is_cut = range.iter().take_while(|day| *day < first).any(comes) || range.iter().rev().take_while(|day| *day > last).any(comes);
        Some(Self { range: DayRange { first, last }, days, missing, is_cut })
    }

    /// All downloads of the known days.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.days.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

impl Catalog {
    /// The newest counted day of the whole registry; the day before today when that is not known.
    async fn newest_day(&self, today: Day) -> Result<Day, Error> {
        let sums = self.store.download_sums(&[WHOLE_REGISTRY]).await?;
        Ok(sums.get(&WHOLE_REGISTRY).map_or(today - 1, |sums| sums.as_of))
    }

    /// What is counted of packages in a period, in their order. A package whose newest days came a little late is told of up to its own
    /// newest day, so that a week has seven days.
    pub async fn npm_downloads(&self, names: &[PackageName], period: NpmPeriod, today: Day) -> Result<Vec<NpmAnswer>, Error> {
        let texts: Vec<&str> = names.iter().map(PackageName::as_str).collect();
        let known = self.store.named(&texts).await?;
        let ids: Vec<i64> = known.values().map(|known| known.id).collect();
        let newest = self.newest_day(today).await?;
        let asked = match period {
            NpmPeriod::Last(days) => DayRange { first: DayRange::ending(newest - STALE, days).first, last: newest },
            NpmPeriod::Days(range) => DayRange { first: range.first, last: range.last.min(today) },
        };
        let series = if asked.is_empty() { HashMap::new() } else { self.store.series_of(&ids, asked).await? };
        let answer = |name: &PackageName| {
            let Some(known) = known.get(name.as_str()) else { return NpmAnswer::Unknown };
            let counts = series.get(&known.id).and_then(|series| npm_counts(series, period, newest, asked));
            counts.map_or(NpmAnswer::Uncounted, NpmAnswer::Counted)
        };
        Ok(names.iter().map(answer).collect())
    }

    /// What is counted of the whole registry in a period.
    pub async fn npm_registry_downloads(&self, period: NpmPeriod, today: Day) -> Result<Option<NpmCounts>, Error> {
        let series = self.store.series(WHOLE_REGISTRY).await?;
        let newest = series.last_known().unwrap_or(today - 1);
        let asked = match period {
            NpmPeriod::Last(days) => DayRange::ending(newest, days),
            NpmPeriod::Days(range) => DayRange { first: range.first, last: range.last.min(today) },
        };
        Ok(npm_counts(&series, period, newest, asked))
    }

    /// The downloads of a package's versions in the newest week that is stored, unless that is long ago; `Err` when no such package is.
    pub async fn npm_versions(&self, name: &PackageName, today: Day) -> Result<Result<Option<VersionWeek>, UnknownPackage>, Error> {
        let known = self.store.named(&[name.as_str()]).await?;
        let Some(known) = known.get(name.as_str()) else { return Ok(Err(UnknownPackage)) };
        let week = self.store.newest_version_weeks(&[known.id]).await?.remove(&known.id);
        // They are asked for once a week.
        Ok(Ok(week.filter(|week| week.last >= today - 2 * STALE - 1)))
    }

    /// Whether a name that is not stored is one that does not exist: a list of all names was read to its end.
    pub async fn knows_all_names(&self) -> Result<bool, Error> {
        Ok(self.store.names_known_at().await?.is_some())
    }
}

/// No package of the name is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPackage;

fn npm_counts(series: &Series, period: NpmPeriod, newest: Day, asked: DayRange) -> Option<NpmCounts> {
    let range = match period {
        NpmPeriod::Last(days) => {
            let last = series.last_known().map(|last| last.min(newest)).filter(|last| *last >= newest - STALE)?;
            DayRange::ending(last, days)
        }
        NpmPeriod::Days(_) => asked,
    };
    if range.is_empty() { None } else { NpmCounts::of(series, range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    #[test]
    fn periods() {
        let days = |first: &str, last: &str| Ok(NpmPeriod::Days(DayRange { first: day(first), last: day(last) }));
        for (text, expected) in [
            ("last-day", Ok(NpmPeriod::Last(1))),
            ("last-week", Ok(NpmPeriod::Last(7))),
            ("last-month", Ok(NpmPeriod::Last(30))),
            ("last-year", Ok(NpmPeriod::Last(365))),
            ("2026-11-21", days("2026-11-21", "2026-11-21")),
            ("2026-11-01:2026-11-21", days("2026-11-01", "2026-11-21")),
            ("2010-01-01:2015-02-01", days("2015-01-10", "2015-02-01")),
            ("2010-01-01:2011-01-01", Err(InvalidPeriod::Order)),
            ("2026-11-21:2026-11-01", Err(InvalidPeriod::Order)),
            ("2026-02-30", Err(InvalidPeriod::Date)),
            ("2026-11-01:", Err(InvalidPeriod::Date)),
            (":", Err(InvalidPeriod::Date)),
            ("last-decade", Err(InvalidPeriod::Date)),
            ("", Err(InvalidPeriod::Date)),
            ("2026-11-01:2026-11-02:2026-11-03", Err(InvalidPeriod::Date)),
        ] {
            assert_eq!(NpmPeriod::parse(text), expected, "{text}");
        }
    }

    /// `7` is known, `?` unknown, `-` a hole; the first is 2026-11-01.
    fn series(counts: &str) -> Series {
        let count = |text: &str| match text {
            "?" => DayCount::Unknown,
            "-" => DayCount::Hole,
            number => DayCount::Known(number.parse().expect("a number")),
        };
        Series { first: day("2026-11-01"), days: counts.split_whitespace().map(count).collect() }
    }

    #[test]
    fn counts_say_what_they_cover() {
        let check = |counts: &str, first: &str, last: &str, expected: Option<(&str, &str, u64, usize, bool)>| {
            let found = NpmCounts::of(&series(counts), DayRange { first: day(first), last: day(last) });
            let found = found.map(|found| (found.range, found.sum(), found.missing.len(), found.is_cut));
            let expected =
                expected.map(|(first, last, sum, missing, cut)| (DayRange { first: day(first), last: day(last) }, sum, missing, cut));
            assert_eq!(found, expected, "{counts} {first} {last}");
        };
        check("1 2 3", "2026-11-01", "2026-11-03", Some(("2026-11-01", "2026-11-03", 6, 0, false)));
        check("1 - 3", "2026-11-01", "2026-11-03", Some(("2026-11-01", "2026-11-03", 4, 1, false)));
        check("1 ? 3", "2026-11-01", "2026-11-03", Some(("2026-11-01", "2026-11-03", 4, 1, false)));
        check("? 2 -", "2026-11-01", "2026-11-03", Some(("2026-11-02", "2026-11-02", 2, 0, true)));
        check("- 2 -", "2026-11-01", "2026-11-03", Some(("2026-11-02", "2026-11-02", 2, 0, false)));
        check("0 0 0", "2026-11-02", "2026-11-04", Some(("2026-11-02", "2026-11-03", 0, 0, true)));
        check("? - ?", "2026-11-01", "2026-11-03", None);
        check("1 2 3", "2027-01-01", "2027-01-03", None);
    }

    #[test]
    fn the_last_week_ends_where_counts_end() {
        let of = |counts: &str, newest: &str| {
            let newest = day(newest);
            npm_counts(&series(counts), NpmPeriod::Last(2), newest, DayRange::ending(newest, 2))
                .map(|found| (found.range.to_string(), found.sum()))
        };
        assert_eq!(of("1 2 3", "2026-11-03"), Some(("2026-11-02:2026-11-03".to_owned(), 5)));
        assert_eq!(of("1 2 3", "2026-11-02"), Some(("2026-11-01:2026-11-02".to_owned(), 3)), "never beyond the whole registry");
        assert_eq!(of("1 2 3", "2026-11-10"), Some(("2026-11-02:2026-11-03".to_owned(), 5)), "a little late");
        assert_eq!(of("1 2 3", "2026-11-11"), None, "too old");
    }

    #[test]
    fn trends_have_gaps_where_days_are_unknown() {
        assert_eq!(trend(&series("1 1 1 1 1 1 1 2 2 2 2 2 2 2"), 3), [None, Some(7), Some(14)]);
        assert_eq!(trend(&series("1 1 ? 1 1 1 1 2 2 2 - 2 2 2"), 2), [None, Some(14)]);
        assert!(trend(&Series::default(), 5).is_empty());
    }
}
