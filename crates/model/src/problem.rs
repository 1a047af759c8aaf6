//! What the people who maintain a package could work on, found by rules from what is stored of it.

use std::fmt::Write;

use nodejs_semver::{OutsideDirection, Range, Version};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Advisory, Severity};

/// What the rules look at. What is `None` is not known, and nothing is concluded from it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checked<'a> {
    /// The package.
    pub name: &'a str,
    /// Whether anything but its name is known.
    pub is_described: bool,
    /// Its licence.
    pub license: Option<&'a str>,
    /// Web address of its repository.
    pub repository: Option<&'a str>,
    /// Whether its latest version can be loaded as a module, so that types would be of use.
    pub is_module: Option<bool>,
    /// Whether types come with it, or in a package of their own.
    pub has_types: bool,
    /// Whether its latest version has a README.
    pub has_readme: Option<bool>,
    /// What its latest version needs.
    pub dependencies: &'a [CheckedDependency<'a>],
    /// Its latest version.
    pub version: Option<&'a str>,
    /// Downloads of its versions within a week.
    pub downloads: &'a [(String, u64)],
    /// Its known vulnerabilities; `None` when nobody asked for them.
    pub advisories: Option<&'a [Advisory]>,
}

/// A dependency and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct CheckedDependency<'a> {
    /// The name.
    pub name: &'a str,
    /// The range that is asked for.
    pub range: &'a str,
    /// Whether it can be installed at all; `None` when that is not known.
    pub exists: Option<bool>,
    /// Its latest version.
    pub latest: Option<&'a str>,
    /// Whether that version is deprecated.
    pub is_deprecated: bool,
    /// Its known vulnerabilities, as far as anybody asked for them.
    pub advisories: &'a [Advisory],
}

/// Something to work on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Problem {
    /// Its latest version has known vulnerabilities.
    Vulnerable {
        /// The worst of them.
        severity: Severity,
        /// Their titles, the worst first.
        titles: Vec<String>,
    },
    /// Whoever installs it gets a version of a dependency that has known vulnerabilities.
    VulnerableDependencies {
        /// The worst of them.
        severity: Severity,
        /// Name, range and how bad it is, as `chalk ^4.1.0 (high)`.
        names: Vec<String>,
    },
    /// Many use versions that have known vulnerabilities, and the latest has not.
    VulnerableVersions {
        /// Per cent of the week's downloads.
        percent: u8,
    },
    /// Dependencies that do not exist any more, so that installing fails.
    MissingDependencies {
        /// Their names.
        names: Vec<String>,
    },
    /// Dependencies whose latest version is deprecated.
    DeprecatedDependencies {
        /// Their names.
        names: Vec<String>,
    },
    /// Dependencies that were published anew above the range that is asked for.
    OutdatedDependencies {
        /// Name, range and latest version, as `chalk ^4.1.0 (5.6.2)`.
        names: Vec<String>,
    },
    /// It does not say under which licence it may be used.
    NoLicense,
    /// It does not say where its source is.
    NoRepository,
    /// It can be loaded as a module, but neither it nor a package of its own brings types.
    NoTypes,
    /// It has no README.
    NoReadme,
    /// Many still use versions that are two or more major versions behind.
    OldVersions {
        /// Per cent of the week's downloads.
        percent: u8,
        /// They are of versions before this major version.
        below: u64,
    },
}

/// Names that a sentence lists.
const NAMED: usize = 3;
/// Per cent of the downloads from which on old or vulnerable versions are worth a word.
const OLD_VERSIONS: u64 = 25;
/// Downloads of a week below which shares of versions say little.
const FEW: u64 = 100;

impl Problem {
    /// How much it matters, from 1 to 10.
    #[must_use]
    pub fn weight(&self) -> u32 {
        match self {
            Self::Vulnerable { severity, .. } => 2 * (*severity as u32) + 2,
            Self::VulnerableDependencies { severity, .. } => 2 * (*severity as u32) + 1,
            Self::MissingDependencies { .. } => 10,
            Self::DeprecatedDependencies { names } => 5 + names.len().min(4) as u32 - 1,
            Self::NoLicense => 4,
            Self::VulnerableVersions { .. } | Self::OldVersions { .. } | Self::NoReadme => 3,
            Self::OutdatedDependencies { names } => 1 + names.len().min(4) as u32 / 2,
            Self::NoRepository => 2,
            Self::NoTypes => 1,
        }
    }

