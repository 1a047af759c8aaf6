//! Downloads by day, and what is made of them: sums that say how many of their days they cover, periods, growth, and the days of which npm
//! itself has no counts.

use serde::{Deserialize, Serialize};

use crate::{Day, DayRange, Step};

/// What is known of one day's downloads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DayCount {
    /// So many.
    Known(u64),
    /// Nobody asked yet, or the counts of the day have not come yet.
    #[default]
    Unknown,
    /// npm lost the counts of this day. Never zero, never asked for again.
    Hole,
}

/// Downloads on consecutive days; what lies before and after is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    /// The day of the first count.
    pub first: Day,
    /// One count a day.
    pub days: Vec<DayCount>,
}

/// Downloads of several days together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Sum {
    /// The downloads of the days that are known.
    pub downloads: u64,
    /// How many days the period has.
    pub days: u32,
    /// Of how many of them the downloads are known.
    pub known: u32,
    /// Of how many npm itself has no counts.
    pub holes: u32,
}

/// One period of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its days, cut at the ends of what was asked for.
    pub range: DayRange,
    /// Their downloads.
    pub sum: Sum,
    /// Whether the period is whole: not cut, and counted to its last day. What is not finished will grow, or is part of something larger.
    pub is_finished: bool,
}

/// The sums that are kept of every package: to the newest counted day, and of the periods before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// The last day of the sums.
    pub as_of: Day,
    /// That day.
    pub days_1: Sum,
    /// The 7 days up to it.
    pub days_7: Sum,
    /// The 30 days up to it.
    pub days_30: Sum,
    /// The 365 days up to it.
    pub days_365: Sum,
    /// The 7 days before those.
    pub previous_7: Sum,
    /// The 30 days before those.
    pub previous_30: Sum,
    /// The 365 days before those.
    pub previous_365: Sum,
}

/// Days of the whole registry with less than this share of what their weekday has otherwise are holes.
const HOLE_SHARE: f64 = 0.2;
/// So many weeks before and after a day are looked at.
const HOLE_WEEKS: i32 = 5;

impl Series {
    /// The last day of the series; the day before the first when it is empty.
    #[must_use]
    pub fn last(&self) -> Day {
        self.first + self.days.len() as i32 - 1
    }

    /// From its first to its last day.
    #[must_use]
    pub fn range(&self) -> DayRange {
        DayRange { first: self.first, last: self.last() }
    }

    /// What is known of a day.
    #[must_use]
    pub fn get(&self, day: Day) -> DayCount {
        usize::try_from(day - self.first).ok().and_then(|place| self.days.get(place)).copied().unwrap_or_default()
    }

    /// Sets a day, and makes the series longer at either end where that is needed.
    pub fn set(&mut self, day: Day, count: DayCount) {
        if self.days.is_empty() {
            self.first = day;
        }
        if day < self.first {
            let missing = (self.first - day).unsigned_abs() as usize;
            self.days.splice(0..0, std::iter::repeat_n(DayCount::Unknown, missing));
            self.first = day;
        }
        let place = (day - self.first).unsigned_abs() as usize;
        if place >= self.days.len() {
            self.days.resize(place + 1, DayCount::Unknown);
        }
        self.days[place] = count;
    }

