//! The registry's document about a package, read for what search and statistics need.
//!
//! Shapes: the full and the abbreviated form, the rebuilt documents of mirrors, and what old packages and private registries make
//! of them. Only the wanted fields are kept while reading, so a document of 40 MB costs little memory.

use std::fmt;

use nodejs_semver::Version;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::search_hit::RecordError;
use crate::{Observation, PackageName, Source, State, Summary, browse_url, tolerant};

const TOP: &[&str] = &[
    "name",
    "dist-tags",
    "time",
    "description",
    "keywords",
    "license",
    "licence",
    "licenses",
    "homepage",
    "bugs",
    "repository",
    "maintainers",
    "versions",
    // Of a search hit.
    "package",
    "downloads",
];
const VERSION: &[&str] = &[
    "version",
    "description",
    "keywords",
    "license",
    "licence",
    "licenses",
    "homepage",
    "bugs",
    "repository",
    "maintainers",
    "_npmUser",
    "deprecated",
];

/// The wanted fields of a packument or a search hit. Fails when the bytes are not one JSON object.
pub(crate) fn wanted_fields(json: &[u8]) -> Result<Map<String, Value>, RecordError> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let document = Fields(TOP).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(document)
}

pub(crate) fn from_document(document: &Map<String, Value>, observed_at: i64) -> Result<Observation, RecordError> {
    let name = document.get("name").and_then(Value::as_str).ok_or(RecordError::NoName)?;
    let name = PackageName::parse(name).map_err(|why| RecordError::Name { name: name.chars().take(80).collect(), why })?;
    let time = document.get("time").and_then(Value::as_object);
    let versions = document.get("versions").and_then(Value::as_object);
    let (version, latest) = match versions.and_then(|versions| latest(document.get("dist-tags"), versions, time)) {
        Some((version, fields)) => (Some(version), Some(fields)),
        None => (None, None),
    };
    // Top-level fields are hoisted from the latest version; mirrors leave them out.
    let field = |key: &str| latest.and_then(|fields| fields.get(key)).filter(|value| !value.is_null()).or_else(|| document.get(key));
    let description = tolerant::text(field("description"));
    let repository = field("repository").and_then(browse_url);
    let state = if time.and_then(|time| time.get("unpublished")).is_some_and(Value::is_object) {
        State::Unpublished
    } else if is_security_holding(version, description.as_deref(), repository.as_deref()) {
        State::SecurityHolding
    } else {
        State::Active
    };
    let publisher = latest.and_then(|fields| fields.get("_npmUser")).and_then(tolerant::person);
    let mut maintainers = tolerant::people(document.get("maintainers"));
    if maintainers.is_empty() {
        maintainers = tolerant::people(latest.and_then(|fields| fields.get("maintainers")));
    }
    Ok(Observation {
        name,
        source: Source::Packument,
        observed_at,
        state,
        repository,
        summary: Some(Summary {
            published_at: version.and_then(|version| tolerant::moment(time?.get(version))),
            version: version.and_then(tolerant::clean),
            description,
            keywords: tolerant::keywords(field("keywords")),
            license: latest.and_then(tolerant::license).or_else(|| tolerant::license(document)),
            homepage: tolerant::web_address(field("homepage")),
            bugs: tolerant::bugs(field("bugs")),
            publisher,
            maintainers,
            deprecated: tolerant::deprecated(latest.and_then(|fields| fields.get("deprecated"))),
        }),
        downloads: None,
    })
}

/// The version shown first: the tag `latest` if it names one, else the highest release, else the highest pre-release, else the newest.
fn latest<'a>(
    dist_tags: Option<&Value>,
    versions: &'a Map<String, Value>,
    time: Option<&Map<String, Value>>,
) -> Option<(&'a str, &'a Map<String, Value>)> {
    let usable = || versions.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_object()?)));
    if let Some(tagged) = dist_tags.and_then(|tags| tags.get("latest")?.as_str())
        && let Some(found) = usable().find(|(key, _)| *key == tagged)
    {
        return Some(found);
    }
    usable().max_by_key(|(key, _)| {
        let parsed = Version::parse(key).ok();
        let released = parsed.as_ref().map(|version| !version.is_prerelease());
        (released, parsed, time.and_then(|time| tolerant::moment(time.get(*key))))
    })
}

pub(crate) fn is_security_holding(version: Option<&str>, description: Option<&str>, repository: Option<&str>) -> bool {
    let held_version = version.is_some_and(|version| {
        let rest = version.strip_prefix("0.0.").unwrap_or_default().trim_start_matches(|c: char| c.is_ascii_digit());
        rest.starts_with("-security")
    });
    held_version || description == Some("security holding package") || repository == Some("https://github.com/npm/security-holder")
}

/// Reads an object and keeps the named fields only; of `versions`, every entry's wanted fields. The last of two equal keys wins.
struct Fields(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Fields {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a package document, which is a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kept = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if !self.0.contains(&key.as_str()) {
                map.next_value::<IgnoredAny>()?;
            } else if key == "versions" {
                kept.insert(key, map.next_value_seed(ObjectOrNothing::Versions)?);
            } else {
                kept.insert(key, map.next_value()?);
            }
        }
        Ok(kept)
    }
}

/// Reads a value of which only objects are of use: `versions` is an object of objects, or `[]`, or anything else.
enum ObjectOrNothing {
    Versions,
    OneVersion,
}

