//! What somebody may be about to type: packages, users, scopes, keywords.
//!
//! Packages are found as a search by name finds them, by the first documents alone. The others are terms of the index: those of a segment
//! are listed once, in order, each with what it is worth, so that the best that begin with a letter are found by looking at all of them.

use std::collections::HashMap;

use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, SegmentReader, TERMINATED};

use crate::index::Segment;
use crate::rank::Wanted;
use crate::schema::Standing;
use crate::sets::{Union, visit};
use crate::{Error, Index, Query, Sort, tokens};

/// Documents looked at for names that begin with a text.
const STARTING: usize = 300;
/// Documents looked at for their words, where few names begin with a text.
const BY_WORDS: usize = 2_000;
/// The best terms of a segment that are looked at more closely.
const CLOSER: usize = 50;
/// In a segment of this size a term of one package alone is not suggested: there are too many.
const LARGE: u32 = 200_000;

/// What may be meant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Suggestions {
    /// The store's ids of packages, best first.
    pub packages: Vec<i64>,
    /// User names.
    pub users: Vec<Suggested>,
    /// Scopes without `@`.
    pub scopes: Vec<Suggested>,
    /// Keywords, in lower case.
    pub keywords: Vec<Suggested>,
    /// What stands before the part that is completed. When it ends with a colon or a comma, a value alone is to follow, else a qualifier.
    pub before: String,
}

/// A user, scope or keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggested {
    /// Its name.
    pub name: String,
    /// How many packages of the index have it.
    pub packages: u64,
}

/// How many of each are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuggestionLimits {
    /// Packages.
    pub packages: usize,
    /// Users, scopes and keywords, of each.
    pub others: usize,
}

/// Terms of one segment, by their names.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    users: Vec<Listed>,
    scopes: Vec<Listed>,
    keywords: Vec<Listed>,
}

#[derive(Debug)]
struct Listed {
    name: Box<str>,
    packages: u32,
    /// Grows with the number of its packages and the downloads of the most popular of them.
    worth: f32,
}