    /// In a few words, as `no licence`.
    #[must_use]
    pub fn words(&self) -> String {
        let of = |names: &[String], one: &str, many: &str| {
            let mut text = format!("{} {}: ", names.len(), if names.len() == 1 { one } else { many });
            text.push_str(&names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", "));
            if names.len() > NAMED {
                let _ = write!(text, " and {} more", names.len() - NAMED);
            }
            text
        };
        match self {
            Self::Vulnerable { severity, titles } => of(
                titles,
                &format!("known vulnerability ({})", severity.as_str()),
                &format!("known vulnerabilities (up to {})", severity.as_str()),
            ),
            Self::VulnerableDependencies { names, .. } => of(names, "vulnerable dependency", "vulnerable dependencies"),
            Self::VulnerableVersions { percent } => format!("{percent} % of the downloads are of versions with known vulnerabilities"),
            Self::MissingDependencies { names } => of(names, "dependency does not exist", "dependencies do not exist"),
            Self::DeprecatedDependencies { names } => of(names, "deprecated dependency", "deprecated dependencies"),
            Self::OutdatedDependencies { names } => of(names, "outdated dependency", "outdated dependencies"),
            Self::NoLicense => "no licence".to_owned(),
            Self::NoRepository => "no repository".to_owned(),
            Self::NoTypes => "no types".to_owned(),
            Self::NoReadme => "no README".to_owned(),
            Self::OldVersions { percent, below } => format!("{percent} % of the downloads are of versions before {below}.0.0"),
        }
    }
}

/// The major version of a version.
#[must_use]
pub fn major_of(version: &str) -> Option<u64> {
    let major = version.split('.').next()?;
    major.bytes().all(|byte| byte.is_ascii_digit()).then(|| major.parse().ok())?
}

/// Whether a version stands above everything that a range allows. Of a range or version that cannot be read, or a version that is not
/// released yet, it does not.
#[must_use]
pub fn is_behind(range: &str, latest: &str) -> bool {
    let (Ok(range), Ok(latest)) = (Range::parse(range), Version::parse(latest)) else { return false };
    !latest.is_prerelease() && !range.satisfies(&latest) && range.outside(&latest, OutsideDirection::Higher, true).unwrap_or(false)
}

/// What the rules find, what matters most first.
#[must_use]
pub fn problems(checked: &Checked<'_>) -> Vec<Problem> {
    let mut found = vulnerabilities(checked);
    let names = |of: &dyn Fn(&CheckedDependency<'_>) -> Option<String>| {
        let mut names: Vec<String> = checked.dependencies.iter().filter_map(of).collect();
        names.sort();
        names.dedup();
        names
    };
    let missing = names(&|one| (one.exists == Some(false)).then(|| one.name.to_owned()));
    let deprecated = names(&|one| (one.exists != Some(false) && one.is_deprecated).then(|| one.name.to_owned()));
    let outdated = names(&|one| {
        let latest = one.latest.filter(|latest| !one.is_deprecated && is_behind(one.range, latest))?;
        Some(format!("{} {} ({latest})", one.name, one.range))
    });
    if !missing.is_empty() {
        found.push(Problem::MissingDependencies { names: missing });
    }
    if !deprecated.is_empty() {
        found.push(Problem::DeprecatedDependencies { names: deprecated });
    }
    if !outdated.is_empty() {
        found.push(Problem::OutdatedDependencies { names: outdated });
    }
    if checked.is_described && checked.license.is_none() {
        found.push(Problem::NoLicense);
    }
    if checked.is_described && checked.repository.is_none() {
        found.push(Problem::NoRepository);
    }
    if checked.is_module == Some(true) && !checked.has_types && !checked.name.starts_with("@types/") {
        found.push(Problem::NoTypes);
    }
    if checked.has_readme == Some(false) {
        found.push(Problem::NoReadme);
    }
    found.extend(checked.version.and_then(|version| old_versions(version, checked.downloads)));
    found.sort_by_key(|problem| std::cmp::Reverse(problem.weight()));
    found
}

