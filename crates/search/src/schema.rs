//! The fields of the index.

use model::{Bucket, Fact, Facts, State};
use tantivy::TantivyDocument;
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};

use crate::tokens;

/// Goes up with every change of fields, tokens or flags; an index of another version is not opened.
pub(crate) const VERSION: u32 = 4;

/// A package as it is indexed.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The store's id.
    pub id: i64,
    /// The name.
    pub name: &'a str,
    /// Whether it can be installed.
    pub state: State,
    /// Whether it is deprecated.
    pub deprecated: bool,
    /// Its description.
    pub description: Option<&'a str>,
    /// Its keywords.
    pub keywords: &'a [String],
    /// The users who may publish it.
    pub maintainers: &'a [String],
    /// Web address of its repository.
    pub repository: Option<&'a str>,
    /// Its downloads on a logarithmic scale.
    pub bucket: Bucket,
    /// Its downloads in a month.
    pub downloads: Option<u64>,
    /// How its downloads grow, as a factor per month.
    pub growth: Option<f32>,
    /// When its latest version was published: seconds since 1970, UTC.
    pub published: Option<i64>,
    /// Its license, as it says.
    pub license: Option<&'a str>,
    /// The packages that are installed with it; `None` when nobody looked.
    pub dependencies: Option<&'a [String]>,
    /// How many packages are known to depend on it.
    pub dependents: u32,
    /// What else is known of it; what follows from the above need not be there.
    pub facts: Facts,
    /// Words of its README.
    pub readme: Option<&'a str>,
}

impl Document<'_> {
    /// A package of which only this is known.
    #[must_use]
    pub fn named(id: i64, name: &str, bucket: Bucket) -> Document<'_> {
        Document {
            id,
            name,
            state: State::Active,
            deprecated: false,
            description: None,
            keywords: &[],
            maintainers: &[],
            repository: None,
            bucket,
            downloads: None,
            growth: None,
            published: None,
            license: None,
            dependencies: None,
            dependents: 0,
            facts: Facts::default(),
            readme: None,
        }
    }

    /// What is known of it, with what follows from the rest.
    fn facts(&self, scope: Option<&str>) -> Facts {
        let mut facts = self.facts;
        for (fact, holds) in [
            (Fact::Deprecated, self.deprecated),
            (Fact::SecurityHolding, self.state == State::SecurityHolding),
            (Fact::Unpublished, self.state == State::Unpublished),
            (Fact::Scoped, scope.is_some()),
            (Fact::TypesPackage, scope == Some("types")),
            (Fact::License, self.license.is_some()),
            (Fact::Repository, self.repository.is_some()),
            (Fact::Keywords, !self.keywords.is_empty()),
            (Fact::Description, self.description.is_some()),
        ] {
            facts.set(fact, holds);
        }
        facts
    }
}

/// What the score needs of every candidate, in one fast field: the bucket in the lowest byte, flags above it, above them the number of
/// words of the name, and in the upper half what is known of it, for counting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing(u64);

impl Standing {
    const DEPRECATED: u64 = 1 << 8;
    const SECURITY_HOLDING: u64 = 1 << 9;
    const UNPUBLISHED: u64 = 1 << 10;
    const TYPES: u64 = 1 << 11;
    const SCOPED: u64 = 1 << 12;
    const NAME_WORDS: u32 = 16;
    const MOST_NAME_WORDS: u64 = 15;
    const FACTS: u32 = 32;

    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn bucket(self) -> Bucket {
        Bucket(self.0 as u8)
    }

    pub(crate) fn is_deprecated(self) -> bool {
        self.0 & Self::DEPRECATED != 0
    }

    pub(crate) fn is_security_holding(self) -> bool {
        self.0 & Self::SECURITY_HOLDING != 0
    }

    pub(crate) fn is_unpublished(self) -> bool {
        self.0 & Self::UNPUBLISHED != 0
    }

    /// Declarations for another package.
    pub(crate) fn is_types(self) -> bool {
        self.0 & Self::TYPES != 0
    }

    pub(crate) fn is_scoped(self) -> bool {
        self.0 & Self::SCOPED != 0
    }

    /// Whether a fact is known to hold.
    pub(crate) fn has(self, fact: Fact) -> bool {
        self.0 >> Self::FACTS & (1 << fact as u64) != 0
    }

