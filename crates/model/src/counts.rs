//! Answers of npm's downloads API, as they come: api.npmjs.org, `/downloads/range/…` and `/versions/…`. What it refuses it may refuse with
//! status 200 and an `error`, so that is looked for first.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{Day, DayCount, DayRange, Series};

/// Downloads by day of one package, or of the whole registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The package that the answer is about, `None` for the whole registry. It need not be the one that was asked for.
    pub package: Option<String>,
    /// Exactly the days that the answer is about, which may be fewer than were asked for. Days that it leaves out are unknown.
    pub series: Series,
}

/// Downloads of the versions of a package in the last seven days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedVersions {
    /// The package that the answer is about.
    pub package: Option<String>,
    /// Each version, which need not be in the packument, and its downloads.
    pub counts: Vec<(String, u64)>,
}

/// Why an answer has no counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CountsError {
    /// It says so, in its own words, at most 200 characters.
    #[error("it answered: {0}")]
    Refused(String),
    /// It is no answer of this API.
    #[error("it answered something else: {0}")]
    Shape(String),
}

impl CountsError {
    /// Whether it says that there is no such package.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(text) if text.contains("not found"))
    }
}

/// The longest answer that may be a refusal.
const MAX_REFUSAL: usize = 4_096;
/// The longest range of days believed: twenty years.
const MAX_DAYS: u32 = 20 * 366;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    start: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    end: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    package: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    downloads: Option<Vec<DayAnswer<'a>>>,
}

#[derive(Deserialize)]
struct DayAnswer<'a> {
    #[serde(borrow)]
    day: Cow<'a, str>,
    downloads: Value,
}

fn shape(error: impl ToString) -> CountsError {
    CountsError::Shape(error.to_string().chars().filter(|c| !c.is_control()).take(200).collect())
}

fn refused(text: &str) -> CountsError {
    CountsError::Refused(text.chars().filter(|c| !c.is_control()).take(200).collect())
}

fn counted(answer: Answer<'_>) -> Result<Counted, CountsError> {
    if let Some(error) = &answer.error {
        return Err(refused(error));
    }
    let day = |text: Option<Cow<'_, str>>, which: &str| {
        let text = text.ok_or_else(|| shape(format!("there is no {which}")))?;
        Day::parse(&text).map_err(shape)
    };
    let range = DayRange { first: day(answer.start, "start")?, last: day(answer.end, "end")? };
    if range.is_empty() || range.days() > MAX_DAYS {
        return Err(shape(format!("{range} is no range of days")));
    }
    let mut series = Series { first: range.first, days: vec![DayCount::Unknown; range.days() as usize] };
    for one in answer.downloads.ok_or_else(|| shape("there are no downloads"))? {
        let day = Day::parse(&one.day).map_err(shape)?;
        if let Some(count) = one.downloads.as_u64().filter(|_| range.contains(day)) {
            series.set(day, DayCount::Known(count));
        }
    }
    Ok(Counted { package: answer.package.map(Cow::into_owned), series })
}

/// Reads what `/downloads/range/{period}/{package}` answers, or without a package.
pub fn parse_range(json: &[u8]) -> Result<Counted, CountsError> {
    counted(serde_json::from_slice(json).map_err(shape)?)
}

/// Reads what `/downloads/range/{period}/{package},{package},…` answers: by the name that was asked for, `None` for packages that do not
/// exist.
pub fn parse_bulk_range(json: &[u8]) -> Result<BTreeMap<String, Option<Counted>>, CountsError> {
    // There are packages called `error`, of which an object tells.
    if json.len() <= MAX_REFUSAL
        && let Ok(only) = serde_json::from_slice::<BTreeMap<Cow<'_, str>, Value>>(json)
        && let [(key, Value::String(text))] = only.iter().collect::<Vec<_>>()[..]
        && key == "error"
    {
        return Err(refused(text));
    }
    let all: BTreeMap<String, Option<Answer<'_>>> = serde_json::from_slice(json).map_err(shape)?;
    all.into_iter().map(|(name, answer)| Ok((name, answer.map(counted).transpose()?))).collect()
}