/// The version that a range leads to where all that is known is the latest one; `None` when it is another.
#[must_use]
pub fn newest_allowed<'a>(range: &str, latest: &'a str) -> Option<&'a str> {
    let is_allowed = match (Range::parse(range), Version::parse(latest)) {
        (Ok(range), Ok(version)) => range.satisfies(&version),
        // A tag.
        (Err(_), Ok(_)) => range == "latest",
        _ => false,
    };
    is_allowed.then_some(latest)
}

fn vulnerabilities(checked: &Checked<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    let own: Vec<&Advisory> = match (checked.advisories, checked.version) {
        (Some(advisories), Some(version)) => advisories.iter().filter(|advisory| advisory.affects(version) == Some(true)).collect(),
        _ => Vec::new(),
    };
    if let Some(severity) = own.iter().map(|advisory| advisory.severity).max() {
        found.push(Problem::Vulnerable { severity, titles: own.iter().map(|advisory| advisory.title.clone()).collect() });
    } else if let Some(advisories) = checked.advisories.filter(|advisories| !advisories.is_empty()) {
        let ranges: Vec<Range> = advisories.iter().filter_map(Advisory::range).collect();
        let percent = percent_of(checked.downloads, &|version| {
            Version::parse(version).is_ok_and(|version| ranges.iter().any(|range| range.satisfies_with_prerelease(&version, true)))
        });
        found.extend(percent.map(|percent| Problem::VulnerableVersions { percent }));
    }
    let mut worst: Vec<(Severity, String)> = Vec::new();
    for one in checked.dependencies {
        let Some(version) = one.latest.and_then(|latest| newest_allowed(one.range, latest)) else { continue };
        let severity =
            one.advisories.iter().filter(|advisory| advisory.affects(version) == Some(true)).map(|advisory| advisory.severity).max();
        worst.extend(severity.map(|severity| (severity, format!("{} {} ({})", one.name, one.range, severity.as_str()))));
    }
    worst.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    worst.dedup();
    if let Some((severity, _)) = worst.first() {
        found.push(Problem::VulnerableDependencies { severity: *severity, names: worst.into_iter().map(|(_, name)| name).collect() });
    }
    found
}

/// How many per cent of a week's downloads are of such versions, when they are many.
fn percent_of(downloads: &[(String, u64)], is_such: &dyn Fn(&str) -> bool) -> Option<u8> {
    let sum = |counted: &dyn Fn(&str) -> bool| {
        downloads.iter().filter(|(version, _)| counted(version)).fold(0_u64, |sum, (_, count)| sum.saturating_add(*count))
    };
    let all = sum(&|_| true);
    if all < FEW {
        return None;
    }
    let percent = sum(is_such).saturating_mul(100).checked_div(all).filter(|percent| *percent >= OLD_VERSIONS)?;
    Some(u8::try_from(percent).unwrap_or(100))
}

fn old_versions(version: &str, downloads: &[(String, u64)]) -> Option<Problem> {
    // One major version behind is how it is after every release.
    let below = major_of(version)?.checked_sub(1).filter(|below| *below > 0)?;
    let percent = percent_of(downloads, &|version| major_of(version).is_some_and(|major| major < below))?;
    Some(Problem::OldVersions { percent, below })
}