/// What is being typed.
#[derive(Debug, PartialEq, Eq)]
enum Typing<'a> {
    /// A package's name, and nothing else.
    Package(&'a str),
    /// `@…`: a scope or a user.
    ScopeOrUser(&'a str),
    /// `@scope/…`.
    Scoped(&'a str, &'a str),
    User(&'a str),
    Scope(&'a str),
    Keyword(&'a str),
    /// Free text.
    Anything(&'a str),
}

impl<'a> Typing<'a> {
    /// What the last part of a text is the beginning of, and what stands before that part.
    fn of(text: &'a str) -> (&'a str, Self) {
        let start = text.trim_start();
        if let Some(name) = start.strip_prefix("pkg:") {
            return ("", Self::Package(name.trim()));
        }
        let at = text.rfind(char::is_whitespace).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        let (before, last) = text.split_at(at);
        if let Some((qualifier, values)) = last.split_once(':') {
            // Of several values the last one is being typed.
            let value = values.rsplit(',').next().unwrap_or_default();
            let before = &text[..text.len() - value.len()];
            let value = value.trim_start_matches('"');
            match qualifier.trim_start_matches('-').to_lowercase().as_str() {
                "scope" => return (before, Self::Scope(value.trim_start_matches('@'))),
                "maintainer" | "author" => return (before, Self::User(value)),
                "keywords" | "keyword" => return (before, Self::Keyword(value)),
                _ => {}
            }
        }
        if before.trim().is_empty() {
            if let Some(user) = last.strip_prefix('~') {
                return ("", Self::User(user));
            }
            if let Some(rest) = last.strip_prefix('@') {
                return match rest.split_once('/') {
                    Some((scope, name)) => ("", Self::Scoped(scope, name)),
                    None => ("", Self::ScopeOrUser(rest)),
                };
            }
        }
        ("", Self::Anything(start))
    }
}

impl Lists {
    pub(crate) fn of(index: &Index, segment: &SegmentReader) -> tantivy::Result<Self> {
        let fields = &index.fields;
        let standings = segment.fast_fields().u64("standing")?;
        let few = if segment.max_doc() >= LARGE { 2 } else { 1 };
        let list = |field: Field, fewest: u32| -> tantivy::Result<Vec<Listed>> {
            let inverted = segment.inverted_index(field)?;
            let mut stream = inverted.terms().stream()?;
            let mut listed = Vec::new();
            while stream.advance() {
                let info = stream.value();
                let Ok(name) = std::str::from_utf8(stream.key()) else { continue };
                if info.doc_freq < fewest {
                    continue;
                }
                // Documents lie in falling popularity: the first is the most popular one.
                let first = inverted.read_postings_from_terminfo(info, IndexRecordOption::Basic)?.doc();
                let standing = if first == TERMINATED { 0 } else { standings.first(first).unwrap_or_default() };
                let magnitude = 0.5 + Standing::from_number(standing).bucket().magnitude();
                let packages = info.doc_freq;
                listed.push(Listed { name: name.into(), packages, worth: magnitude * magnitude * (1.0 + packages as f32).ln() });
            }
            Ok(listed)
        };
        Ok(Self { users: list(fields.maintainer, 1)?, scopes: list(fields.scope, few)?, keywords: list(fields.keyword, few)? })
    }
}

/// The best of all segments whose names begin with a text.
fn best(segments: &[&Lists], list: fn(&Lists) -> &[Listed], start: &str, most: usize) -> Vec<Suggested> {
    let mut found: HashMap<&str, f32> = HashMap::new();
    for lists in segments {
        let all = list(lists);
        let from = all.partition_point(|one| *one.name < *start);
        let count = all[from..].partition_point(|one| one.name.starts_with(start));
        let mut here: Vec<&Listed> = all[from..from + count].iter().collect();
        if here.len() > CLOSER {
            here.select_nth_unstable_by(CLOSER, |a, b| b.worth.total_cmp(&a.worth));
            here.truncate(CLOSER);
        }
        for one in here {
            let worth = found.entry(&one.name).or_default();
            *worth = worth.max(one.worth);
        }
    }
    // What is typed in full comes first.
    let mut found: Vec<(bool, f32, &str)> = found.into_iter().map(|(name, worth)| (name == start, worth, name)).collect();
    found.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(b.2)));
    found.truncate(most);
    let packages = |name: &str| {
        let of = |lists: &&Lists| list(lists).binary_search_by(|one| (*one.name).cmp(name)).map_or(0, |at| list(lists)[at].packages);
        segments.iter().map(|lists| u64::from(of(lists))).sum()
    };
    found.into_iter().map(|(_, _, name)| Suggested { name: name.to_owned(), packages: packages(name) }).collect()
}

impl Index {
    /// What may be meant by a text that is being typed.
    pub fn suggest(&self, text: &str, limits: SuggestionLimits) -> Result<Suggestions, Error> {
        self.suggestions(text, limits).map_err(|source| self.failed(source))
    }

    /// Lists the terms that are suggested, which takes the first that asks some 100 ms otherwise.
    pub fn prepare_suggestions(&self) -> Result<(), Error> {
        self.view().segments.iter().try_for_each(|segment| self.lists(segment).map(|_| ())).map_err(|source| self.failed(source))
    }

    fn lists<'a>(&self, segment: &'a Segment) -> tantivy::Result<&'a Lists> {
        if let Some(lists) = segment.lists.get() {
            return Ok(lists);
        }
        let lists = Lists::of(self, &segment.reader)?;
        Ok(segment.lists.get_or_init(|| lists))
    }

    fn suggestions(&self, text: &str, limits: SuggestionLimits) -> tantivy::Result<Suggestions> {
        let view = self.view();
        let segments = &view.segments;
        let (before, typing) = Typing::of(text);
        let lists: Vec<&Lists> = segments.iter().map(|segment| self.lists(segment)).collect::<tantivy::Result<_>>()?;
        let listed = |list: fn(&Lists) -> &[Listed], start: &str| {
            let start = start.to_lowercase();
            if start.is_empty() { Vec::new() } else { best(&lists, list, &start, limits.others) }
        };
        let users = |start: &str| listed(|lists| &lists.users, start);
        let scopes = |start: &str| listed(|lists| &lists.scopes, start);
        let keywords = |start: &str| listed(|lists| &lists.keywords, start);
        let mut found = Suggestions { before: before.to_owned(), ..Suggestions::default() };
        match typing {
            Typing::Package(name) => found.packages = self.suggested_packages(segments, name, limits.packages, false)?,
            Typing::Scoped(scope, name) => found.packages = self.suggested_of_scope(segments, scope, name, limits.packages)?,
            Typing::ScopeOrUser(start) => {
                (found.scopes, found.users) = (scopes(start), users(start));
                if let Some(scope) = found.scopes.first() {
                    found.packages = self.suggested_of_scope(segments, &scope.name, "", limits.packages)?;
                }
            }
            Typing::User(start) => found.users = users(start),
            Typing::Scope(start) => found.scopes = scopes(start),
            Typing::Keyword(start) => found.keywords = keywords(start),
            Typing::Anything(text) => {
                found.packages = self.suggested_packages(segments, text, limits.packages, true)?;
                found.keywords = keywords(text);
                if !text.contains(char::is_whitespace) {
                    (found.scopes, found.users) = (scopes(text), users(text));
                }
            }
        }
        Ok(found)
    }

    fn suggested_packages(&self, segments: &[Segment], text: &str, most: usize, by_words: bool) -> tantivy::Result<Vec<i64>> {
        // Nobody is told about a qualifier that is not finished yet.
        let Ok(query) = Query::parse(text, 0) else { return Ok(Vec::new()) };
        let query = Query { sort: Sort::Relevance, notes: Vec::new(), ..query };
        if query.text.is_empty() {
            return Ok(Vec::new());
        }
        let mut packages = self.starting(segments, &query, most, STARTING)?;
        if packages.len() < most && by_words && query.text.chars().nth(2).is_some() {
            let further = self.find_within(&query, Wanted::page(0, most), BY_WORDS)?.hits;
            let further: Vec<i64> = further.into_iter().map(|hit| hit.id).filter(|id| !packages.contains(id)).collect();
            packages.extend(further);
            packages.truncate(most);
        }
        Ok(packages)
    }

    /// The most popular packages of a scope whose names go on with a text.
    fn suggested_of_scope(&self, segments: &[Segment], scope: &str, name: &str, most: usize) -> tantivy::Result<Vec<i64>> {
        let (scope, name) = (scope.to_lowercase(), tokens::joined(name));
        let mut found = Vec::new();
        for segment in segments {
            let mut taken: Vec<(std::cmp::Reverse<u8>, i64)> = Vec::new();
            let mut take = |doc| taken.push((std::cmp::Reverse(segment.standing(doc).bucket().0), segment.id(doc)));
            let mut of_scope = Union::of_term(&segment.reader, self.fields.scope, &scope)?;
            if name.is_empty() {
                visit(&segment.reader, &mut of_scope, &mut [], most, &mut take);
            } else {
                let mut starting = self.starting_with(&segment.reader, &name)?;
                visit(&segment.reader, &mut of_scope, &mut [crate::filter::Set::Any(std::mem::take(&mut starting))], most, &mut take);
            }
            found.extend(taken);
        }
        found.sort_unstable();
        Ok(found.into_iter().take(most).map(|(_, id)| id).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_being_typed() {
        let check = |text: &str, before: &str, typing: Typing<'_>| assert_eq!(Typing::of(text), (before, typing), "{text}");
        check("rea", "", Typing::Anything("rea"));
        check(" date pic", "", Typing::Anything("date pic"));
        check("pkg:rea", "", Typing::Package("rea"));
        check("@ba", "", Typing::ScopeOrUser("ba"));
        check("@babel/co", "", Typing::Scoped("babel", "co"));
        check("~si", "", Typing::User("si"));
        check("picker keywords:re", "picker keywords:", Typing::Keyword("re"));
        check("-keywords:a,\"b", "-keywords:a,", Typing::Keyword("b"));
        check("x scope:@ba", "x scope:", Typing::Scope("ba"));
        check("author:", "author:", Typing::User(""));
        check("colour:red", "", Typing::Anything("colour:red"));
        check("x @ba", "", Typing::Anything("x @ba"));
    }
}
