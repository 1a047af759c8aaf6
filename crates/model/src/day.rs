//! Days, as downloads are counted: UTC, without a time.

use std::fmt;
use std::ops::{Add, Sub};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A day in UTC: days since 1970-01-01. Shown, read and serialised as `2026-11-21`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(pub i32);

/// Why a text is not a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a day of the form 2026-11-21")]
pub struct InvalidDay(String);

/// Both ends are in it. Empty when the last is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DayRange {
    /// The first day.
    pub first: Day,
    /// The last day.
    pub last: Day,
}

/// How long the periods are to which days are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// One day.
    Day,
    /// An ISO 8601 week, from Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
}

const SECONDS: i64 = 24 * 3600;
/// 1970-01-01 was a Thursday.
const THURSDAY: i32 = 3;

impl Day {
    /// 2015-01-10, the first day of which npm has counts.
    pub const FIRST_COUNTED: Self = Self(16_445);
    /// The last day that can be shown: 9999-12-31.
    const LAST: i32 = 2_932_896;
    const FIRST: i32 = -719_528;

    /// The day in which a moment lies: seconds since 1970, UTC.
    #[must_use]
    pub fn of_seconds(seconds: i64) -> Self {
        Self(seconds.div_euclid(SECONDS).clamp(i64::from(Self::FIRST), i64::from(Self::LAST)) as i32)
    }

    /// When it begins: seconds since 1970, UTC.
    #[must_use]
    pub fn start_seconds(self) -> i64 {
        i64::from(self.0) * SECONDS
    }

    /// Reads `2026-11-21`, and nothing shorter or longer.
    pub fn parse(text: &str) -> Result<Self, InvalidDay> {
        let invalid = || InvalidDay(text.chars().take(40).collect());
        let mut parts = text.splitn(3, '-');
        let mut number = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()));
            part.and_then(|part| part.parse::<i16>().ok()).ok_or_else(invalid)
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        Date::new(year, month as i8, day as i8).map(Self::from).map_err(|_| invalid())
    }

    /// The day of this date, which must exist.
    #[must_use]
    pub fn of_date(year: i16, month: i8, day: i8) -> Option<Self> {
        Date::new(year, month, day).ok().map(Self::from)
    }

    fn date(self) -> Date {
        let epoch = Date::constant(1970, 1, 1);
        let days = i64::from(self.0.clamp(Self::FIRST, Self::LAST));
        epoch.checked_add(jiff::Span::new().days(days)).unwrap_or(epoch)
    }

    /// The year.
    #[must_use]
    pub fn year(self) -> i16 {
        self.date().year()
    }

    /// The month, from 1.
    #[must_use]
    pub fn month(self) -> i8 {
        self.date().month()
    }

    /// The day of the month, from 1.
    #[must_use]
    pub fn day_of_month(self) -> i8 {
        self.date().day()
    }

    /// The day of the week: 0 is Monday.
    #[must_use]
    pub fn weekday(self) -> u8 {
        (i64::from(self.0) + i64::from(THURSDAY)).rem_euclid(7) as u8
    }

    /// The first of January of the same year.
    #[must_use]
    pub fn start_of_year(self) -> Self {
        self.date().first_of_year().into()
    }

    /// The period of this length in which the day lies.
    #[must_use]
    pub fn period(self, step: Step) -> DayRange {
        let date = self.date();
        let (first, last) = match step {
            Step::Day => (self, self),
            Step::Week => {
                let monday = self - i32::from(self.weekday());
                (monday, monday + 6)
            }
            Step::Month => (date.first_of_month().into(), date.last_of_month().into()),
            Step::Year => (date.first_of_year().into(), date.last_of_year().into()),
        };
        DayRange { first, last }
    }
}

