//! Values as people read them, and addresses of pages.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]

use catalog::SearchHit;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sync::Unit;

/// What a query string may hold as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What a parameter may hold as it is.
const PARAMETER: &AsciiSet = &QUERY.remove(b'@').remove(b'/');
/// What a version may hold in a path as it is.
const PATH: &AsciiSet = &QUERY.remove(b'@').remove(b'/').remove(b'!').remove(b'*').remove(b'\'').remove(b'(').remove(b')');
/// Keywords on a card.
const KEYWORDS: usize = 6;

/// `1,234,567`.
pub(crate) fn count(number: &u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) fn count_of(number: impl std::borrow::Borrow<usize>) -> String {
    count(&(*number.borrow() as u64))
}

pub(crate) fn count_signed(number: &i64) -> String {
    count(&number.unsigned_abs())
}

/// `351M`.
pub(crate) fn short(number: &u64) -> String {
    markup::short_count(*number)
}

/// A factor, with as many digits as say something: `530,733`, `12.3`, `0.001`.
pub(crate) fn factor(number: &f32) -> String {
    match number.abs() {
        100.0.. => count(&(number.round() as u64)),
        1.0.. => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

/// `+12 %`, of 0.12; nothing where that is not known.
pub(crate) fn change(change: Option<&f64>) -> String {
    change.map_or_else(String::new, |change| {
        let percent = change * 100.0;
        let sign = if percent.round() > 0.0 {
            "+"
        } else if percent.round() < 0.0 {
            "−"
        } else {
            "±"
        };
        let size = percent.abs();
        match size {
            10_000.0.. => format!("×{}", count(&((change + 1.0).round() as u64))),
            _ => format!("{sign}{} %", count(&(size.round() as u64))),
        }
    })
}

/// The class of a change: what grows, what falls, what does neither.
pub(crate) fn direction(change: Option<&f64>) -> &'static str {
    match change.map(|change| (change * 100.0).round()) {
        Some(percent) if percent > 0.0 => "up",
        Some(percent) if percent < 0.0 => "down",
        _ => "dim",
    }
}

/// `66 %`, of 0.66; never nothing of something, never all of not all.
pub(crate) fn share(share: &f64) -> String {
    match share * 100.0 {
        percent if percent > 0.0 && percent < 1.0 => "< 1 %".to_owned(),
        percent if percent > 99.0 && percent < 100.0 => "> 99 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

/// A share for a `meter`.
pub(crate) fn meter(share: &f64) -> String {
    format!("{share:.4}")
}

/// A line of counts, one a week.
pub(crate) fn sparkline(values: &[Option<u64>]) -> String {
    if values.iter().flatten().count() < 2 { String::new() } else { markup::sparkline(values) }
}

/// `21 Nov 2026`.
pub(crate) fn day(day: &model::Day) -> String {
    markup::day_name(*day)
}

/// `3 years`, of days.
pub(crate) fn days(days: &i64) -> String {
    let (amount, unit) = match days {
        ..1 => return "today".to_owned(),
        1..60 => (*days, "day"),
        60..730 => (days / 30, "month"),
        _ => (days / 365, "year"),
    };
    format!("{amount} {unit}{}", if amount == 1 { "" } else { "s" })
}

/// As [`change`], where it is known.
pub(crate) fn change_of(known: &f64) -> String {
    change(Some(known))
}

/// As [`direction`], where the change is known.
pub(crate) fn direction_of(known: &f64) -> &'static str {
    direction(Some(known))
}

/// A list of trends of a keyword.
pub(crate) fn keyword_trend(list: &str, keyword: &str) -> String {
    format!("/trends/{list}?{}", query(&[("keyword", keyword.to_owned())]))
}

/// Which packages stand side by side at an address.
pub(crate) fn compare_path<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("p={}", utf8_percent_encode(name, PATH))).collect();
    format!("/compare?{}", names.join("&"))
}

/// The ending of more than one.
pub(crate) fn s(number: &u64) -> &'static str {
    if *number == 1 { "" } else { "s" }
}

pub(crate) fn s_of(number: impl std::borrow::Borrow<usize>) -> &'static str {
    if *number.borrow() == 1 { "" } else { "s" }
}

/// A total as a length, for comparing.
pub(crate) fn as_size(number: &u64) -> usize {
    usize::try_from(*number).unwrap_or(usize::MAX)
}