/// Reads what `/versions/{package}/last-week` answers. Texts that are too long for a version and counts that are none are left out.
pub fn parse_versions(json: &[u8]) -> Result<CountedVersions, CountsError> {
    #[derive(Deserialize)]
    struct Versions {
        error: Option<String>,
        package: Option<String>,
        downloads: Option<BTreeMap<String, Value>>,
    }
    let answer: Versions = serde_json::from_slice(json).map_err(shape)?;
    if let Some(error) = &answer.error {
        return Err(refused(error));
    }
    let downloads = answer.downloads.ok_or_else(|| shape("there are no downloads"))?;
    let counts = downloads.into_iter().filter_map(|(version, count)| Some((version, count.as_u64()?)));
    let counts = counts.filter(|(version, _)| version.len() <= 256 && !version.is_empty() && !version.contains(char::is_control));
    Ok(CountedVersions { package: answer.package, counts: counts.collect() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges() {
        let body = br#"{"start":"2026-11-16","end":"2026-11-18","package":"left-pad","downloads":[
            {"downloads":10,"day":"2026-11-16"},{"day":"2026-11-18","downloads":12},{"day":"2030-01-01","downloads":1}]}"#;
        let counted = parse_range(body).expect("readable");
        assert_eq!(counted.package.as_deref(), Some("left-pad"));
        assert_eq!(counted.series.days, [DayCount::Known(10), DayCount::Unknown, DayCount::Known(12)]);
        let whole = parse_range(br#"{"downloads":[{"day":"2026-11-22","downloads":9000000000}],"start":"2026-11-22","end":"2026-11-22"}"#);
        assert_eq!(whole.map(|counted| (counted.package, counted.series.days)), Ok((None, vec![DayCount::Known(9_000_000_000)])));
        let missing = parse_range(br#"{"error":"package no-such-pkg-xyz not found"}"#).expect_err("refused");
        assert!(missing.is_not_found());
        let check = |body: &str, part: &str| {
            let error = parse_range(body.as_bytes()).expect_err(body).to_string();
            assert!(error.contains(part) && error.len() < 300, "{body}: {error}");
        };
        check(r#"{"error":"exceeded max days of 365"}"#, "it answered: exceeded max days");
        check("<html>", "something else");
        check(r#"{"downloads":[],"start":"2026-11-18","end":"2026-11-16"}"#, "no range");
        check(r#"{"downloads":[],"start":"0001-01-01","end":"9999-01-01"}"#, "no range");
        check(r#"{"downloads":7,"start":"2026-11-18","end":"2026-11-18"}"#, "something else");
        check(r#"{"start":"2026-11-18","end":"2026-11-18"}"#, "no downloads");
        check(r#"{"downloads":[],"end":"2026-11-18"}"#, "no start");
        check(r#"{"downloads":[{"day":"today","downloads":1}],"start":"2026-11-18","end":"2026-11-18"}"#, "not a day");
    }

    #[test]
    fn bulk() {
        let one = r#"{"downloads":[{"day":"2026-11-16","downloads":100}],"package":"error","start":"2026-11-16","end":"2026-11-16"}"#;
        let all = parse_bulk_range(format!(r#"{{"error":{one},"no-such-pkg-xyz":null}}"#).as_bytes()).expect("readable");
        assert_eq!(all["no-such-pkg-xyz"], None);
        assert_eq!(all["error"].as_ref().and_then(|counted| counted.package.as_deref()), Some("error"));
        let refused = parse_bulk_range(br#"{"error":"scoped packages are not currently supported in bulk lookups"}"#);
        assert!(matches!(refused, Err(CountsError::Refused(_))));
        assert!(matches!(parse_bulk_range(b"[]"), Err(CountsError::Shape(_))));
        assert_eq!(parse_bulk_range(b"{}"), Ok(BTreeMap::new()));
    }

    #[test]
    fn versions() {
        let CountedVersions { package, counts } =
            parse_versions(br#"{"package":"fastify","downloads":{"5.0.0":3,"4.28.1":9,"":1,"1.0.0":-1}}"#).expect("readable");
        assert_eq!((package.as_deref(), counts), (Some("fastify"), vec![("4.28.1".to_owned(), 9), ("5.0.0".to_owned(), 3)]));
        assert!(parse_versions(br#"{"error":"package x not found"}"#).expect_err("refused").is_not_found());
        assert!(matches!(parse_versions(b"null"), Err(CountsError::Shape(_))));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}\":,a-z0-9-]{0,80}") {
            let _ = (parse_range(text.as_bytes()), parse_bulk_range(text.as_bytes()), parse_versions(text.as_bytes()));
        }

        #[test]
        fn ranges_come_back(first in 16_445..20_000i32, counts in proptest::collection::vec(proptest::option::of(any::<u64>()), 1..60)) {
            let (first, last) = (Day(first), Day(first + counts.len() as i32 - 1));
            let days: Vec<Value> = counts.iter().zip(first.0..).filter_map(|(count, day)| {
                count.map(|count| serde_json::json!({"day": Day(day).to_string(), "downloads": count}))
            }).collect();
            let body = serde_json::json!({"start": first, "end": last, "package": "x", "downloads": days}).to_string();
            let counted = parse_range(body.as_bytes()).expect("readable");
            let expected: Vec<DayCount> = counts.into_iter().map(|count| count.map_or(DayCount::Unknown, DayCount::Known)).collect();
            prop_assert_eq!(counted.series, Series { first, days: expected });
        }
    }
}
