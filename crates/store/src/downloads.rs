//! Downloads by day: a row a package and year, with months and sums that follow from it.
//!
//! A year's bytes: 1 (the format), then as pco writes them one number a day from the first of January on: 0 unknown, 1 a hole, and the
//! count plus two. What is unknown at the end is left out. A package's months: 1, then as pco writes them three numbers a month:
//! downloads, known days, holes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{Day, DayCount, DayRange, Series, Step, Sum, Sums};
use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};
use sqlx::AssertSqlSafe;

use crate::bulk::{Words, from_json, to_json};
use crate::{Error, Store, on};

/// Stands for the whole registry where a package's id stands.
pub const WHOLE_REGISTRY: i64 = 0;

const FORMAT: u8 = 1;
const UNKNOWN: u64 = 0;
const HOLE: u64 = 1;
const OFFSET: u64 = 2;
/// npm corrects its counts within a week; what is older when it is asked for does not change any more.
const SETTLES_AFTER: i32 = 7;

/// A package's downloads in the months of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Months {
    /// The first day of the first month.
    pub first: Day,
    /// One sum a month.
    pub sums: Vec<Sum>,
    /// On all days before this one there was nothing; missing while older days may still be asked for.
    pub nothing_before: Option<Day>,
}

/// The downloads of each version of a package in a week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionWeek {
    /// The last of the seven days.
    pub last: Day,
    /// Version and downloads, the most downloaded first.
    pub counts: Vec<(String, u64)>,
}

impl VersionWeek {
    pub(crate) fn unpack(last: i64, counts: &[u8]) -> Result<Self, Error> {
        Ok(Self { last: Day(last as i32), counts: crate::details::unpack(counts)? })
    }
}

/// The last day that will not change any more when it is asked for at this moment: seconds since 1970, UTC.
#[must_use]
pub fn closed_at(observed_at: i64) -> Day {
    Day::of_seconds(observed_at) - SETTLES_AFTER - 1
}

fn compress(numbers: &[u64]) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![FORMAT];
    bytes.extend(simple_compress(numbers, &ChunkConfig::default()).map_err(|error| Error::Damaged(error.to_string()))?);
    Ok(bytes)
}

fn decompress(bytes: &[u8], what: &str) -> Result<Vec<u64>, Error> {
    let (&format, rest) = bytes.split_first().ok_or_else(|| Error::Damaged(format!("{what}: nothing there")))?;
    if format != FORMAT {
        return Err(Error::Damaged(format!("{what}: the unknown format {format}")));
    }
    simple_decompress(rest).map_err(|error| Error::Damaged(format!("{what}: {error}")))
}

/// The days of one year.
pub(crate) struct Year {
    first: Day,
    days: Vec<DayCount>,
}

impl Year {
    fn empty(year: i64) -> Self {
        let first = i16::try_from(year).ok().and_then(|year| Day::of_date(year, 1, 1)).unwrap_or_default();
        Self { first, days: Vec::new() }
    }

    pub(crate) fn decode(year: i64, bytes: &[u8]) -> Result<Self, Error> {
        let numbers = decompress(bytes, "the downloads of a year")?;
        let count = |number| match number {
            UNKNOWN => DayCount::Unknown,
            HOLE => DayCount::Hole,
            number => DayCount::Known(number - OFFSET),
        };
        Ok(Self { days: numbers.into_iter().map(count).collect(), ..Self::empty(year) })
    }

    fn encode(&self) -> Result<Vec<u8>, Error> {
        let number = |count: &DayCount| match count {
            DayCount::Unknown => UNKNOWN,
            DayCount::Hole => HOLE,
            DayCount::Known(count) => count.saturating_add(OFFSET),
        };
        compress(&self.days.iter().map(number).collect::<Vec<_>>())
    }

    /// What is known replaces what was known before; what is unknown changes nothing. Whether anything is another now.
    fn set(&mut self, day: Day, count: DayCount) -> bool {
        let place = usize::try_from(day - self.first).unwrap_or_default();
        if count == DayCount::Unknown {
            return false;
        }
        if place >= self.days.len() {
            self.days.resize(place + 1, DayCount::Unknown);
        }
        std::mem::replace(&mut self.days[place], count) != count
    }
}