impl From<Date> for Day {
    fn from(date: Date) -> Self {
        Self((Date::constant(1970, 1, 1).duration_until(date).as_hours() / 24) as i32)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

impl TryFrom<String> for Day {
    type Error = InvalidDay;

    fn try_from(text: String) -> Result<Self, InvalidDay> {
        Self::parse(&text)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl Add<i32> for Day {
    type Output = Self;

    fn add(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl Sub<i32> for Day {
    type Output = Self;

    fn sub(self, days: i32) -> Self {
        Self(self.0.saturating_sub(days))
    }
}

/// Days from the second to the first.
impl Sub for Day {
    type Output = i32;

    fn sub(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl DayRange {
    /// So many days up to and with the last.
    #[must_use]
    pub fn ending(last: Day, days: u32) -> Self {
        Self { first: last - days.cast_signed() + 1, last }
    }

    /// So many days before this range.
    #[must_use]
    pub fn before(self, days: u32) -> Self {
        Self::ending(self.first - 1, days)
    }

    /// How many days it has.
    #[must_use]
    pub fn days(self) -> u32 {
        (self.last - self.first).saturating_add(1).max(0).cast_unsigned()
    }

    /// Whether no day is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.last < self.first
    }

    /// Whether a day is in it.
    #[must_use]
    pub fn contains(self, day: Day) -> bool {
        self.first <= day && day <= self.last
    }

    /// The days that are in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self { first: self.first.max(other.first), last: self.last.min(other.last) }
    }

    /// Its days in order.
    #[must_use]
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Day> {
        (self.first.0..=self.last.0).map(Day)
    }

    /// The whole periods that touch the range, in order.
    #[must_use]
    pub fn periods(self, step: Step) -> Vec<Self> {
        let mut periods = Vec::new();
        let mut day = self.first;
        while day <= self.last {
            let period = day.period(step);
            day = period.last.max(day) + 1;
            periods.push(period);
        }
        periods
    }
}

impl fmt::Display for DayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    #[test]
    fn days_that_are_known() {
        assert_eq!((day("1970-01-01"), day("2015-01-10"), day("9999-12-31").0), (Day(0), Day::FIRST_COUNTED, Day::LAST));
        assert_eq!(day("0000-01-01").0, Day::FIRST);
        assert_eq!(Day::of_seconds(-1), day("1969-12-31"));
        assert_eq!(Day::of_seconds(1_795_996_799), day("2026-11-29"));
        assert_eq!((day("2026-11-29").weekday(), day("2026-11-30").weekday()), (6, 0), "a Sunday and a Monday");
        let leap = day("2024-02-29");
        assert_eq!((leap.year(), leap.month(), leap.day_of_month()), (2024, 2, 29));
        let period = |step| leap.period(step).to_string();
        assert_eq!(period(Step::Week), "2024-02-26:2024-03-03");
        assert_eq!(period(Step::Month), "2024-02-01:2024-02-29");
        assert_eq!(period(Step::Year), "2024-01-01:2024-12-31");
        assert_eq!(serde_json::to_string(&leap).expect("writes"), "\"2024-02-29\"");
        assert_eq!(serde_json::from_str::<Day>("\"2024-02-29\"").expect("reads"), leap);
    }

    #[test]
    fn texts_that_are_no_days() {
        for text in [
            "",
            "2026",
            "2026-11",
            "2026-11-31",
            "2023-02-29",
            "2026-1-1",
            "26-01-01",
            "+026-01-01",
            "2026-01-01T",
            "2026/01/01",
            "２０26-01-01",
        ] {
            assert!(Day::parse(text).is_err(), "{text:?}");
        }
        let error = Day::parse(&"9".repeat(1_000)).expect_err("no day");
        assert!(error.to_string().len() < 100, "{error}");
    }

    proptest! {
        #[test]
        fn a_day_reads_as_it_is_written(number in Day::FIRST..=Day::LAST) {
            let day = Day(number);
            prop_assert_eq!(Day::parse(&day.to_string()), Ok(day));
            prop_assert_eq!(Day::of_seconds(day.start_seconds() + 86_399), day);
            for step in [Step::Day, Step::Week, Step::Month, Step::Year] {
                let period = day.period(step);
                prop_assert!(period.contains(day));
                prop_assert_eq!(period.first.period(step), period);
            }
        }

        #[test]
        fn periods_leave_nothing_out(first in 16_445..20_000i32, days in 0..1_500u32) {
            let range = DayRange::ending(Day(first), days);
            for step in [Step::Day, Step::Week, Step::Month, Step::Year] {
                let periods = range.periods(step);
                prop_assert_eq!(periods.is_empty(), range.is_empty());
                prop_assert!(periods.windows(2).all(|pair| pair[1].first == pair[0].last + 1));
                prop_assert_eq!(periods.iter().map(|period| period.intersection(range).days()).sum::<u32>(), days);
            }
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,20}") {
            let _ = Day::parse(&text);
        }

        #[test]
        fn any_number_can_be_shown(number in any::<i32>()) {
            let _ = (Day(number).to_string(), Day(number).weekday(), Day(number) + i32::MAX, Day(number) - Day(i32::MIN));
        }
    }
}