    /// How many words the name has that tell something; see [`tokens::telling_words`].
    pub(crate) fn name_words(self) -> u8 {
        (self.0 >> Self::NAME_WORDS & Self::MOST_NAME_WORDS) as u8
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) schema: Schema,
    /// The name, case kept; the key of a document.
    pub(crate) identity: Field,
    /// Letters and digits of the whole name.
    pub(crate) joined: Field,
    /// Letters and digits of a scoped name's bare name.
    pub(crate) joined_bare: Field,
    /// Beginnings of the joined bare name.
    pub(crate) start: Field,
    /// Words of the name.
    pub(crate) words: Field,
    pub(crate) description: Field,
    /// Words of the keywords.
    pub(crate) keyword_words: Field,
    /// Keywords, whole, lowered.
    pub(crate) keyword: Field,
    /// The scope without `@`, lowered.
    pub(crate) scope: Field,
    /// User names, lowered.
    pub(crate) maintainer: Field,
    /// Host and owner of the repository, `github.com/jane`, lowered.
    pub(crate) owner: Field,
    /// Licenses and their families, lowered; see [`license_terms`].
    pub(crate) license: Field,
    /// The license as it is written, for counting.
    pub(crate) license_name: Field,
    /// Names of packages that are installed with it, lowered, and as they are.
    pub(crate) depends: Field,
    /// See [`fact_term`].
    pub(crate) fact: Field,
    /// Words of the README.
    pub(crate) readme: Field,
    /// The name, lowered, for sorting.
    pub(crate) name_order: Field,
    pub(crate) downloads: Field,
    /// Growth per month in thousandths.
    pub(crate) growth: Field,
    pub(crate) published: Field,
    /// How many packages are installed with it.
    pub(crate) dependencies: Field,
    /// Missing when none is known.
    pub(crate) dependents: Field,
    /// The store's id.
    pub(crate) id: Field,
    /// [`Standing`], as one number.
    pub(crate) standing: Field,
    /// Where the words of the bare name end; see [`tokens::borders`].
    pub(crate) borders: Field,
}

impl Fields {
    pub(crate) fn new() -> Self {
        let mut schema = Schema::builder();
        let raw = || {
            let indexing =
                TextFieldIndexing::default().set_tokenizer("raw").set_index_option(IndexRecordOption::Basic).set_fieldnorms(false);
            TextOptions::default().set_indexing_options(indexing)
        };
        let analysed = |name: &str| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(name)
                .set_index_option(IndexRecordOption::WithFreqsAndPositions)
                .set_fieldnorms(true);
            TextOptions::default().set_indexing_options(indexing)
        };
        let identity = schema.add_text_field("identity", raw());
        let joined = schema.add_text_field("joined", raw());
        let joined_bare = schema.add_text_field("joined_bare", raw());
        let start = schema.add_text_field("start", raw());
        let words = schema.add_text_field("words", analysed("name"));
        let description = schema.add_text_field("description", analysed("prose"));
        let keyword_words = schema.add_text_field("keyword_words", analysed("prose"));
        let keyword = schema.add_text_field("keyword", raw().set_fast("raw"));
        let scope = schema.add_text_field("scope", raw());
        let maintainer = schema.add_text_field("maintainer", raw());
        let owner = schema.add_text_field("owner", raw());
        let license = schema.add_text_field("license", raw());
        let license_name = schema.add_text_field("license_name", TextOptions::default().set_fast("raw"));
        let depends = schema.add_text_field("depends", raw());
        let fact = schema.add_text_field("fact", raw());
        let readme = schema.add_text_field("readme", analysed("prose"));
        let name_order = schema.add_text_field("name_order", TextOptions::default().set_fast("raw"));
        let downloads = schema.add_u64_field("downloads", FAST);
        let growth = schema.add_u64_field("growth", FAST);
        let published = schema.add_u64_field("published", FAST);
        let dependencies = schema.add_u64_field("dependencies", FAST);
        let dependents = schema.add_u64_field("dependents", FAST);
        let id = schema.add_u64_field("id", FAST);
        let standing = schema.add_u64_field("standing", FAST);
        let borders = schema.add_u64_field("borders", FAST);
        Self {
            schema: schema.build(),
            identity,
            joined,
            joined_bare,
            start,
            words,
            description,
            keyword_words,
            keyword,
            scope,
            maintainer,
            owner,
            license,
            license_name,
            depends,
            fact,
            readme,
            name_order,
            downloads,
            growth,
            published,
            dependencies,
            dependents,
            id,
            standing,
            borders,
        }
    }

    pub(crate) fn document(&self, package: &Document<'_>) -> TantivyDocument {
        let (scope, bare) = match package.name.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
            Some((scope, bare)) => (Some(scope), bare),
            None => (None, package.name),
        };
        let mut document = TantivyDocument::default();
        document.add_text(self.identity, package.name);
        let joined_bare = tokens::joined(bare);
        for start in tokens::starts(&joined_bare) {
            document.add_text(self.start, &start);
        }
        if scope.is_some() {
            document.add_text(self.joined, tokens::joined(package.name));
            document.add_text(self.joined_bare, joined_bare);
        } else {
            document.add_text(self.joined, joined_bare);
        }
        document.add_text(self.words, package.name);
        if let Some(description) = package.description {
            document.add_text(self.description, description);
        }
        for keyword in package.keywords {
            document.add_text(self.keyword_words, keyword);
            document.add_text(self.keyword, keyword.to_lowercase());
        }
        if let Some(scope) = scope {
            document.add_text(self.scope, scope.to_lowercase());
        }
        for user in package.maintainers {
            document.add_text(self.maintainer, user.to_lowercase());
        }
        if let Some(owner) = package.repository.and_then(owner) {
            document.add_text(self.owner, owner);
        }
        if let Some(license) = package.license {
            for term in license_terms(license) {
                document.add_text(self.license, term);
            }
            document.add_text(self.license_name, license);
        }
        if let Some(dependencies) = package.dependencies {
            for name in dependencies {
                let lowered = name.to_lowercase();
                // As it is, too, because names that differ in case are different packages.
                if lowered != *name {
                    document.add_text(self.depends, name);
                }
                document.add_text(self.depends, lowered);
            }
            document.add_u64(self.dependencies, dependencies.len() as u64);
        }
        let facts = package.facts(scope);
        for fact in facts.iter() {
            document.add_text(self.fact, fact_term(fact));
        }
        if let Some(readme) = package.readme {
            document.add_text(self.readme, readme);
        }
        document.add_text(self.name_order, package.name.to_lowercase());
        for (field, value) in [
            (self.downloads, package.downloads),
            (self.growth, package.growth.map(|growth| (growth * 1000.0) as u64)),
            (self.published, package.published.map(|at| at.max(0).cast_unsigned())),
            (self.dependents, (package.dependents > 0).then_some(u64::from(package.dependents))),
        ] {
            if let Some(value) = value {
                document.add_u64(field, value);
            }
        }
        let name_words = (tokens::telling_words(package.name) as u64).min(Standing::MOST_NAME_WORDS);
        let mut standing = u64::from(package.bucket.0) | name_words << Standing::NAME_WORDS;
        for (bit, is) in [
            (Standing::DEPRECATED, package.deprecated),
            (Standing::SECURITY_HOLDING, package.state == State::SecurityHolding),
            (Standing::UNPUBLISHED, package.state == State::Unpublished),
            (Standing::TYPES, scope == Some("types")),
            (Standing::SCOPED, scope.is_some()),
        ] {
            if is {
                standing |= bit;
            }
        }
        standing |= facts.iter().map(|fact| 1 << (Standing::FACTS + fact as u32)).sum::<u64>();
        document.add_u64(self.id, package.id.cast_unsigned());
        document.add_u64(self.standing, standing);
        document.add_u64(self.borders, tokens::borders(bare));
        document
    }
}