/// Puts years, in order, together; a year that is missing is unknown.
pub(crate) fn join(years: impl Iterator<Item = Year>) -> Series {
    let mut series = Series::default();
    for year in years {
        if series.days.is_empty() {
            let unknown = year.days.iter().take_while(|count| **count == DayCount::Unknown).count();
            series = Series { first: year.first + unknown as i32, days: year.days[unknown..].to_vec() };
        } else {
            series.days.resize((year.first - series.first).max(0).cast_unsigned() as usize, DayCount::Unknown);
            series.days.extend(year.days);
        }
    }
    series
}

/// Says of a series that there was nothing before a day.
pub(crate) fn nothing(series: &mut Series, before: Day) {
    let days = usize::try_from(before - series.first).unwrap_or(0);
    for count in series.days.iter_mut().take(days).filter(|count| **count == DayCount::Unknown) {
        *count = DayCount::Known(0);
    }
}

/// Months since year 0.
fn month_number(day: Day) -> i64 {
    i64::from(day.year()) * 12 + i64::from(day.month()) - 1
}

fn month_start(number: i64) -> Day {
    i16::try_from(number.div_euclid(12)).ok().and_then(|year| Day::of_date(year, number.rem_euclid(12) as i8 + 1, 1)).unwrap_or_default()
}

fn days_in_month(number: i64) -> u32 {
    month_start(number).period(Step::Month).days()
}

impl Months {
    fn decode(first: i64, bytes: &[u8]) -> Result<Self, Error> {
        let numbers = decompress(bytes, "the downloads of months")?;
        let sums = numbers.chunks_exact(3).zip(first..).map(|(three, month)| Sum {
            downloads: three[0],
            days: days_in_month(month),
            known: three[1] as u32,
            holes: three[2] as u32,
        });
        Ok(Self { first: month_start(first), sums: sums.collect(), nothing_before: None })
    }

    fn encode(&self) -> Result<Vec<u8>, Error> {
        compress(&self.sums.iter().flat_map(|sum| [sum.downloads, u64::from(sum.known), u64::from(sum.holes)]).collect::<Vec<_>>())
    }

    /// Takes over a year's months.
    fn set_year(&mut self, year: &Year) {
        let series = join(std::iter::once(Year { first: year.first, days: year.days.clone() }));
        for period in series.range().periods(Step::Month) {
            if self.sums.is_empty() {
                self.first = period.first;
            }
            let (first, month) = (month_number(self.first), month_number(period.first));
            if month < first {
                let missing = (month..first).map(|month| Sum { days: days_in_month(month), ..Sum::default() });
                self.sums.splice(0..0, missing);
                self.first = period.first;
            }
            let place = (month - month_number(self.first)).unsigned_abs() as usize;
            while self.sums.len() <= place {
                let next = month_number(self.first) + self.sums.len() as i64;
                self.sums.push(Sum { days: days_in_month(next), ..Sum::default() });
            }
            self.sums[place] = series.sum(period);
        }
    }
}

/// A row of `download_sums` as it travels: id, as of, the seven sums, and how much of each is known.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct SumsRow(i64, i32, [u64; 7], Option<String>);

/// The columns of [`SumsRow`] of `download_sums s`.
macro_rules! sums_row {
    () => {
        "{row}(s.package_id, s.as_of, {row}(s.days_1, s.days_7, s.days_30, s.days_365, s.previous_7, s.previous_30, s.previous_365), s.coverage)"
    };
}
pub(crate) use sums_row;

const LENGTHS: [u32; 7] = [1, 7, 30, 365, 7, 30, 365];

impl SumsRow {
    fn of(id: i64, sums: &Sums) -> Result<Self, Error> {
        let all = [sums.days_1, sums.days_7, sums.days_30, sums.days_365, sums.previous_7, sums.previous_30, sums.previous_365];
        let whole = all.iter().all(|sum| sum.known == sum.days);
        let coverage = (!whole).then(|| to_json(&all.map(|sum| (sum.known, sum.holes)))).transpose()?;
        Ok(Self(id, sums.as_of.0, all.map(|sum| sum.downloads), coverage))
    }

