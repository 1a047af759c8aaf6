//! The registry's document about a package, read for what pages show.
//!
//! Shapes: the full and the abbreviated form, the rebuilt documents of mirrors, and what old packages and private registries make
//! of them. Every version is reduced to its [`Manifest`] while it is read, so a document of 40 MB costs little memory.

use std::cell::Cell;
use std::fmt;

use nodejs_semver::Version;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::details::{Details, DistTag, Packument, ReadmeText, Unpublished, VersionLine};
use crate::manifest::{self, Manifest};
use crate::repair::repair;
use crate::search_hit::RecordError;
use crate::{Observation, PackageName, Source, State, Summary, browse_url, directory, tolerant};

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
    "modified",
    "readme",
    "readmeFilename",
    "versions",
    // Of a search hit.
    "package",
    "downloads",
];

/// npm's words where a package has no README.
const NO_README: &str = "ERROR: No README data found!";
/// npm keeps the first 64 KiB of a README; a text of this many characters was cut.
const CUT_README: usize = 64_000;
/// Most versions and tags kept; a package with 20,000 versions exists.
const MAX_VERSIONS: usize = 50_000;
const MAX_TAGS: usize = 500;
/// Levels kept of any field; conditional exports are the deepest.
const MAX_DEPTH: usize = 16;
/// Entries kept of any field; `time` has one a version.
const MAX_VALUES: usize = 100_000;

/// The wanted fields of a packument or a search hit, and the manifests of all usable versions.
pub(crate) struct Document {
    pub(crate) fields: Map<String, Value>,
    pub(crate) manifests: Vec<Manifest>,
}

/// Reads the wanted fields. Fails when the bytes are not one JSON object.
pub(crate) fn read_document(json: &[u8]) -> Result<Document, RecordError> {
    read_json(json).or_else(|error| match repair(json) {
        Some(repaired) => Ok(read_json(&repaired)?),
        None => Err(error.into()),
    })
}

fn read_json(json: &[u8]) -> Result<Document, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let document = TopLevel.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(document)
}

/// Reads a packument. `observed_at` is in seconds since 1970. Loses only what is malformed.
pub fn parse_packument(json: &[u8], observed_at: i64) -> Result<Packument, RecordError> {
    from_document(read_document(json)?, observed_at)
}

pub(crate) fn from_document(document: Document, observed_at: i64) -> Result<Packument, RecordError> {
    let Document { fields: document, mut manifests } = document;
    let name = document.get("name").and_then(Value::as_str).ok_or(RecordError::NoName)?;
    let name = PackageName::parse(name).map_err(|why| RecordError::Name { name: name.chars().take(80).collect(), why })?;
    let time = document.get("time").and_then(Value::as_object);
    let moment = |key: &str| time.and_then(|time| tolerant::moment(time.get(key)));
    sort_newest_first(&mut manifests, &moment);
    let tags = dist_tags(document.get("dist-tags"));
    let latest = latest(&tags, &manifests);
    let empty = Manifest::default();
    let shown = latest.map_or(&empty, |index| &manifests[index]);
    // Top-level fields are hoisted from the latest version; mirrors leave them out.
    let description = shown.description.clone().or_else(|| tolerant::text(document.get("description")));
    let repository = shown.repository.clone().or_else(|| document.get("repository").and_then(browse_url));
    let unpublished = time.and_then(|time| time.get("unpublished")).and_then(Value::as_object).map(unpublished);
    let version = latest.map(|_| shown.version.clone());
    let state = if unpublished.is_some() {
        State::Unpublished
    } else if is_security_holding(version.as_deref(), description.as_deref(), repository.as_deref()) {
        State::SecurityHolding
    } else {
        State::Active
    };
    let or_listed = |own: &[String], listed: Vec<String>| if own.is_empty() { listed } else { own.to_vec() };
    let mut maintainers = tolerant::people(document.get("maintainers"));
    if maintainers.is_empty() {
        maintainers.clone_from(&shown.maintainers);
    }
    let summary = Summary {
        published_at: version.as_deref().and_then(moment),
        version,
        description,
        keywords: or_listed(&shown.keywords, tolerant::keywords(document.get("keywords"))),
        license: shown.license.clone().or_else(|| tolerant::license(&document)),
        homepage: shown.homepage.clone().or_else(|| tolerant::web_address(document.get("homepage"))),
        bugs: shown.bugs.clone().or_else(|| tolerant::bugs(document.get("bugs"))),
        publisher: shown.publisher.clone(),
        maintainers,
        deprecated: shown.deprecated.clone(),
    };
    let readme = readme(&document);
    if let Some(index) = latest
        && manifests[index].repository.is_none()
    {
        manifests[index].repository.clone_from(&repository);
        manifests[index].directory = document.get("repository").and_then(directory);
    }
    let details = Details {
        created_at: moment("created"),
        modified_at: moment("modified").or_else(|| tolerant::moment(document.get("modified"))),
        unpublished,
        dist_tags: tags,
        latest,
        versions: manifests.iter().map(|manifest| VersionLine::of(manifest, moment(&manifest.version))).collect(),
    };
    let observation =
        Observation { name, source: Source::Packument, observed_at, state, repository, summary: Some(summary), downloads: None };
    Ok(Packument { observation, details, manifests, readme })
}