impl<'de> DeserializeSeed<'de> for ObjectOrNothing {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ObjectOrNothing {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        match self {
            Self::OneVersion => kept = Fields(VERSION).visit_map(map)?,
            Self::Versions => {
                while let Some(key) = map.next_key::<String>()? {
                    kept.insert(key, map.next_value_seed(Self::OneVersion)?);
                }
            }
        }
        Ok(Value::Object(kept))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Null)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E>(self, _: &str) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_json_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::{Record, parse_record};

    fn parse(json: &str) -> Observation {
        let (kind, seen) = parse_record(json.as_bytes(), 1_700_000_000).expect("readable");
        assert_eq!(kind, Record::Packument);
        seen
    }

    #[test]
    fn a_full_document() {
        assert_json_snapshot!(parse(
            r#"{"_id":"tiny","name":"tiny","description":"old words","dist-tags":{"latest":"1.2.0","next":"2.0.0-rc.1"},
            "versions":{"1.2.0":{"name":"tiny","version":"1.2.0","description":"A tiny  package\u0000","license":"MIT","keywords":["small","small","Tiny"],
              "repository":{"type":"git","url":"git+https://github.com/jane/tiny.git"},"homepage":"tiny.example/docs","bugs":{"url":"https://tiny.example/bugs"},
              "_npmUser":{"name":"jane","email":"jane@example.com"},"deprecated":""},
             "2.0.0-rc.1":{"version":"2.0.0-rc.1"}},
            "time":{"created":"2015-03-24T00:12:24.039Z","modified":"2024-05-16T22:27:54.741Z","1.2.0":"2024-05-01T10:00:00.000Z"},
            "maintainers":[{"name":"jane","email":"jane@example.com"},{"name":"joe"},{"name":"jane"}],"readme":"x"}"#
        ));
    }

    #[test]
    fn everything_wrong_at_once() {
        assert_json_snapshot!(parse(
            r#"{"name":"legacy","dist-tags":{"latest":"9.9.9","undefined":"1.0.0","beta":null},"license":[{"type":"MIT"},"GPL-2.0"],
            "maintainers":[{"name":"jane"},"joe <joe@example.com>",null],"keywords":"a, b,c","bugs":"jane@example.com","homepage":["http://x"],
            "repository":"github:jane/legacy","time":{"1.0.0":"2011-01-01T00:00:00.000Z","0.9.0":"not a date","unpublished":null},
            "versions":{"1.0.0":{"version":"1.0.0","deprecated":true,"dependencies":[],"description":{"x":1}},"1.0":{"version":"1.0"},
              "0.1.0":{"deprecated":""},"3.0.0":null,"4.0.0":"no","5.0.0":[1,[2]]},"versions-extra":1}"#
        ));
    }

    #[test]
    fn a_mirrors_rebuilt_document() {
        assert_json_snapshot!(parse(
            r#"{"_id":"is-odd","name":"is-odd","dist-tags":{"latest":"3.0.1"},"time":{"3.0.1":"2026-03-21T00:48:47.363000+00:00"},
            "versions":{"3.0.1":{"name":"is-odd","version":"3.0.1","author":"Jon Schlinkert","maintainers":[{"name":"jon"}],"dist":{"tarball":"https://registry.example/x.tgz"}}}}"#
        ));
    }

    #[test]
    fn states() {
        let unpublished = parse(r#"{"name":"gone","time":{"unpublished":{"time":"2022-01-14T12:34:23.941Z","versions":["0.0.1"]}}}"#);
        assert_eq!(unpublished.state, State::Unpublished);
        let held = parse(
            r#"{"name":"bad","dist-tags":{"latest":"0.0.1-security"},"versions":{"0.0.1-security":{"description":"security holding package","repository":"npm/security-holder"}}}"#,
        );
        assert_eq!(held.state, State::SecurityHolding);
        let artifactory = parse(r#"{"name":"fine","time":{"unpublished":null},"versions":[]}"#);
        assert_eq!((artifactory.state, artifactory.summary.expect("present").version), (State::Active, None));
    }

    #[test]
    fn latest_without_a_usable_tag() {
        let version = |json: &str| parse(json).summary.expect("present").version;
        assert_eq!(version(r#"{"name":"a","versions":{"1.9.0":{},"1.10.0":{},"2.0.0-beta":{}}}"#).as_deref(), Some("1.10.0"));
        assert_eq!(
            version(r#"{"name":"a","dist-tags":{"latest":"9.9.9"},"versions":{"2.0.0-a":{},"2.0.0-b":{}}}"#).as_deref(),
            Some("2.0.0-b")
        );
    }

    #[test]
    fn what_is_no_packument() {
        let error = |bytes: &[u8]| parse_record(bytes, 0).expect_err("not a packument").to_string();
        assert!(error(b"null").contains("JSON object"), "{}", error(b"null"));
        assert!(error(b"<html>").contains("not JSON"));
        assert!(error(br#"{"name":"a","time":{}} trailing"#).contains("not JSON"));
        assert!(error(br#"{"package":{}}"#).contains("no name"));
        assert!(error(br#"{"versions":{}}"#).contains("no name"));
        assert!(error(br#"{"name":"../etc/passwd","time":{}}"#).contains("not a package name"));
        assert!(
            error(format!(r#"{{"name":"a","time":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000)).as_bytes()).contains("recursion")
        );
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_record(&bytes, 0);
        }

        #[test]
        fn no_shape_panics(field in "[a-z_-]{1,12}", value in r#"(null|true|1|"x"|\[\]|\{\}|\[null\]|\{"latest":1\})"#) {
            let json = format!(r#"{{"name":"a","versions":{{"1.0.0":{{"{field}":{value}}}}},"{field}":{value}}}"#);
            let _ = parse_record(json.as_bytes(), 0);
        }
    }
}
