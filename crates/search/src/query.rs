//! What is typed in the box: words, phrases and qualifiers. `docs/query-language.md` has the grammar.
//!
//! Every text can be asked, unless it is too long: what is not understood is searched as text, and said so in [`Query::notes`].

mod parse;
mod range;

use std::fmt;
use std::ops::Range;

use model::Fact;

pub use range::{Numbers, Times};

/// The longest text that is searched, in characters.
pub const MAX_TEXT: usize = 512;
/// How deep into the results one may ask.
pub const MAX_FROM_PLUS_SIZE: usize = 100_000;

/// A query that can be asked. It displays as text that is read as the same query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The free words, those of phrases among them.
    pub text: String,
    /// The places in `text` of words that must stand side by side, in this order.
    pub phrases: Vec<Range<usize>>,
    /// Words and phrases that must not be there.
    pub excluded: Vec<String>,
    /// All of these must hold.
    pub filters: Vec<Filter>,
    /// In which order.
    pub sort: Sort,
    /// A package whose name is the very text need not come first.
    pub exact_as_others: bool,
    /// What was not understood, or changes nothing.
    pub notes: Vec<Note>,
}

/// A part of a text that does not do what it seems to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The part, as it was typed.
    pub part: String,
    /// Why, and what became of it.
    pub why: String,
}

/// A condition on a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Packages of which it is known to hold are left out, instead of all others.
    pub excluded: bool,
    /// The condition.
    pub condition: Condition,
}

/// What may hold of a package: one of the values. Texts are in lower case. It holds of those packages of which it is known to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The scope, without `@`.
    Scope(Vec<String>),
    /// A whole keyword.
    Keyword(Vec<String>),
    /// A user who may publish the package.
    Maintainer(Vec<String>),
    /// Host and owner of the repository, `github.com/jane`.
    Owner(Vec<String>),
    /// The license or a family of licenses.
    License(Vec<String>),
    /// A package that is installed with it.
    Depends(Vec<String>),
    /// Words of its name.
    Name(Vec<String>),
    /// What it is, has or comes with.
    Fact(Vec<Fact>),
    /// Downloads in a month.
    Downloads(Vec<Numbers>),
    /// How many of the packages whose details are stored depend on it.
    Dependents(Vec<Numbers>),
    /// How many packages are installed with it.
    Dependencies(Vec<Numbers>),
    /// When its latest version was published.
    Updated(Vec<Times>),
}

/// In which order packages are given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// What fits best first; without words, the most downloaded first.
    #[default]
    Relevance,
    /// The most downloaded first.
    Downloads,
    /// The fastest growing first.
    Growth,
    /// The latest published first.
    Published,
    /// Those on which most packages depend first.
    Dependents,
    /// By name.
    Name,
}

/// Why a query cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Too many characters.
    #[error("a search has at most {MAX_TEXT} characters, this one has {0}")]
    TooLong(usize),
    /// Too far down the list.
    #[error("results can be read up to number {MAX_FROM_PLUS_SIZE}; narrow the search instead")]
    TooDeep,
}

impl Query {
    /// Reads what was typed; `now`, in seconds since 1970, decides what "younger than a year" means. Fails only on texts of more than 512
    /// characters.
    pub fn parse(typed: &str, now: i64) -> Result<Self, QueryError> {
        let length = typed.chars().count();
        if length > MAX_TEXT {
            return Err(QueryError::TooLong(length));
        }
        Ok(parse::parse(typed, now))
    }

    /// The phrases.
    pub fn phrases(&self) -> impl Iterator<Item = &str> {
        self.phrases.iter().filter_map(|place| self.text.get(place.clone()))
    }

    /// The keywords of which one must be there.
    pub fn keywords(&self) -> impl Iterator<Item = &str> {
        let keywords = self.filters.iter().filter(|filter| !filter.excluded).filter_map(|filter| match &filter.condition {
            Condition::Keyword(keywords) => Some(keywords),
            _ => None,
        });
        keywords.flatten().map(String::as_str)
    }
}