/// By the moment of publication where that is known, by version among the rest, which come last.
fn sort_newest_first(manifests: &mut [Manifest], moment: &impl Fn(&str) -> Option<i64>) {
    manifests.sort_by_cached_key(|manifest| std::cmp::Reverse((moment(&manifest.version), Version::parse(&manifest.version).ok())));
}

fn dist_tags(value: Option<&Value>) -> Vec<DistTag> {
    let Some(tags) = value.and_then(Value::as_object) else { return Vec::new() };
    let mut tags: Vec<DistTag> = tags
        .iter()
        .filter_map(|(tag, version)| Some(DistTag { tag: tolerant::clean(tag)?, version: tolerant::text(Some(version))? }))
        .take(MAX_TAGS)
        .collect();
    tags.sort_by(|a, b| (a.tag != "latest", &a.tag).cmp(&(b.tag != "latest", &b.tag)));
    tags
}

fn unpublished(fields: &Map<String, Value>) -> Unpublished {
    let versions = match fields.get("versions") {
        Some(Value::Array(versions)) => versions.iter().filter_map(|version| tolerant::text(Some(version))).take(MAX_VERSIONS).collect(),
        _ => Vec::new(),
    };
    Unpublished { at: tolerant::moment(fields.get("time")), versions }
}

/// The README of the latest version, unless it is npm's word for none.
fn readme(document: &Map<String, Value>) -> Option<ReadmeText> {
    let text = document.get("readme")?.as_str().filter(|text| !text.trim().is_empty() && *text != NO_README)?;
    let filename = document.get("readmeFilename").and_then(|name| tolerant::text(Some(name)));
    Some(ReadmeText { text: text.to_owned(), filename, cut: text.chars().nth(CUT_README - 1).is_some() })
}

/// The place of the version shown first: the tag `latest` if it names one, else the highest release, else the highest pre-release, else
/// the newest.
fn latest(tags: &[DistTag], manifests: &[Manifest]) -> Option<usize> {
    let tagged = tags.iter().find(|tag| tag.tag == "latest");
    if let Some(index) = tagged.and_then(|tag| manifests.iter().position(|manifest| manifest.version == tag.version)) {
        return Some(index);
    }
    (0..manifests.len()).max_by_key(|index| {
        let parsed = Version::parse(&manifests[*index].version).ok();
        let released = parsed.as_ref().map(|version| !version.is_prerelease());
        (released, parsed, std::cmp::Reverse(*index))
    })
}

pub(crate) fn is_security_holding(version: Option<&str>, description: Option<&str>, repository: Option<&str>) -> bool {
    let held_version = version.is_some_and(|version| {
        let rest = version.strip_prefix("0.0.").unwrap_or_default().trim_start_matches(|c: char| c.is_ascii_digit());
        rest.starts_with("-security")
    });
    held_version || description == Some("security holding package") || repository == Some("https://github.com/npm/security-holder")
}

