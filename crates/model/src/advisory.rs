//! Known vulnerabilities, as registries tell them for the versions that a project uses.

use std::collections::HashMap;

use nodejs_semver::{Range, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::PackageName;
use crate::tolerant::text;

/// Most advisories kept of a package; the most known has some dozens.
const MAX_ADVISORIES: usize = 200;
/// The longest range kept, in bytes.
const MAX_RANGE: usize = 2_000;

/// A known vulnerability of a package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Advisory {
    /// Where it is described, a web address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// One line.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Which versions have it, as a range of npm's semver; `unknown` where that is too long to be kept.
    pub vulnerable_versions: String,
    /// The base score of CVSS, 0 to 10; missing where nobody gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

/// How bad a vulnerability is, in npm's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information.
    Info,
    /// Low.
    Low,
    /// Moderate; also where the registry says something that nobody knows.
    Moderate,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// npm's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Advisory {
    /// Whether a version has it. Prereleases count as npm's audit counts them. `None` where the range or the version cannot be read.
    #[must_use]
    pub fn affects(&self, version: &str) -> Option<bool> {
        Some(self.range()?.satisfies_with_prerelease(&Version::parse(version).ok()?, true))
    }

    /// The range, to be asked about many versions.
    pub(crate) fn range(&self) -> Option<Range> {
        Range::parse(&self.vulnerable_versions).ok()
    }
}

/// Why an answer about advisories cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer about advisories is not an object of lists by package: {0}")]
pub struct AdvisoriesError(String);

/// Reads the answer of npm's bulk advisory endpoint: lists by package name, the worst first. Packages without any are left out, as are
/// names that are none and advisories without a range.
pub fn parse_advisories(bytes: &[u8]) -> Result<HashMap<PackageName, Vec<Advisory>>, AdvisoriesError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| AdvisoriesError(error.to_string()))?;
    let Value::Object(packages) = value else { return Err(AdvisoriesError("it is something else".to_owned())) };
    let mut found = HashMap::new();
    for (name, list) in packages {
        let (Ok(name), Value::Array(list)) = (PackageName::parse(&name), list) else { continue };
        let mut advisories: Vec<Advisory> = list.iter().filter_map(advisory).collect();
        advisories.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.title.cmp(&b.title)));
        advisories.truncate(MAX_ADVISORIES);
        if !advisories.is_empty() {
            found.insert(name, advisories);
        }
    }
    Ok(found)
}

fn advisory(value: &Value) -> Option<Advisory> {
    // A range that is cut would be another one.
    let range = value.get("vulnerable_versions")?;
    let is_whole = range.as_str().is_some_and(|range| range.len() <= MAX_RANGE);
    let vulnerable_versions = text(Some(range)).map(|range| if is_whole { range } else { "unknown".to_owned() })?;
    let severity = value.get("severity").and_then(|severity| Severity::deserialize(severity).ok()).unwrap_or(Severity::Moderate);
    let score = value.pointer("/cvss/score").and_then(Value::as_f64).filter(|score| *score > 0.0 && *score <= 10.0);
    Some(Advisory {
        url: text(value.get("url")).filter(|url| url.starts_with("https://")),
        title: text(value.get("title")).unwrap_or_else(|| "A vulnerability without a title".to_owned()),
        severity,
        vulnerable_versions,
        score,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str) -> Advisory {
        Advisory { url: None, title: "x".to_owned(), severity: Severity::High, vulnerable_versions: range.to_owned(), score: None }
    }

    #[test]
    fn affected_versions() {
        for (range, version, expected) in [
            ("<4.17.12", "4.17.4", Some(true)),
            ("<4.17.12", "4.17.12", Some(false)),
            ("<4.17.12", "4.17.12-rc.1", Some(true)),
            (">=5.0.0 <5.1.0 || <4.2.0", "5.0.9", Some(true)),
            (">=5.0.0 <5.1.0 || <4.2.0", "4.9.0", Some(false)),
            (">=5.0.0 <5.1.0", "5.1.0-beta", Some(true)),
            ("*", "0.0.1-alpha", Some(true)),
            ("nonsense >", "1.0.0", None),
            ("unknown", "1.0.0", None),
            ("*", "nonsense", None),
        ] {
            assert_eq!(of(range).affects(version), expected, "{range} {version}");
        }
    }

    #[test]
    fn answers_are_read() {
        let answer = br#"{
            "sample": [
                {"id": 1, "url": "https://advisories.example/1", "title": "Prototype\u0000 pollution", "severity": "low", "vulnerable_versions": "<2.0.0",
                 "cwe": ["CWE-1321"], "cvss": {"score": 0, "vectorString": null}},
                {"id": 2, "url": "javascript:alert(1)", "severity": "critical", "vulnerable_versions": "<1.2.0", "cvss": {"score": 9.1}},
                {"id": 3, "severity": "dreadful", "title": "Odd", "vulnerable_versions": "<1.1.0", "cvss": "none"},
                {"id": 4, "title": "no range"}, 5
            ],
            "not a name": [{"vulnerable_versions": "*"}], "empty": [], "odd": {}, "constructor": [{"vulnerable_versions": "*", "title": "x"}]}"#;
        let mut found = parse_advisories(answer).expect("readable");
        let sample = found.remove(&PackageName::parse("sample").expect("a name")).expect("there");
        let lines: Vec<(&str, Severity, Option<&str>, Option<f64>)> =
            sample.iter().map(|one| (one.title.as_str(), one.severity, one.url.as_deref(), one.score)).collect();
        assert_eq!(
            lines,
            [
                ("A vulnerability without a title", Severity::Critical, None, Some(9.1)),
                ("Odd", Severity::Moderate, None, None),
                ("Prototype pollution", Severity::Low, Some("https://advisories.example/1"), None),
            ]
        );
        assert_eq!(found.into_keys().map(|name| name.to_string()).collect::<Vec<_>>(), ["constructor"]);
        let long = vec!["1.0.0"; 400].join(" || ");
        let answer = serde_json::json!({"long": [{"title": "x", "vulnerable_versions": long}]}).to_string();
        let found = parse_advisories(answer.as_bytes()).expect("readable");
        assert!(found.values().flatten().all(|one| one.vulnerable_versions == "unknown" && one.affects("1.0.0").is_none()));
        assert!(parse_advisories(b"{}").expect("readable").is_empty());
        for bad in [&b""[..], b"[]", b"null", b"{\"a\":"] {
            assert!(parse_advisories(bad).is_err());
        }
    }
}
