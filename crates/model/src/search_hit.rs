//! A hit of npm's search API (`GET /-/v1/search`), and telling it apart from a packument.

use serde_json::{Map, Value};

use crate::details::Packument;
use crate::name::InvalidName;
use crate::packument::{from_document, is_security_holding, read_document};
use crate::{Observation, PackageName, RecentDownloads, Source, State, Summary, browse_url, tolerant};

/// A record of an import, by its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// It had a `package` object.
    SearchHit(Box<Observation>),
    /// It had `versions`, `dist-tags` or `time`.
    Packument(Box<Packument>),
}

impl Record {
    /// What search shows of it.
    #[must_use]
    pub fn observation(&self) -> &Observation {
        match self {
            Self::SearchHit(seen) => seen,
            Self::Packument(packument) => &packument.observation,
        }
    }
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not JSON, or not an object.
    #[error("not JSON of the expected shape: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON, but neither kind of document.
    #[error("neither a search hit (no `package` object) nor a packument (no `versions`, `dist-tags` or `time`)")]
    NeitherKind,
    /// The document does not say which package it is about.
    #[error("the package has no name")]
    NoName,
    /// The document's name is malformed.
    #[error("{name:?} is not a package name: {why}")]
    Name {
        /// The name, cut at 80 characters.
        name: String,
        /// What is wrong with it.
        why: InvalidName,
    },
}

/// Reads one search hit or one packument, told apart by their fields. `observed_at` is in seconds since 1970.
///
/// Loses only what is malformed, and keeps the wanted fields only while reading, so a packument of 40 MB costs little memory.
pub fn parse_record(json: &[u8], observed_at: i64) -> Result<Record, RecordError> {
    let document = read_document(json)?;
    if document.fields.get("package").is_some_and(Value::is_object) {
        Ok(Record::SearchHit(Box::new(from_hit(&document.fields, observed_at)?)))
    } else if ["versions", "dist-tags", "time"].iter().any(|key| document.fields.contains_key(*key)) {
        Ok(Record::Packument(Box::new(from_document(document, observed_at)?)))
    } else {
        Err(RecordError::NeitherKind)
    }
}

fn from_hit(hit: &Map<String, Value>, observed_at: i64) -> Result<Observation, RecordError> {
    let empty = Map::new();
    let object = |parent: &Map<String, Value>, key: &str| parent.get(key).and_then(Value::as_object).cloned();
    let package = hit.get("package").and_then(Value::as_object).unwrap_or(&empty);
    let links = object(package, "links").unwrap_or_default();
    let downloads = object(hit, "downloads").unwrap_or_default();
    let name = package.get("name").and_then(Value::as_str).ok_or(RecordError::NoName)?;
    let name = PackageName::parse(name).map_err(|why| RecordError::Name { name: name.chars().take(80).collect(), why })?;
    let version = tolerant::text(package.get("version"));
    let description = tolerant::text(package.get("description"));
    let repository = links.get("repository").or_else(|| package.get("repository")).and_then(browse_url);
    let held = is_security_holding(version.as_deref(), description.as_deref(), repository.as_deref());
    let counts = RecentDownloads { weekly: tolerant::count(downloads.get("weekly")), monthly: tolerant::count(downloads.get("monthly")) };
    Ok(Observation {
        name,
        source: Source::SearchHit,
        observed_at,
        state: if held { State::SecurityHolding } else { State::Active },
        repository,
        summary: Some(Summary {
            version,
            published_at: tolerant::moment(package.get("date")),
            description,
            keywords: tolerant::keywords(package.get("keywords")),
            license: tolerant::license(package),
            homepage: tolerant::web_address(links.get("homepage").or_else(|| package.get("homepage"))),
            bugs: tolerant::bugs(links.get("bugs").or_else(|| package.get("bugs"))),
            publisher: package.get("publisher").and_then(tolerant::person),
            maintainers: tolerant::people(package.get("maintainers")),
            deprecated: tolerant::deprecated(package.get("deprecated")),
        }),
        downloads: (counts != RecentDownloads::default()).then_some(counts),
    })
}