/// Reads an object and keeps the named fields only. The last of two equal keys wins.
struct Fields(&'static [&'static str]);

impl<'de> Visitor<'de> for Fields {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kept = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.0.contains(&key.as_str()) {
                kept.insert(key, map.next_value_seed(Shallow { depth: MAX_DEPTH, left: &Cell::new(MAX_VALUES) })?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(kept)
    }
}

/// A value of which only so many levels and so many entries are kept: no field that is wanted has more, and one that has must cost neither
/// the document nor the memory.
#[derive(Clone, Copy)]
struct Shallow<'a> {
    depth: usize,
    left: &'a Cell<usize>,
}

impl Shallow<'_> {
    /// Whether one more entry may be kept.
    fn one_more(self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    fn below(self) -> Self {
        Self { depth: self.depth - 1, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Shallow<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.depth == 0 {
            deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Value::Null)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Shallow<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.one_more() {
                kept.insert(key, map.next_value_seed(self.below())?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Object(kept))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        loop {
            if self.one_more() {
                match items.next_element_seed(self.below())? {
                    Some(item) => kept.push(item),
                    None => return Ok(Value::Array(kept)),
                }
            } else if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(Value::Array(kept));
            }
        }
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }
}

/// The document itself.
struct TopLevel;

impl<'de> DeserializeSeed<'de> for TopLevel {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TopLevel {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a package document, which is a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut document = Document { fields: Map::new(), manifests: Vec::new() };
        while let Some(key) = map.next_key::<String>()? {
            if !TOP.contains(&key.as_str()) {
                map.next_value::<IgnoredAny>()?;
            } else if key == "versions" {
                document.manifests = map.next_value_seed(Versions)?;
                document.fields.insert(key, Value::Null);
            } else {
                document.fields.insert(key, map.next_value_seed(Shallow { depth: MAX_DEPTH, left: &Cell::new(MAX_VALUES) })?);
            }
        }
        Ok(document)
    }
}

/// `versions`: an object of objects, or `[]`, or anything else, of which only objects are of use.
struct Versions;

/// One entry of `versions`.
struct OneVersion<'a>(&'a str);

/// Anything but an object is read and thrown away.
macro_rules! no_other_shape {
    ($nothing:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON value")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok($nothing)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($nothing)
        }
    };
}

impl<'de> DeserializeSeed<'de> for Versions {
    type Value = Vec<Manifest>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Versions {
    type Value = Vec<Manifest>;

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kept: Vec<Manifest> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let manifest = map.next_value_seed(OneVersion(&key))?;
            kept.extend(manifest.filter(|_| kept.len() < MAX_VERSIONS));
        }
        // The last of two equal keys wins.
        kept.reverse();
        let mut seen = std::collections::HashSet::with_capacity(kept.len());
        kept.retain(|manifest| seen.insert(manifest.version.clone()));
        Ok(kept)
    }

    no_other_shape!(Vec::new());
}

impl<'de> DeserializeSeed<'de> for OneVersion<'_> {
    type Value = Option<Manifest>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneVersion<'_> {
    type Value = Option<Manifest>;

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let fields = Fields(manifest::FIELDS).visit_map(map)?;
        Ok(Manifest::read(self.0, &fields))
    }

    no_other_shape!(None);
}

#[cfg(test)]
mod tests {
    use insta::assert_json_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::{Record, parse_record};

    fn whole(json: &str) -> Packument {
        match parse_record(json.as_bytes(), 1_700_000_000).expect("readable") {
            Record::Packument(packument) => *packument,
            Record::SearchHit(_) => panic!("a search hit"),
        }
    }