/// How much a package needs attention: its problems weighed by how many it reaches. Nothing needs attention in a package that was
/// deprecated. 0 is nothing; the numbers mean nothing beside those of other packages.
#[must_use]
pub fn attention(problems: &[Problem], monthly: Option<u64>, is_deprecated: bool) -> f64 {
    if is_deprecated {
        return 0.0;
    }
    let weight: u32 = problems.iter().map(Problem::weight).sum();
    f64::from(weight) * (1.0 + (monthly.unwrap_or(0) as f64 + 1.0).log10())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fine() -> Checked<'static> {
        Checked {
            name: "sample",
            is_described: true,
            license: Some("MIT"),
            repository: Some("https://github.com/jane/sample"),
            is_module: Some(true),
            has_types: true,
            has_readme: Some(true),
            dependencies: &[],
            version: Some("4.1.0"),
            downloads: &[],
            advisories: None,
        }
    }

    fn check(checked: Checked<'_>, expected: &[&str]) {
        let found: Vec<String> = problems(&checked).iter().map(Problem::words).collect();
        assert_eq!(found, expected, "{checked:?}");
    }

    #[test]
    fn what_a_package_says_of_itself() {
        check(fine(), &[]);
        check(Checked { license: None, ..fine() }, &["no licence"]);
        check(Checked { repository: None, ..fine() }, &["no repository"]);
        check(Checked { has_types: false, ..fine() }, &["no types"]);
        check(Checked { has_types: false, is_module: Some(false), ..fine() }, &[]);
        check(Checked { has_types: false, name: "@types/sample", ..fine() }, &[]);
        check(Checked { has_readme: Some(false), ..fine() }, &["no README"]);
        check(
            Checked { license: None, repository: None, has_readme: Some(false), has_types: false, ..fine() },
            &["no licence", "no README", "no repository", "no types"],
        );
        // Nothing is concluded from what is not known.
        check(Checked { name: "sample", ..Checked::default() }, &[]);
    }

    #[test]
    fn dependencies() {
        let one = CheckedDependency {
            name: "a",
            range: "^1.0.0",
            exists: Some(true),
            latest: Some("1.2.0"),
            is_deprecated: false,
            advisories: &[],
        };
        let with = |dependencies: &[CheckedDependency<'_>], expected: &[&str]| check(Checked { dependencies, ..fine() }, expected);
        with(&[one], &[]);
        with(&[CheckedDependency { exists: None, latest: None, ..one }], &[]);
        with(&[CheckedDependency { exists: Some(false), latest: None, ..one }], &["1 dependency does not exist: a"]);
        with(&[CheckedDependency { is_deprecated: true, latest: Some("9.0.0"), ..one }], &["1 deprecated dependency: a"]);
        with(&[CheckedDependency { latest: Some("2.0.0"), ..one }], &["1 outdated dependency: a ^1.0.0 (2.0.0)"]);
        let many: Vec<CheckedDependency<'_>> =
            ["e", "d", "c", "b", "b"].map(|name| CheckedDependency { name, is_deprecated: true, ..one }).to_vec();
        with(&many, &["4 deprecated dependencies: b, c, d and 1 more"]);
        with(
            &[CheckedDependency { name: "old", latest: Some("2.0.0"), ..one }, CheckedDependency { exists: Some(false), ..one }],
            &["1 dependency does not exist: a", "1 outdated dependency: old ^1.0.0 (2.0.0)"],
        );
    }

    #[test]
    fn known_vulnerabilities() {
        let advisory = |title: &str, severity, range: &str| Advisory {
            url: None,
            title: title.to_owned(),
            severity,
            vulnerable_versions: range.to_owned(),
            score: None,
        };
        let own = [advisory("Leak", Severity::High, "<4.2.0"), advisory("Old", Severity::Critical, "<2.0.0")];
        let with = |version: &'static str, downloads: &[(&str, u64)], expected: &[&str]| {
            let downloads: Vec<(String, u64)> = downloads.iter().map(|(version, count)| ((*version).to_owned(), *count)).collect();
            check(Checked { version: Some(version), downloads: &downloads, advisories: Some(&own), ..fine() }, expected);
        };
        with("4.1.0", &[("1.0.0", 1_000)], &["1 known vulnerability (high): Leak", "100 % of the downloads are of versions before 3.0.0"]);
        with("1.0.0", &[], &["2 known vulnerabilities (up to critical): Leak, Old"]);
        with("4.2.0", &[], &[]);
        with("4.2.0", &[("4.2.0", 700), ("4.1.0", 300)], &["30 % of the downloads are of versions with known vulnerabilities"]);
        check(Checked { version: Some("4.2.0"), advisories: Some(&[]), ..fine() }, &[]);
        let bad = [advisory("Crash", Severity::Moderate, "<1.3.0"), advisory("Fixed", Severity::Critical, "<1.2.0")];
        let one = CheckedDependency {
            name: "a",
            range: "^1.0.0",
            exists: Some(true),
            latest: Some("1.2.0"),
            is_deprecated: false,
            advisories: &bad,
        };
        let depends = |one, expected: &[&str]| check(Checked { dependencies: &[one], ..fine() }, expected);
        depends(one, &["1 vulnerable dependency: a ^1.0.0 (moderate)"]);
        depends(CheckedDependency { latest: Some("1.3.0"), ..one }, &[]);
        // Which version an older range leads to is not known.
        depends(CheckedDependency { range: "~1.1.0", ..one }, &["1 outdated dependency: a ~1.1.0 (1.2.0)"]);
        depends(CheckedDependency { range: "latest", ..one }, &["1 vulnerable dependency: a latest (moderate)"]);
        depends(CheckedDependency { latest: None, ..one }, &[]);
    }

    #[test]
    fn ranges_that_are_behind() {
        for (range, latest, expected) in [
            ("^1.0.0", "1.9.9", false),
            ("^1.0.0", "2.0.0", true),
            ("~1.2.0", "1.3.0", true),
            ("1.0.0", "1.0.1", true),
            ("^1 || ^3", "3.1.0", false),
            ("^1 || ^3", "4.0.0", true),
            ("^1 || ^3", "2.0.0", false),
            (">=1", "99.0.0", false),
            ("*", "1.0.0", false),
            ("", "1.0.0", false),
            ("latest", "1.0.0", false),
            ("^2.0.0", "1.0.0", false),
            ("^1.0.0", "2.0.0-beta.1", false),
            ("^1.0.0-rc.1", "1.0.0", false),
            ("1.0.0 - 1.9.9", "2.0.0", true),
            ("<2", "2.0.0", true),
            ("nonsense >", "2.0.0", false),
            ("^1.0.0", "nonsense", false),
        ] {
            assert_eq!(is_behind(range, latest), expected, "{range} {latest}");
        }
    }

    #[test]
    fn versions_in_use() {
        let with = |version: &'static str, downloads: &[(&str, u64)], expected: &[&str]| {
            let downloads: Vec<(String, u64)> = downloads.iter().map(|(version, count)| ((*version).to_owned(), *count)).collect();
            check(Checked { version: Some(version), downloads: &downloads, ..fine() }, expected);
        };
        let says = "30 % of the downloads are of versions before 3.0.0";
        with("4.1.0", &[("4.1.0", 400), ("3.0.0", 300), ("2.9.9", 200), ("1.0.0-beta.1", 100)], &[says]);
        with("4.1.0", &[("4.1.0", 500), ("3.0.0", 300), ("2.9.9", 200)], &[]);
        with("4.1.0", &[("1.0.0", 99)], &[]);
        with("2.0.0", &[("0.9.0", 900), ("1.0.0", 100)], &["90 % of the downloads are of versions before 1.0.0"]);
        with("1.0.0", &[("0.9.0", 900)], &[]);
        with("0.5.0", &[("0.1.0", 900)], &[]);
        with("4.0.0", &[], &[]);
        with("4.0.0", &[("not-a-version", u64::MAX), ("1.0.0", 0)], &[]);
    }

    #[test]
    fn attention_grows_with_weight_and_reach() {
        let (small, large) = ([Problem::NoTypes], [Problem::MissingDependencies { names: vec!["a".to_owned()] }]);
        assert!(attention(&large, Some(10), false) > attention(&small, Some(10), false));
        assert!(attention(&small, Some(1_000_000), false) > attention(&small, Some(10), false));
        assert!(attention(&small, Some(10), false) > attention(&small, None, false));
        assert!(attention(&large, Some(u64::MAX), true) == 0.0 && attention(&[], Some(u64::MAX), false) == 0.0);
    }
}