    pub(crate) fn sums(&self) -> Result<Sums, Error> {
        let coverage: Vec<(u32, u32)> = from_json(self.3.as_deref())?;
        let sum = |place: usize| {
            let days = LENGTHS[place];
            let (known, holes) = coverage.get(place).copied().unwrap_or((days, 0));
            Sum { downloads: self.2[place], days, known, holes }
        };
        Ok(Sums {
            as_of: Day(self.1),
            days_1: sum(0),
            days_7: sum(1),
            days_30: sum(2),
            days_365: sum(3),
            previous_7: sum(4),
            previous_30: sum(5),
            previous_365: sum(6),
        })
    }
}

fn wrapped(ids: &[i64]) -> Result<String, Error> {
    to_json(&ids.iter().map(|id| [*id]).collect::<Vec<_>>())
}

impl Store {
    /// Stores downloads by day of packages, or of [`WHOLE_REGISTRY`], with the months and sums that follow, in one transaction. What is known
    /// replaces what was known before; days that are unknown in a series change nothing. `observed_at`: when npm was asked, in seconds
    /// since 1970; it decides which days are closed.
    pub async fn put_days(&self, pieces: &[(i64, Series)], observed_at: i64) -> Result<(), Error> {
        let words = Words::of(&self.write);
        let touched = pieces.iter().filter_map(|(_, piece)| Some((piece.first.year(), piece.last_known()?.year())));
        let Some(earliest) = touched.flat_map(|(first, last)| [first, last - 2]).min() else { return Ok(()) };
        let ids: BTreeSet<i64> = pieces.iter().map(|(id, _)| *id).collect();
        let ids = wrapped(&ids.into_iter().collect::<Vec<_>>())?;
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            // Takes the row lock, which makes writers queue.
            sqlx::query("UPDATE counter SET n = n").execute(&mut *tx).await?;
            let sql = words.fill(
                "SELECT package_id, year, counts FROM download_years
                 WHERE package_id IN (SELECT CAST(j.value ->> 0 AS BIGINT) FROM {rows} j) AND year >= $2 ORDER BY package_id, year",
            );
            let rows: Vec<(i64, i64, Vec<u8>)> =
                sqlx::query_as(AssertSqlSafe(sql)).bind(&ids).bind(i64::from(earliest)).fetch_all(&mut *tx).await?;
            let mut years: BTreeMap<(i64, i64), Year> = BTreeMap::new();
            for (id, year, counts) in rows {
                years.insert((id, year), Year::decode(year, &counts)?);
            }
            let sql = words.fill(
                "SELECT package_id, first_month, counts FROM download_months
                 WHERE package_id IN (SELECT CAST(j.value ->> 0 AS BIGINT) FROM {rows} j)",
            );
            let rows: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(AssertSqlSafe(sql)).bind(&ids).fetch_all(&mut *tx).await?;
            let mut months: HashMap<i64, Months> = HashMap::new();
            for (id, first, counts) in rows {
                months.insert(id, Months::decode(first, &counts)?);
            }
            let mut changed: BTreeSet<(i64, i64)> = BTreeSet::new();
            for (id, piece) in pieces {
                for (day, count) in piece.iter() {
                    let year = i64::from(day.year());
                    if years.entry((*id, year)).or_insert_with(|| Year::empty(year)).set(day, count) {
                        changed.insert((*id, year));
                    }
                }
            }
            for (id, year) in &changed {
                let days = &years[&(*id, *year)];
                let sql = "INSERT INTO download_years (package_id, year, counts) VALUES ($1, $2, $3)
                    ON CONFLICT (package_id, year) DO UPDATE SET counts = excluded.counts";
                sqlx::query(sql).bind(id).bind(year).bind(days.encode()?).execute(&mut *tx).await?;
                months.entry(*id).or_insert_with(|| Months { first: days.first, sums: Vec::new(), nothing_before: None }).set_year(days);
            }
            let changed: BTreeSet<i64> = changed.into_iter().map(|(id, _)| id).collect();
            let mut sums = Vec::new();
            for id in &changed {
                let months = &months[id];
                let sql = "INSERT INTO download_months (package_id, first_month, counts) VALUES ($1, $2, $3)
                    ON CONFLICT (package_id) DO UPDATE SET first_month = excluded.first_month, counts = excluded.counts";
                sqlx::query(sql).bind(id).bind(month_number(months.first)).bind(months.encode()?).execute(&mut *tx).await?;
                let rows: Vec<(i64, Year)> = years
                    .range((*id, 0)..=(*id, i64::MAX))
                    .map(|((_, year), days)| (*year, Year { first: days.first, days: days.days.clone() }))
                    .collect();
                if let Some(kept) = join(rows.into_iter().map(|(_, days)| days)).sums() {
                    sums.push(SumsRow::of(*id, &kept)?);
                }
            }
            let sql = words.fill(
                "INSERT INTO download_sums
                     (package_id, as_of, days_1, days_7, days_30, days_365, previous_7, previous_30, previous_365, coverage)
                 SELECT CAST(j.value ->> 0 AS BIGINT), CAST(j.value ->> 1 AS BIGINT), CAST(j.value -> 2 ->> 0 AS BIGINT),
                     CAST(j.value -> 2 ->> 1 AS BIGINT), CAST(j.value -> 2 ->> 2 AS BIGINT), CAST(j.value -> 2 ->> 3 AS BIGINT),
                     CAST(j.value -> 2 ->> 4 AS BIGINT), CAST(j.value -> 2 ->> 5 AS BIGINT), CAST(j.value -> 2 ->> 6 AS BIGINT),
                     j.value ->> 3
                 FROM {rows} j WHERE TRUE
                 ON CONFLICT (package_id) DO UPDATE SET as_of = excluded.as_of, days_1 = excluded.days_1, days_7 = excluded.days_7,
                     days_30 = excluded.days_30, days_365 = excluded.days_365, previous_7 = excluded.previous_7,
                     previous_30 = excluded.previous_30, previous_365 = excluded.previous_365, coverage = excluded.coverage",
            );
            sqlx::query(AssertSqlSafe(sql)).bind(to_json(&sums)?).execute(&mut *tx).await?;
            let asked: Vec<(i64, i32, i32, i32)> = pieces
                .iter()
                .filter_map(|(id, piece)| {
                    let last = piece.iter().rev().find(|(_, count)| *count != DayCount::Unknown)?.0;
                    let counted = piece.days.iter().any(|count| matches!(count, DayCount::Known(1..)));
                    Some((*id, piece.first.0, last.0, i32::from(counted)))
                })
                .collect();
            let closed = closed_at(observed_at);
            let sql = words.fill(
                "UPDATE download_queue SET
                     first_day = CASE WHEN first_day < f THEN first_day ELSE f END,
                     last_day = CASE WHEN last_day > l THEN last_day ELSE l END,
                     closed_day = CASE WHEN closed_day > c THEN closed_day ELSE c END,
                     counted = CASE WHEN counted = 1 THEN 1 ELSE n END,
                     asked_at = $2
                 FROM (SELECT CAST(j.value ->> 0 AS BIGINT) AS id, CAST(j.value ->> 1 AS BIGINT) AS f, CAST(j.value ->> 2 AS BIGINT) AS l,
                         CASE WHEN CAST(j.value ->> 2 AS BIGINT) > $3 THEN $3 ELSE CAST(j.value ->> 2 AS BIGINT) END AS c,
                         CAST(j.value ->> 3 AS BIGINT) AS n FROM {rows} j) seen
                 WHERE download_queue.package_id = seen.id",
            );
            sqlx::query(AssertSqlSafe(sql)).bind(to_json(&asked)?).bind(observed_at).bind(i64::from(closed.0)).execute(&mut *tx).await?;
            tx.commit().await?;
        });
        Ok(())
    }

    /// All that is known of a package's downloads by day, or of [`WHOLE_REGISTRY`]; empty when nothing is.
    pub async fn series(&self, id: i64) -> Result<Series, Error> {
        let sql = "SELECT year, counts FROM download_years WHERE package_id = $1 ORDER BY year";
        let rows: Vec<(i64, Vec<u8>)> = on!(&self.read, |pool| sqlx::query_as(sql).bind(id).fetch_all(pool).await?);
        let years = rows.into_iter().map(|(year, counts)| Year::decode(year, &counts)).collect::<Result<Vec<_>, _>>()?;
        Ok(join(years.into_iter()))
    }

    /// Of those of these packages whose days were all asked for, the first day that may have counts: on those before there was nothing.
    async fn nothing_before(&self, ids: &[i64]) -> Result<HashMap<i64, Day>, Error> {
        let sql = Words::of(&self.read).fill(
            "SELECT {pack}({row}(q.package_id, q.first_day)){text} FROM {rows} j
             JOIN download_queue q ON q.package_id = CAST(j.value ->> 0 AS BIGINT)
             WHERE q.history_at IS NULL AND q.first_day IS NOT NULL AND q.package_id <> 0",
        );
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(wrapped(ids)?).fetch_one(pool).await?);
        Ok(from_json::<(i64, i32)>(text.as_deref())?.into_iter().map(|(id, first)| (id, Day(first))).collect())
    }

    /// What is known of the downloads of packages on the days of a range; each series has exactly these days. Before its first days a
    /// package had none, once that is known. Packages of which nothing is known are left out.
    pub async fn series_of(&self, ids: &[i64], range: DayRange) -> Result<HashMap<i64, Series>, Error> {
        let sql = Words::of(&self.read).fill(
            "SELECT package_id, year, counts FROM download_years
             WHERE package_id IN (SELECT CAST(j.value ->> 0 AS BIGINT) FROM {rows} j) AND year BETWEEN $2 AND $3 ORDER BY package_id, year",
        );
        let (from, to) = (i64::from(range.first.year()), i64::from(range.last.year()));
        let rows: Vec<(i64, i64, Vec<u8>)> =
            on!(&self.read, |pool| { sqlx::query_as(AssertSqlSafe(sql)).bind(wrapped(ids)?).bind(from).bind(to).fetch_all(pool).await? });
        let mut found: HashMap<i64, Series> = HashMap::with_capacity(ids.len());
        for (id, year, counts) in rows {
            let year = Year::decode(year, &counts)?;
            let series =
                found.entry(id).or_insert_with(|| Series { first: range.first, days: vec![DayCount::Unknown; range.days() as usize] });
            for (place, count) in year.days.iter().enumerate() {
                if let Some(day) = usize::try_from(year.first + place as i32 - range.first).ok().and_then(|at| series.days.get_mut(at)) {
                    *day = *count;
                }
            }
        }
        for (id, first) in self.nothing_before(ids).await? {
            found.entry(id).and_modify(|series| nothing(series, first));
        }
        Ok(found)
    }

    /// The downloads of packages by month; packages of which nothing is known are left out.
    pub async fn months_of(&self, ids: &[i64]) -> Result<HashMap<i64, Months>, Error> {
        let sql = Words::of(&self.read).fill(
            "SELECT package_id, first_month, counts FROM download_months
             WHERE package_id IN (SELECT CAST(j.value ->> 0 AS BIGINT) FROM {rows} j)",
        );
        let rows: Vec<(i64, i64, Vec<u8>)> =
            on!(&self.read, |pool| sqlx::query_as(AssertSqlSafe(sql)).bind(wrapped(ids)?).fetch_all(pool).await?);
        let nothing_before = self.nothing_before(ids).await?;
        rows.into_iter()
            .map(|(id, first, counts)| {
                Ok((id, Months { nothing_before: nothing_before.get(&id).copied(), ..Months::decode(first, &counts)? }))
            })
            .collect()
    }

    /// The sums of packages; those of which nothing is known are left out.
    pub async fn download_sums(&self, ids: &[i64]) -> Result<HashMap<i64, Sums>, Error> {
        let sql = Words::of(&self.read).fill(concat!(
            "SELECT {pack}(",
            sums_row!(),
            "){text} FROM {rows} j JOIN download_sums s ON s.package_id = CAST(j.value ->> 0 AS BIGINT)"
        ));
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(wrapped(ids)?).fetch_one(pool).await?);
        from_json::<SumsRow>(text.as_deref())?.into_iter().map(|row| Ok((row.0, row.sums()?))).collect()
    }

    /// Stores what npm tells of a package's versions: the downloads of the seven days up to `last`.
    pub async fn put_version_downloads(&self, id: i64, week: &VersionWeek) -> Result<(), Error> {
        let mut counts = week.counts.clone();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let sql = "INSERT INTO version_downloads (package_id, last_day, counts) VALUES ($1, $2, $3)
            ON CONFLICT (package_id, last_day) DO UPDATE SET counts = excluded.counts";
        let bytes = crate::details::pack(&counts)?;
        on!(&self.write, |pool| {
            sqlx::query(sql).bind(id).bind(i64::from(week.last.0)).bind(bytes).execute(pool).await?;
        });
        Ok(())
    }

    /// The newest archived week of the versions of each of these packages; those without one are left out.
    pub async fn newest_version_weeks(&self, ids: &[i64]) -> Result<HashMap<i64, VersionWeek>, Error> {
        let sql = Words::of(&self.read).fill(
            "SELECT v.package_id, v.last_day, v.counts FROM {rows} j JOIN version_downloads v ON v.package_id = CAST(j.value ->> 0 AS BIGINT)
             WHERE v.last_day = (SELECT max(w.last_day) FROM version_downloads w WHERE w.package_id = v.package_id)",
        );
        let rows: Vec<(i64, i64, Vec<u8>)> =
            on!(&self.read, |pool| sqlx::query_as(AssertSqlSafe(sql)).bind(wrapped(ids)?).fetch_all(pool).await?);
        rows.into_iter().map(|(id, last, counts)| Ok((id, VersionWeek::unpack(last, &counts)?))).collect()
    }

    /// The archived weeks of a package's versions, the newest first.
    pub async fn version_downloads(&self, id: i64) -> Result<Vec<VersionWeek>, Error> {
        let sql = "SELECT last_day, counts FROM version_downloads WHERE package_id = $1 ORDER BY last_day DESC";
        let rows: Vec<(i64, Vec<u8>)> = on!(&self.read, |pool| sqlx::query_as(sql).bind(id).fetch_all(pool).await?);
        rows.into_iter().map(|(last, counts)| VersionWeek::unpack(last, &counts)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_keep_their_days() {
        use DayCount::{Hole, Known, Unknown};
        for days in [vec![], vec![Known(0)], vec![Unknown, Hole, Known(0), Known(2_399_072_936)], vec![Known(7); 366]] {
            let year = Year { days, ..Year::empty(2024) };
            assert_eq!(Year::decode(2024, &year.encode().expect("encodes")).expect("decodes").days, year.days);
        }
        for bytes in [&b""[..], b"\x02abc", b"\x01abc", b"\x01"] {
            assert!(matches!(Year::decode(2024, bytes), Err(Error::Damaged(_))));
        }
    }

    #[test]
    fn months_follow_their_years() {
        let mut months = Months { first: Day::default(), sums: Vec::new(), nothing_before: None };
        months.set_year(&Year { days: vec![DayCount::Known(1); 366], ..Year::empty(2024) });
        months.set_year(&Year { days: vec![DayCount::Known(2); 40], ..Year::empty(2026) });
        months.set_year(&Year { days: vec![DayCount::Known(3); 365], ..Year::empty(2023) });
        assert_eq!((months.first, months.sums.len()), (Day::of_date(2023, 1, 1).expect("a day"), 38));
        let sums: Vec<(u64, u32, u32)> = months.sums.iter().map(|sum| (sum.downloads, sum.known, sum.days)).collect();
        assert_eq!((sums[0], sums[13], sums[24], sums[37]), ((93, 31, 31), (29, 29, 29), (0, 0, 31), (18, 9, 28)));
        let first = month_number(months.first);
        assert_eq!(Months::decode(first, &months.encode().expect("encodes")).expect("decodes"), months);
    }
}