    fn parse(json: &str) -> Observation {
        whole(json).observation
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
    fn a_history() {
        let packument = whole(
            r#"{"name":"tool","dist-tags":{"next":"2.0.0-rc.1","latest":"1.2.0","undefined":"9.9.9","bad":null},
            "versions":{"1.10.0":{"dist":{"unpackedSize":10,"fileCount":2}},"1.2.0":{"_npmUser":{"name":"jane"},"deprecated":"use 1.10"},
              "2.0.0-rc.1":{},"no time":{},"0.9.0":7,"1.2.0 ":{},"1.10.0":{"dist":{"unpackedSize":11}}},
            "time":{"created":"2015-03-24T00:12:24.039Z","modified":"2024-05-16T22:27:54.741Z","1.2.0":"2024-05-01T10:00:00.000Z",
              "1.10.0":"2024-05-02T10:00:00.000Z","2.0.0-rc.1":"2024-05-03T10:00:00.000Z"},
            "repository":{"url":"jane/tool","directory":"packages/tool"},"readme":"a tool","readmeFilename":"README.md"}"#,
        );
        assert_json_snapshot!(packument.details);
        assert_eq!(packument.manifests.len(), packument.details.versions.len());
        assert_eq!(packument.manifests[packument.details.latest.expect("one")].directory.as_deref(), Some("packages/tool"));
        assert_eq!(
            packument.readme.expect("a readme"),
            ReadmeText { text: "a tool".to_owned(), filename: Some("README.md".to_owned()), cut: false }
        );
    }

    #[test]
    fn one_bad_bit_costs_nothing_else() {
        let deep = format!("{}{}", "{\"import\":".repeat(200), "0".to_owned() + &"}".repeat(200));
        for bad in [
            r#""readme":"half \ud83d""#,
            r#""description":1e999"#,
            r#""license":{"type":1e999}"#,
            &format!(r#""exports":{deep}"#),
            &format!(r#""keywords":{deep}"#),
        ] {
            let packument = whole(&format!(r#"{{"name":"a","versions":{{"1.0.0":{{{bad},"author":"jane"}}}},{bad}}}"#));
            assert_eq!(packument.manifests[0].author.as_deref(), Some("jane"), "{}", &bad[..20]);
        }
        assert_eq!(whole("\u{feff}{\"name\":\"a\",\"time\":{}}").observation.name.as_str(), "a");
        assert_eq!(whole(r#"{"name":"a","versions":{"1.0.0/../../x":{},"1.0.0 x":{},"1.0.0\"><b>":{}}}"#).manifests, []);
    }

    #[test]
    fn readmes() {
        let readme = |json: &str| whole(json).readme.map(|readme| (readme.text.len(), readme.filename, readme.cut));
        assert_eq!(readme(r#"{"name":"a","time":{},"readme":"ERROR: No README data found!"}"#), None);
        assert_eq!(readme(r#"{"name":"a","time":{},"readme":"","readmeFilename":""}"#), None);
        assert_eq!(readme(r#"{"name":"a","time":{},"readme":7}"#), None);
        assert_eq!(readme(r#"{"name":"a","time":{},"readme":"x","readmeFilename":""}"#), Some((1, None, false)));
        let long = format!(r#"{{"name":"a","time":{{}},"readme":"{}"}}"#, "x".repeat(64_000));
        assert_eq!(readme(&long), Some((64_000, None, true)));
    }

    #[test]
    fn everything_unpublished() {
        let gone = whole(
            r#"{"_id":"gone","name":"gone","time":{"created":"2021-10-29T08:21:56.032Z","0.0.1":"2021-10-29T08:21:56.206Z","modified":"2022-01-14T12:34:23.941Z",
            "unpublished":{"time":"2022-01-14T12:34:23.941Z","versions":["0.0.1",7]}}}"#,
        );
        assert_eq!(gone.details.unpublished, Some(Unpublished { at: Some(1_642_163_663), versions: vec!["0.0.1".to_owned()] }));
        assert_eq!((gone.details.latest, gone.manifests.len()), (None, 0));
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
        let deep = format!(r#"{{"name":"a","time":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse_record(deep.as_bytes(), 0).is_ok(), "what is too deep is left out");
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
