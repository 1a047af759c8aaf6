//! Why a package stands where it stands: the parts of its score, for people.

use crate::rank::{Factors, Match};
use crate::schema::Standing;
use crate::words::Seen;

/// One part of a score. The score is the product of all.
///
/// | part | what it is | from | to |
/// |---|---|---|---|
/// | `words` | how well the words fit, rare ones more; left out when none is there | 0 | 35 a word |
/// | `coverage` | the share of the words that is there, to the power of 1.5 | 0 | 1 |
/// | `name` | a name that is the text, begins with it or resembles it counts like a match of all words, or several times that | 1, or 0 without words | 3 matches of all words |
/// | `close` | words that follow each other in the text stand side by side, or nearly so | 1 | 1.5 |
/// | `downloads` | a power of their decimal magnitude | 0.03 | 60,000 |
/// | `dependents` | packages whose details are stored depend on it | 1 | 1.6 |
/// | `deprecated` | people should not choose it | 0.1 | |
/// | `security` | the name is held by the registry | 0.001 | |
/// | `further` | words in the name that were not asked for | 0.08 | 1 |
/// | `scoped` | a piece of something larger, as packages of a scope mostly are | 0.7 | |
/// | `types` | declarations for another package | 0.1 | |
/// | `first` | what puts the very name, or a far more popular package of that name, first | 1 | |
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which.
    pub name: &'static str,
    /// What the other parts are multiplied with.
    pub value: f32,
    /// What it comes from.
    pub about: String,
}

/// What the parts are made of.
pub(crate) struct Explained {
    pub(crate) seen: Vec<Seen>,
    pub(crate) text: f32,
    pub(crate) coverage: f32,
    pub(crate) found: Match,
    pub(crate) standing: Standing,
    pub(crate) factors: Factors,
    pub(crate) close: f32,
    pub(crate) lift: f32,
}

pub(crate) fn parts(explained: &Explained) -> Vec<Part> {
    let Explained { seen, text, coverage, found, standing, factors, close, lift } = explained;
    let mut parts = Vec::new();
    let mut part = |name: &'static str, value: f32, about: String| parts.push(Part { name, value, about });
    if *text > 0.0 {
        let there = seen.iter().filter(|word| !word.fields.is_empty());
        let about: Vec<String> = there.map(|word| format!("“{}” in {}", word.typed, word.fields.join(" and "))).collect();
        part("words", *text, about.join(", "));
    }
    let missing: Vec<String> = seen.iter().filter(|word| word.fields.is_empty()).map(|word| format!("“{}”", word.typed)).collect();
    if *text > 0.0 && !missing.is_empty() {
        part("coverage", *coverage, format!("without {}", missing.join(", ")));
    }
    if (factors.name - 1.0).abs() > f32::EPSILON {
        part("name", factors.name, by_name(found));
    }
    if *close > 1.0 {
        part("close", *close, "words that follow each other in the text stand close together".to_owned());
    }
    part("downloads", factors.popularity, downloads(*standing));
    if factors.dependents > 1.0 {
        part("dependents", factors.dependents, "packages whose details are stored depend on it".to_owned());
    }
    if standing.is_deprecated() {
        part("deprecated", factors.deprecated, "its authors advise against it".to_owned());
    }
    if standing.is_security_holding() {
        part("security", factors.security_holding, "the registry holds the name, for security".to_owned());
    }
    if factors.further < 1.0 {
        part("further", factors.further, "the name has words that were not asked for".to_owned());
    }
    if factors.scoped < 1.0 {
        part("scoped", factors.scoped, "of a scope, whose packages are mostly pieces of something larger".to_owned());
    }
    if factors.types < 1.0 {
        part("types", factors.types, "declarations for another package".to_owned());
    }
    if *lift > 1.0 {
        let about = if found.exact { "its name is the text" } else { "of this name, and far more downloaded than the package so named" };
        part("first", *lift, about.to_owned());
    }
    parts
}

fn by_name(found: &Match) -> String {
    let how = if found.exact {
        "the name is the text"
    } else if found.joined {
        "the name is the text but for separators"
    } else if found.of_scope {
        "it is of the scope that was typed"
    } else if found.mistakes == 1 {
        "the name is the text but for a typing mistake"
    } else if found.start {
        "the name begins with the text"
    } else if found.bare {
        "the name without its scope is the text"
    } else {
        "the name is the text but for two typing mistakes"
    };
    how.to_owned()
}

/// The downloads as far as the index knows them, which is to 12 %.
fn downloads(standing: Standing) -> String {
    let magnitude = standing.bucket().magnitude();
    if standing.bucket().0 == 0 {
        return "no downloads are known".to_owned();
    }
    let count = 10_f64.powf(f64::from(magnitude));
    let (count, unit) = match count {
        1e9.. => (count / 1e9, " billion"),
        1e6.. => (count / 1e6, " million"),
        1e3.. => (count / 1e3, " thousand"),
        _ => (count, ""),
    };
    let count = if count < 9.95 { format!("{count:.1}") } else { format!("{count:.0}") };
    format!("about {}{unit} a month, magnitude {magnitude:.1}", count.trim_end_matches(".0"))
}