    /// All days in order.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Day, DayCount)> {
        self.days.iter().enumerate().map(|(place, count)| (self.first + place as i32, *count))
    }

    /// The first day with a count.
    #[must_use]
    pub fn first_known(&self) -> Option<Day> {
        self.iter().find(|(_, count)| matches!(count, DayCount::Known(_))).map(|(day, _)| day)
    }

    /// The last day with a count.
    #[must_use]
    pub fn last_known(&self) -> Option<Day> {
        self.iter().rev().find(|(_, count)| matches!(count, DayCount::Known(_))).map(|(day, _)| day)
    }

    /// The counts of the days of a range that are in the series.
    fn within(&self, range: DayRange) -> &[DayCount] {
        let common = range.intersection(self.range());
        if common.is_empty() {
            return &[];
        }
        let start = (common.first - self.first).unsigned_abs() as usize;
        &self.days[start..start + common.days() as usize]
    }

    /// The days of a range, all of them, unknown where the series does not reach.
    #[must_use]
    pub fn slice(&self, range: DayRange) -> Self {
        Self { first: range.first, days: range.iter().map(|day| self.get(day)).collect() }
    }

    /// The downloads of a range.
    #[must_use]
    pub fn sum(&self, range: DayRange) -> Sum {
        let mut sum = Sum { days: range.days(), ..Sum::default() };
        for count in self.within(range) {
            match count {
                DayCount::Known(downloads) => {
                    sum.downloads = sum.downloads.saturating_add(*downloads);
                    sum.known += 1;
                }
                DayCount::Hole => sum.holes += 1,
                DayCount::Unknown => {}
            }
        }
        sum
    }

    /// The downloads of a range, period by period; the first and the last may be cut.
    #[must_use]
    pub fn rolled_up(&self, step: Step, range: DayRange) -> Vec<Period> {
        let counted = self.last_known();
        let periods = range.periods(step).into_iter().map(|whole| {
            let cut = whole.intersection(range);
            let is_finished = cut == whole && counted.is_some_and(|counted| whole.last <= counted);
            Period { range: cut, sum: self.sum(cut), is_finished }
        });
        periods.collect()
    }

    /// The sums up to the newest day with a count; `None` when there is no count.
    #[must_use]
    pub fn sums(&self) -> Option<Sums> {
        let as_of = self.last_known()?;
        let (week, month, year) = (DayRange::ending(as_of, 7), DayRange::ending(as_of, 30), DayRange::ending(as_of, 365));
        Some(Sums {
            as_of,
            days_1: self.sum(DayRange::ending(as_of, 1)),
            days_7: self.sum(week),
            days_30: self.sum(month),
            days_365: self.sum(year),
            previous_7: self.sum(week.before(7)),
            previous_30: self.sum(month.before(30)),
            previous_365: self.sum(year.before(365)),
        })
    }

    /// The last day of the whole registry's counts that has come. npm fills a day in one to three days after it, and until then it is
    /// nothing or far too little; those days at the end are left out.
    #[must_use]
    pub fn last_landed(&self) -> Option<Day> {
        self.iter().rev().find(|(day, count)| matches!(count, DayCount::Known(_)) && !self.is_too_little(*day)).map(|(day, _)| day)
    }

    /// The days of the whole registry's counts that are holes: none at all or less than a fifth of what the same weekday has in the weeks
    /// around. Days after [`Series::last_landed`] are not judged yet.
    #[must_use]
    pub fn find_holes(&self) -> Vec<Day> {
        let Some(landed) = self.last_landed() else { return Vec::new() };
        let days = self.iter().filter(|(day, count)| *day <= landed && *count != DayCount::Unknown);
        days.filter(|(day, count)| *count == DayCount::Hole || self.is_too_little(*day)).map(|(day, _)| day).collect()
    }

    /// Whether a day's count is zero, or less than a fifth of the median of the same weekday around. What is itself zero does not count
    /// for the median, so that holes of two weeks are found as well.
    fn is_too_little(&self, day: Day) -> bool {
        let DayCount::Known(count) = self.get(day) else { return false };
        if count == 0 {
            return true;
        }
        let around = (-HOLE_WEEKS..=HOLE_WEEKS).filter(|week| *week != 0).map(|week| self.get(day + week * 7));
        let mut around: Vec<u64> = around.filter_map(|count| if let DayCount::Known(count) = count { Some(count) } else { None }).collect();
        around.retain(|count| *count > 0);
        around.sort_unstable();
        let median = around.get(around.len() / 2).copied().unwrap_or(0);
        (count as f64) < median as f64 * HOLE_SHARE
    }
}

impl Default for Day {
    fn default() -> Self {
        Self::FIRST_COUNTED
    }
}

impl Sum {
    /// Whether every day is known, or a hole that nobody will ever fill.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.known + self.holes == self.days
    }

    /// Downloads of a day on average, over the days that are known.
    #[must_use]
    pub fn per_day(&self) -> Option<f64> {
        (self.known > 0).then(|| self.downloads as f64 / f64::from(self.known))
    }

    /// By how much this is more than `before`: 0.25 for a quarter more. By the average day, so that a hole is no fall. `None` when either
    /// is not complete, or when there was nothing before.
    #[must_use]
    pub fn growth(&self, before: &Self) -> Option<f64> {
        if !self.is_complete() || !before.is_complete() {
            return None;
        }
        let (now, then) = (self.per_day()?, before.per_day()?);
        (then > 0.0).then(|| now / then - 1.0)
    }
}