/// One page of the search API's answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HitPage {
    /// The hits that could be read.
    pub hits: Vec<Observation>,
    /// How many rows the page had, unreadable ones included.
    pub rows: usize,
    /// How many hits the registry says there are in all; more than can be reached.
    pub total: Option<u64>,
}

/// Reads an answer of `GET /-/v1/search`. Rows that cannot be read are left out; fails when it is no such answer at all.
pub fn parse_hit_page(json: &[u8], observed_at: i64) -> Result<HitPage, RecordError> {
    let answer: Map<String, Value> = serde_json::from_slice(json)?;
    let objects = match answer.get("objects") {
        Some(Value::Array(objects)) => objects.as_slice(),
        None if answer.contains_key("total") => &[],
        _ => return Err(RecordError::NeitherKind),
    };
    let hits = objects.iter().filter_map(|hit| from_hit(hit.as_object()?, observed_at).ok()).collect();
    Ok(HitPage { hits, rows: objects.len(), total: tolerant::count(answer.get("total")) })
}

#[cfg(test)]
mod tests {
    use insta::assert_json_snapshot;

    use super::*;

    fn parse(json: &str) -> Result<Record, RecordError> {
        parse_record(json.as_bytes(), 1_700_000_000)
    }

    fn hit(json: &str) -> Observation {
        match parse(json).expect("readable") {
            Record::SearchHit(seen) => *seen,
            Record::Packument(_) => panic!("a packument"),
        }
    }

    #[test]
    fn a_whole_hit() {
        let hit = hit(
            r#"{"downloads":{"monthly":32731392,"weekly":8525448},"dependents":"83903","updated":"2026-02-03T06:14:11.935Z","searchScore":1816.6,
            "package":{"name":"vue","keywords":["vue"],"version":"3.5.27","description":"The progressive framework","sanitized_name":"vue",
            "publisher":{"username":"GitHub Actions","email":"x@example.com"},"maintainers":[{"username":"evan","email":"e@example.com"}],
            "license":"MIT","date":"2026-01-19T06:33:43.982Z","links":{"homepage":"https://vue.example","repository":"git+https://github.com/vuejs/core.git",
            "bugs":"https://github.com/vuejs/core/issues","npm":"https://www.npmjs.com/package/vue"}},"flags":{"insecure":0}}"#,
        );
        assert_json_snapshot!(hit);
    }

    #[test]
    fn the_least_of_a_hit() {
        let hit = hit(r#"{"package":{"name":"a","keywords":"x y"},"downloads":null}"#);
        assert_eq!(hit.downloads, None);
        assert_eq!(hit.summary.expect("present").keywords, ["x", "y"]);
    }

    #[test]
    fn pages() {
        let page = |json: &str| {
            let page = parse_hit_page(json.as_bytes(), 0)?;
            Ok::<_, RecordError>((page.hits.len(), page.rows, page.total))
        };
        let rows = r#"[{"package":{"name":"a"},"dependents":"7"},{"package":null},7,{"package":{"name":"a b"}}]"#;
        assert_eq!(page(&format!(r#"{{"objects":{rows},"total":12,"time":"x"}}"#)).expect("a page"), (1, 4, Some(12)));
        assert_eq!(page(r#"{"objects":[],"total":"0"}"#).expect("a page"), (0, 0, Some(0)));
        assert_eq!(page(r#"{"total":0}"#).expect("a page"), (0, 0, Some(0)));
        for nothing in ["{}", "[]", "null", "<html>", r#"{"error":"x"}"#] {
            assert!(page(nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn kinds() {
        assert!(matches!(parse(r#"{"name":"a","versions":{}}"#), Ok(Record::Packument(_))));
        assert!(matches!(parse(r#"{"name":"a"}"#), Err(RecordError::NeitherKind)));
        assert!(matches!(parse(r#"{"package":null}"#), Err(RecordError::NeitherKind)));
        assert!(matches!(parse(r#"{"package":{}}"#), Err(RecordError::NoName)));
        assert!(matches!(parse("[1]"), Err(RecordError::Json(_))));
    }
}
