//! Ranges of numbers and of times.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Numbers from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The smallest.
    pub from: u64,
    /// The largest.
    pub to: u64,
}

/// Times from one to another, both included, in seconds since 1970, and how they were typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// The earliest.
    pub from: i64,
    /// The latest.
    pub to: i64,
    typed: String,
}

/// How a range is written around its ends.
enum Form<'a> {
    One(&'a str),
    Above(&'a str),
    AtLeast(&'a str),
    Below(&'a str),
    AtMost(&'a str),
    Between(Option<&'a str>, Option<&'a str>),
}

impl<'a> Form<'a> {
    fn of(text: &'a str) -> Self {
        if let Some((from, to)) = text.split_once("..") {
            let end = |text: &'a str| Some(text).filter(|text| !text.is_empty() && *text != "*");
            return Self::Between(end(from), end(to));
        }
        for (sign, form) in [(">=", Self::AtLeast as fn(&'a str) -> Self), ("<=", Self::AtMost), (">", Self::Above), ("<", Self::Below)] {
            if let Some(end) = text.strip_prefix(sign) {
                return form(end);
            }
        }
        Self::One(text)
    }
}

impl Numbers {
    /// Reads `5`, `>1000`, `>=1m`, `<1k`, `<=2.5k`, `1000..5000`, `1k..`, `..1k`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let read = |text: &str| number(text).ok_or_else(|| "numbers are written as >1000, <1k, >=1.5m or 1000..5000".to_owned());
        let (from, to) = match Form::of(text) {
            Form::One(text) => {
                let number = read(text)?;
                (Some(number), Some(number))
            }
            Form::Above(text) => (Some(read(text)? + 1), None),
            Form::AtLeast(text) => (Some(read(text)?), None),
            Form::Below(text) => (None, Some(read(text)?.checked_sub(1).ok_or("nothing is below 0")?)),
            Form::AtMost(text) => (None, Some(read(text)?)),
            Form::Between(None, None) => return Err("a range needs an end".to_owned()),
            Form::Between(from, to) => (from.map(read).transpose()?, to.map(read).transpose()?),
        };
        let range = Self { from: from.unwrap_or(0), to: to.unwrap_or(u64::MAX) };
        if range.from > range.to { Err("this range ends before it begins".to_owned()) } else { Ok(range) }
    }
}

/// A whole number, or one with a fraction and `k`, `m` or `b` for thousands, millions and billions; below 10^15.
fn number(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().next_back()? {
        (at, 'k') => (&text[..at], 1_000),
        (at, 'm') => (&text[..at], 1_000_000),
        (at, 'b' | 'g') => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || (unit == 1 && digits.contains('.')) {
        return None;
    }
    let parts: u64 = fraction.parse().ok()?;
    let scale = 10_u128.pow(fraction.len() as u32);
    let fraction = u64::try_from(u128::from(parts) * u128::from(unit) / scale).ok()?;
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(fraction).filter(|number| *number < 1_000_000_000_000_000)
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (from, u64::MAX) => write!(f, ">={from}"),
            (0, to) if to > 0 => write!(f, "<={to}"),
            (from, to) if from == to => write!(f, "{from}"),
            (from, to) => write!(f, "{from}..{to}"),
        }
    }
}

/// The end of a range of times: a moment so long ago, or a day, month or year, from its first second to the first after it.
#[derive(Clone, Copy)]
enum End {
    Ago(i64),
    Span(i64, i64),
}

impl End {
    fn first(self) -> i64 {
        match self {
            Self::Ago(at) | Self::Span(at, _) => at,
        }
    }

    fn last(self) -> i64 {
        match self {
            Self::Ago(at) => at,
            Self::Span(_, after) => after - 1,
        }
    }
}

impl Times {
    /// Reads ages and dates: `30d` and `<1y` are younger, `>1y` is older, `1y..2y` between; `2024`, `2024-05` and `2024-05-17` are within,
    /// `>2024-01-01` is after that day, `>=`, `<`, `<=` and `2023..2024-06` as with numbers. A month and a year are those of the calendar.
    pub(super) fn parse(text: &str, now: i64) -> Result<Self, String> {
        let read =
            |text: &str| end(text, now).ok_or_else(|| "times are written as <1y, >30d, 2024, >2024-01-31 or 2023..2024-06".to_owned());
        let (from, to) = match Form::of(text) {
            Form::One(text) => match read(text)? {
                End::Ago(at) => (Some(at), None),
                span @ End::Span(..) => (Some(span.first()), Some(span.last())),
            },
            // Of an age, less is later.
            Form::Below(text) | Form::AtMost(text) if matches!(read(text)?, End::Ago(_)) => (Some(read(text)?.first()), None),
            Form::Above(text) | Form::AtLeast(text) if matches!(read(text)?, End::Ago(_)) => (None, Some(read(text)?.last())),
            Form::Above(text) => (Some(read(text)?.last() + 1), None),
            Form::AtLeast(text) => (Some(read(text)?.first()), None),
            Form::Below(text) => (None, Some(read(text)?.first() - 1)),
            Form::AtMost(text) => (None, Some(read(text)?.last())),
            Form::Between(None, None) => return Err("a range needs an end".to_owned()),
            Form::Between(from, to) => match (from.map(read).transpose()?, to.map(read).transpose()?) {
                (Some(End::Ago(a)), Some(End::Ago(b))) => (Some(a.min(b)), Some(a.max(b))),
                (from, to) => (from.map(End::first), to.map(End::last)),
            },
        };
        let (from, to) = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
        if from > to {
            return Err("this range ends before it begins".to_owned());
        }
        Ok(Self { from, to, typed: text.to_owned() })
    }
}

fn end(text: &str, now: i64) -> Option<End> {
    let (at, unit) = text.char_indices().next_back()?;
    if unit.is_ascii_digit() {
        return date(text);
    }
    let digits = &text[..at];
    let count: i64 = digits.parse().ok().filter(|_| digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_digit()))?;
    let span = match unit {
        'd' => Span::new().days(count),
        'w' => Span::new().weeks(count),
        'm' => Span::new().months(count),
        'y' => Span::new().years(count),
        _ => return None,
    };
    let now = Timestamp::from_second(now).ok()?.to_zoned(TimeZone::UTC);
    // Before the beginning of the calendar lies everything.
    Some(End::Ago(now.checked_sub(span).map_or(i64::MIN, |then| then.timestamp().as_second())))
}

/// A year, a month or a day.
fn date(text: &str) -> Option<End> {
    let parts: Vec<&str> = text.split('-').collect();
    let part = |place: usize, digits: usize| -> Option<i16> {
        let text: &&str = parts.get(place)?;
        (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let year = part(0, 4)?;
    let month = if parts.len() > 1 { part(1, 2)? } else { 1 };
    let day = if parts.len() > 2 { part(2, 2)? } else { 1 };
    let first = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let after = match parts.len() {
        1 => first.last_of_year(),
        2 => first.last_of_month(),
        3 => first,
        _ => return None,
    };
    let midnight = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp().as_second());
    Some(End::Span(midnight(first)?, midnight(after.tomorrow().ok()?)?))
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}