impl Filter {
    /// Only packages of which this holds.
    #[must_use]
    pub fn only(condition: Condition) -> Self {
        Self { excluded: false, condition }
    }

    /// Only packages of which this does not hold, or is not known.
    #[must_use]
    pub fn without(condition: Condition) -> Self {
        Self { excluded: true, condition }
    }
}

impl Sort {
    /// All of them, with the word that asks for each.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Relevance, "relevance"),
        (Self::Downloads, "downloads"),
        (Self::Growth, "growth"),
        (Self::Published, "published"),
        (Self::Dependents, "dependents"),
        (Self::Name, "name"),
    ];

    /// The word that asks for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// A qualifier with one value, as it is typed: in quotes where it must be.
#[must_use]
pub fn qualified(qualifier: &str, value: &str) -> String {
    let mut text = format!("{qualifier}:");
    push_value(&mut text, value);
    text
}

fn push_value(text: &mut String, value: &str) {
    let is_plain = !value.starts_with(['-', '/']) && value.chars().all(|c| c.is_alphanumeric() || "-_.~@/:#!()'*".contains(c));
    if is_plain {
        text.push_str(value);
    } else {
        text.extend(["\"", value, "\""]);
    }
}

impl Condition {
    /// The word that asks for it.
    #[must_use]
    pub fn qualifier(&self) -> &'static str {
        match self {
            Self::Scope(_) => "scope",
            Self::Keyword(_) => "keywords",
            Self::Maintainer(_) => "maintainer",
            Self::Owner(_) => "owner",
            Self::License(_) => "license",
            Self::Depends(_) => "depends",
            Self::Name(_) => "name",
            Self::Fact(facts) => facts.first().map_or("is", |fact| fact.words().0),
            Self::Downloads(_) => "downloads",
            Self::Dependents(_) => "dependents",
            Self::Dependencies(_) => "dependencies",
            Self::Updated(_) => "updated",
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<String> = match &self.condition {
            Condition::Scope(values)
            | Condition::Keyword(values)
            | Condition::Maintainer(values)
            | Condition::Owner(values)
            | Condition::License(values)
            | Condition::Depends(values)
            | Condition::Name(values) => {
                let quoted = |value: &String| {
                    let mut text = String::new();
                    push_value(&mut text, value);
                    text
                };
                values.iter().map(quoted).collect()
            }
            Condition::Fact(facts) => facts.iter().map(|fact| fact.words().1.to_owned()).collect(),
            Condition::Downloads(ranges) | Condition::Dependents(ranges) | Condition::Dependencies(ranges) => {
                ranges.iter().map(ToString::to_string).collect()
            }
            Condition::Updated(ranges) => ranges.iter().map(ToString::to_string).collect(),
        };
        write!(f, "{}{}:{}", if self.excluded { "-" } else { "" }, self.condition.qualifier(), values.join(","))
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        let mut end = 0;
        for place in &self.phrases {
            parts.push(self.text.get(end..place.start).unwrap_or_default().trim().to_owned());
            parts.push(format!("\"{}\"", self.text.get(place.clone()).unwrap_or_default()));
            end = place.end;
        }
        parts.push(self.text.get(end..).unwrap_or_default().trim().to_owned());
        parts.retain(|part| !part.is_empty());
        // One excluded word alone would be read as a name that begins with a hyphen.
        let alone = parts.is_empty() && self.excluded.len() == 1 && self.filters.is_empty();
        let alone = alone && self.sort == Sort::Relevance && !self.exact_as_others;
        for text in &self.excluded {
            parts.push(if !alone && parse::is_plain_word(text) { format!("-{text}") } else { format!("-\"{text}\"") });
        }
        parts.extend(self.filters.iter().map(ToString::to_string));
        if self.sort != Sort::Relevance {
            parts.push(format!("sort:{}", self.sort.word()));
        }
        if self.exact_as_others {
            parts.push("boost-exact:false".to_owned());
        }
        f.write_str(&parts.join(" "))
    }
}

#[cfg(test)]
mod tests;