impl Sums {
    /// By how much the 7 days are more than the 7 before; see [`Sum::growth`].
    #[must_use]
    pub fn growth_7(&self) -> Option<f64> {
        self.days_7.growth(&self.previous_7)
    }

    /// By how much the 30 days are more than the 30 before.
    #[must_use]
    pub fn growth_30(&self) -> Option<f64> {
        self.days_30.growth(&self.previous_30)
    }

    /// By how much the 365 days are more than the 365 before.
    #[must_use]
    pub fn growth_365(&self) -> Option<f64> {
        self.days_365.growth(&self.previous_365)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    fn range(text: &str) -> DayRange {
        let (first, last) = text.split_once(':').expect("a range");
        DayRange { first: day(first), last: day(last) }
    }

    /// `7` is known, `?` unknown, `-` a hole.
    fn series(first: &str, counts: &str) -> Series {
        let count = |text: &str| match text {
            "?" => DayCount::Unknown,
            "-" => DayCount::Hole,
            number => DayCount::Known(number.parse().expect("a number")),
        };
        Series { first: day(first), days: counts.split_whitespace().map(count).collect() }
    }

    #[test]
    fn sums_say_what_they_cover() {
        let one = series("2026-11-01", "5 - ? 7 0");
        let check = |text: &str, downloads, days, known, holes| {
            assert_eq!(one.sum(range(text)), Sum { downloads, days, known, holes }, "{text}");
        };
        check("2026-11-01:2026-11-02", 5, 2, 1, 1);
        check("2026-11-01:2026-11-05", 12, 5, 3, 1);
        check("2026-10-01:2026-11-01", 5, 32, 1, 0);
        check("2026-11-05:2026-11-09", 0, 5, 1, 0);
        check("2027-01-01:2027-01-02", 0, 2, 0, 0);
        check("2026-11-05:2026-11-04", 0, 0, 0, 0);
        assert_eq!((one.first_known(), one.last_known()), (Some(day("2026-11-01")), Some(day("2026-11-05"))));
        assert_eq!(one.get(day("2026-10-31")), DayCount::Unknown);
    }

    #[test]
    fn growth_is_of_the_average_day() {
        let grown = |counts: &str| {
            let all = series("2026-11-01", counts);
            let half = all.days.len() as i32 / 2;
            let before = all.sum(DayRange { first: all.first, last: all.first + half - 1 });
            all.sum(DayRange { first: all.first + half, last: all.last() }).growth(&before)
        };
        assert_eq!(grown("10 10 15 15"), Some(0.5));
        assert_eq!(grown("10 10 - 15"), Some(0.5), "a hole is no fall");
        assert_eq!(grown("10 ? 15 15"), None);
        assert_eq!(grown("0 0 15 15"), None);
        assert_eq!(grown("- - 15 15"), None);
        assert_eq!(grown("10 10 0 0"), Some(-1.0));
        let year = Series { first: day("2024-11-22"), days: vec![DayCount::Known(3); 730] };
        let sums = year.sums().expect("counts");
        assert_eq!((sums.as_of, sums.days_1.downloads, sums.days_365.downloads), (day("2026-11-21"), 3, 1_095));
        assert!(sums.previous_365.is_complete() && sums.growth_365() == Some(0.0));
        assert_eq!(Series::default().sums(), None);
    }

    #[test]
    fn periods_that_are_not_finished() {
        // A Sunday to a Tuesday.
        let one = series("2026-11-01", "1 1 1 1 1 1 1 1 1 1");
        let weeks = one.rolled_up(Step::Week, one.range());
        let text: Vec<String> = weeks.iter().map(|week| format!("{} {} {}", week.range, week.sum.downloads, week.is_finished)).collect();
        assert_eq!(text, ["2026-11-01:2026-11-01 1 false", "2026-11-02:2026-11-08 7 true", "2026-11-09:2026-11-10 2 false"]);
        let months = one.rolled_up(Step::Month, range("2026-10-01:2026-11-30"));
        assert_eq!(months.iter().map(|month| (month.sum.known, month.is_finished)).collect::<Vec<_>>(), [(0, true), (10, false)]);
    }

    /// The whole registry over half a year, weekends a third lower, with something done to it.
    fn registry(change: impl Fn(Day) -> Option<u64>) -> Series {
        let first = day("2018-03-01");
        let days = (0..180).map(|place| {
            let day = first + place;
            let usual = if day.weekday() < 5 { 900_000_000 } else { 600_000_000 } + u64::from(place.unsigned_abs()) * 1_000_000;
            DayCount::Known(change(day).unwrap_or(usual))
        });
        Series { first, days: days.collect() }
    }

    #[test]
    fn holes_of_the_whole_registry() {
        let none = registry(|_| None);
        assert_eq!((none.find_holes(), none.last_landed()), (vec![], Some(none.last())));
        let long = range("2018-05-27:2018-06-08");
        let zeros = registry(|day| long.contains(day).then_some(0));
        assert_eq!(zeros.find_holes(), long.iter().collect::<Vec<_>>());
        let little = registry(|day| long.contains(day).then_some(100_000_000));
        assert_eq!(little.find_holes(), long.iter().collect::<Vec<_>>());
        let holiday = registry(|day| long.contains(day).then_some(250_000_000));
        assert_eq!(holiday.find_holes(), []);
        // The last days have not come yet: nothing, nothing, a part.
        let end = none.last();
        let late = registry(|day| (day > end - 3).then_some(if day == end - 2 { 30_000_000 } else { 0 }));
        assert_eq!((late.find_holes(), late.last_landed()), (vec![], Some(end - 3)));
        // A day before one that has come is lost, not late.
        let lost = registry(|day| (day == end - 1).then_some(0));
        assert_eq!((lost.find_holes(), lost.last_landed()), (vec![end - 1], Some(end)));
        // What is marked stays so.
        let mut marked = zeros;
        for day in long.iter() {
            marked.set(day, DayCount::Hole);
        }
        assert_eq!(marked.find_holes(), long.iter().collect::<Vec<_>>());
        assert_eq!((Series::default().find_holes(), Series::default().last_landed()), (vec![], None));
    }

    fn any_count() -> impl Strategy<Value = DayCount> {
        prop_oneof![4 => (0..1_000_000u64).prop_map(DayCount::Known), 1 => Just(DayCount::Unknown), 1 => Just(DayCount::Hole)]
    }

    proptest! {
        #[test]
        fn whatever_the_step_nothing_is_lost(
            first in 16_445..20_000i32,
            days in proptest::collection::vec(any_count(), 0..900),
            from in -40..40i32,
            to in -40..940i32,
        ) {
            let series = Series { first: Day(first), days };
            let range = DayRange { first: Day(first + from), last: Day(first + to) };
            let whole = series.sum(range);
            for step in [Step::Day, Step::Week, Step::Month, Step::Year] {
                let periods = series.rolled_up(step, range);
                let mut sum = Sum::default();
                for period in &periods {
                    sum.downloads += period.sum.downloads;
                    sum.days += period.sum.days;
                    sum.known += period.sum.known;
                    sum.holes += period.sum.holes;
                    prop_assert!(!period.is_finished || period.range.first.period(step) == period.range);
                }
                prop_assert_eq!(sum, whole);
            }
            prop_assert_eq!(series.slice(range).sum(range), whole);
        }

        #[test]
        fn what_is_set_is_there(sets in proptest::collection::vec((16_445..17_000i32, any_count()), 1..40)) {
            let mut series = Series::default();
            let mut expected = std::collections::HashMap::new();
            for (day, count) in sets {
                series.set(Day(day), count);
                expected.insert(day, count);
            }
            for day in 16_400..17_050 {
                prop_assert_eq!(series.get(Day(day)), expected.get(&day).copied().unwrap_or_default());
            }
        }

        #[test]
        fn holes_are_days_of_the_series(days in proptest::collection::vec(any_count(), 0..120)) {
            let series = Series { first: Day::FIRST_COUNTED, days };
            let landed = series.last_landed();
            for hole in series.find_holes() {
                prop_assert!(Some(hole) <= landed && series.range().contains(hole));
            }
        }
    }
}