/// `2.4 MB`, in steps of a thousand as npm counts.
pub(crate) fn bytes(number: &u64) -> String {
    let (unit, name) = match number {
        0..1_000 => return format!("{number} B"),
        1_000..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    let amount = *number as f64 / unit;
    if amount < 10.0 { format!("{amount:.1} {name}") } else { format!("{amount:.0} {name}") }
}

/// How far work is: `1.2 MB`, or `4,499,606` packages.
pub(crate) fn amount(number: &u64, unit: &Unit) -> String {
    match unit {
        Unit::Bytes => bytes(number),
        Unit::Packages => count(number),
    }
}

/// `19 January 2026`, of an RFC 3339 moment.
pub(crate) fn date(moment: &str) -> String {
    match moment.parse::<jiff::Timestamp>() {
        Ok(moment) => moment.to_zoned(jiff::tz::TimeZone::UTC).strftime("%-d %b %Y").to_string(),
        Err(_) => moment.to_owned(),
    }
}

/// `3 years ago`, of an RFC 3339 moment and the present in seconds since 1970.
pub(crate) fn ago(moment: &str, now: &i64) -> String {
    let Ok(moment) = moment.parse::<jiff::Timestamp>() else { return String::new() };
    let seconds = now - moment.as_second();
    let (amount, unit) = match seconds {
        ..60 => return "just now".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400..2_592_000 => (seconds / 86_400, "day"),
        2_592_000..31_536_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    format!("{amount} {unit}{} ago", if amount == 1 { "" } else { "s" })
}

/// The first few of a list, with how many more there are.
pub(crate) fn some(list: &[String], most: usize) -> String {
    let shown = list.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    if list.len() > most { format!("{shown} and {} more", list.len() - most) } else { shown }
}

/// An address without its scheme, cut.
pub(crate) fn short_address(address: &str) -> String {
    let rest = ["https://", "http://", "mailto:"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address);
    let rest = rest.trim_end_matches('/');
    if rest.chars().count() > 60 { format!("{}…", rest.chars().take(59).collect::<String>()) } else { rest.to_owned() }
}

/// A hit's name, marked where words stand that were asked for.
pub(crate) fn name_pieces(hit: &SearchHit) -> Vec<(bool, &str)> {
    catalog::pieces(&hit.name, hit.highlights.as_ref().map_or(&[], |places| &places.name))
}

/// As [`name_pieces`].
pub(crate) fn description_pieces(hit: &SearchHit) -> Vec<(bool, &str)> {
    catalog::pieces(hit.description.as_deref().unwrap_or_default(), hit.highlights.as_ref().map_or(&[], |places| &places.description))
}

/// A hit's first keywords, those first that have marks, each with its pieces.
pub(crate) fn first_keywords(hit: &SearchHit) -> Vec<(&str, Vec<(bool, &str)>)> {
    let spans = |number: usize| hit.highlights.as_ref().and_then(|places| places.keywords.get(number)).map_or(&[][..], Vec::as_slice);
    let mut keywords: Vec<(usize, &str)> = hit.keywords.iter().map(String::as_str).enumerate().collect();
    keywords.sort_by_key(|(number, _)| spans(*number).is_empty());
    keywords.into_iter().take(KEYWORDS).map(|(number, keyword)| (keyword, catalog::pieces(keyword, spans(number)))).collect()
}

pub(crate) fn package_path(name: &str) -> String {
    format!("/pkg:{}", utf8_percent_encode(name, PATH))
}

pub(crate) fn version_path(name: &str, version: &str) -> String {
    format!("{}@{}", package_path(name), utf8_percent_encode(version, QUERY))
}

/// The address of a page itself.
pub(crate) fn version_path_or(name: &str, page: &catalog::PackagePage) -> String {
    match &page.version {
        Some(version) if !page.is_latest => version_path(name, version),
        _ => package_path(name),
    }
}

pub(crate) fn search_path(text: &str, from: impl std::borrow::Borrow<usize>) -> String {
    let from = *from.borrow();
    let from = if from > 0 { format!("&from={from}") } else { String::new() };
    format!("/?q={}{from}", utf8_percent_encode(text, QUERY))
}

/// Parameters as they stand after the question mark.
pub(crate) fn query(parameters: &[(&'static str, String)]) -> String {
    let pair = |(key, value): &(&'static str, String)| format!("{key}={}", utf8_percent_encode(value, PARAMETER));
    parameters.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// A keyword's packages. A keyword with quotes in it cannot be asked for, and is searched as text.
pub(crate) fn keyword_path(keyword: &str) -> String {
    let is_quoted = keyword.contains(['"', '“', '”', '„', '«', '»']);
    if is_quoted { search_path(keyword, 0) } else { search_path(&catalog::qualified("keywords", keyword), 0) }
}

pub(crate) fn before(from: &usize, size: &usize) -> usize {
    from.saturating_sub(*size)
}

pub(crate) fn is_user(name: &str) -> bool {
    model::is_user_name(name)
}

/// The page of the package that a dependency means: `npm:` names another one, and an address or a path names none.
pub(crate) fn dependency_path(dependency: &model::Dependency) -> Option<String> {
    dependency.on_registry().map(|(name, _)| package_path(name))
}

/// The first ten of a list.
pub(crate) fn first<T>(list: &[T]) -> &[T] {
    &list[..list.len().min(10)]
}

pub(crate) fn first_tags(tags: &[String]) -> &[String] {
    &tags[..tags.len().min(5)]
}

pub(crate) fn has_version(page: &catalog::PackagePage, version: &str) -> bool {
    page.versions.iter().any(|row| row.version == version)
}

pub(crate) fn bare(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times() {
        assert_eq!([count(&0), count(&999), count(&1_000), count(&12_345_678)], ["0", "999", "1,000", "12,345,678"]);
        assert_eq!([bytes(&999), bytes(&1_500), bytes(&2_447_688), bytes(&38_900_000)], ["999 B", "1.5 kB", "2.4 MB", "39 MB"]);
        assert_eq!(date("2026-01-19T06:33:43Z"), "19 Jan 2026");
        assert_eq!(date("someday"), "someday");
        let now = 1_795_392_000;
        let check = |seconds: i64, expected: &str| {
            let moment = jiff::Timestamp::from_second(now - seconds).expect("a moment").to_string();
            assert_eq!(ago(&moment, &now), expected);
        };
        check(-5, "just now");
        check(61, "1 minute ago");
        check(7_200, "2 hours ago");
        check(86_400, "1 day ago");
        check(40 * 86_400, "1 month ago");
        check(800 * 86_400, "2 years ago");
    }

    #[test]
    fn changes_and_shares() {
        let changes = [None, Some(0.124), Some(-0.5), Some(0.001), Some(-1.0), Some(12.0), Some(499.0)];
        assert_eq!(changes.map(|one: Option<f64>| change(one.as_ref())), ["", "+12 %", "−50 %", "±0 %", "−100 %", "+1,200 %", "×500"]);
        assert_eq!([Some(0.1), Some(-0.1), Some(0.0), None].map(|one: Option<f64>| direction(one.as_ref())), ["up", "down", "dim", "dim"]);
        assert_eq!([0.0, 0.004, 0.5, 0.999, 1.0].map(|one| share(&one)), ["0 %", "< 1 %", "50 %", "> 99 %", "100 %"]);
        assert_eq!([0, 1, 45, 70, 800].map(|one| days(&one)), ["today", "1 day", "45 days", "2 months", "2 years"]);
        assert_eq!(compare_path(["a", "@b/c"]), "/compare?p=a&p=@b/c");
    }

    #[test]
    fn dependencies_lead_to_what_they_mean() {
        let check = |name: &str, range: &str, expected: Option<&str>| {
            let dependency = model::Dependency { name: name.to_owned(), range: range.to_owned(), optional: false };
            assert_eq!(dependency_path(&dependency).as_deref(), expected, "{name} {range}");
        };
        check("a", "^1.0.0 || 2", Some("/pkg:a"));
        check("string-width-cjs", "npm:string-width@^4.2.0", Some("/pkg:string-width"));
        check("x", "npm:@scope/y@1", Some("/pkg:@scope/y"));
        check("x", "npm:y", Some("/pkg:y"));
        check("x", "npm:", None);
        check("x", "git+https://host.example/x.git", None);
        check("x", "jane/x", None);
        check("x", "file:../x", None);
        check("not a name", "1", None);
    }

    #[test]
    fn addresses() {
        assert_eq!(package_path("@types/node"), "/pkg:@types/node");
        assert_eq!(package_path("it's!(x)*"), "/pkg:it's!(x)*");
        assert_eq!(version_path("a", "1.0.0-x+y"), "/pkg:a@1.0.0-x%2By");
        assert_eq!(search_path("a b&c", 20), "/?q=a%20b%26c&from=20");
        assert_eq!(keyword_path("date picker"), "/?q=keywords%3A%22date%20picker%22");
        assert_eq!(keyword_path("gulp"), "/?q=keywords%3Agulp");
        assert_eq!(keyword_path("5\" disk"), "/?q=5%22%20disk");
        assert_eq!(keyword_path("c++"), "/?q=keywords%3A%22c%2B%2B%22");
    }
}