/// Host and owner of a repository's web address, lowered: `github.com/jane`.
fn owner(repository: &str) -> Option<String> {
    let (host, path) = repository.strip_prefix("https://")?.split_once('/')?;
    let (owner, repository) = path.split_once('/')?;
    (!owner.is_empty() && !repository.is_empty()).then(|| format!("{host}/{owner}").to_lowercase())
}

/// How a fact is written in the index: one character.
pub(crate) fn fact_term(fact: Fact) -> &'static str {
    const TERMS: &str = "abcdefghijklmnopqrstuvwxyz";
    &TERMS[fact as usize..=fact as usize]
}

/// A license as a term: lowered, with hyphens for spaces.
pub(crate) fn license_term(license: &str) -> String {
    license
        .split(|c: char| c.is_whitespace() || c == '(' || c == ')')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
        .to_lowercase()
}

/// The terms of what a package says of its license: the whole, its parts, and the family of each, `gpl` of `GPL-3.0-or-later`.
pub(crate) fn license_terms(license: &str) -> Vec<String> {
    let mut terms = vec![license_term(license)];
    let mut add = |term: &str| {
        if !term.is_empty() && !terms.iter().any(|known| known == term) {
            terms.push(term.to_owned());
        }
    };
    let words = license.split(|c: char| c.is_whitespace() || "(),/".contains(c)).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    for part in words.split(|word| ["or", "and", "with"].contains(&word.to_ascii_lowercase().as_str())) {
        let term = license_term(&part.join(" "));
        add(&term);
        add(term.trim_end_matches("-only").trim_end_matches("-or-later").trim_end_matches('+'));
        let number = term.match_indices('-').find(|(at, _)| term[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
        if let Some((at, _)) = number {
            add(&term[..at]);
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licenses() {
        let check = |license: &str, expected: &[&str]| assert_eq!(license_terms(license), expected);
        check("MIT", &["mit"]);
        check("(MIT OR Apache-2.0)", &["mit-or-apache-2.0", "mit", "apache-2.0", "apache"]);
        check("GPL-3.0-or-later", &["gpl-3.0-or-later", "gpl-3.0", "gpl"]);
        check("Apache License 2.0", &["apache-license-2.0", "apache-license"]);
        check("MIT/X11", &["mit/x11", "mit-x11"]);
        check("", &[""]);
        check("LGPL-2.1+ WITH x", &["lgpl-2.1+-with-x", "lgpl-2.1+", "lgpl-2.1", "lgpl", "x"]);
    }

    #[test]
    fn every_fact_has_a_term() {
        for (fact, ..) in Fact::ALL {
            assert_eq!(fact_term(fact).len(), 1);
        }
    }
}
