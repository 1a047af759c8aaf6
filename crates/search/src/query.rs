//! What is typed in the box: free text with qualifiers.
//!
//! `scope:babel`, `keywords:a,b` (either), `maintainer:jane` and `author:jane` (which npm's search treats as the same here: only
//! maintainers decide whose package it is), `owner:jane` and `owner:gitlab.com/jane` (whose repository it says it comes from). A qualifier that is not known is searched as text, and said so.

/// The longest text that is searched, in characters.
pub const MAX_TEXT: usize = 512;
/// How deep into the results one may ask.
pub const MAX_FROM_PLUS_SIZE: usize = 100_000;

/// A query that can be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The text without qualifiers.
    pub text: String,
    /// All of these must hold.
    pub filters: Vec<Filter>,
    /// Qualifiers that are not known and were left in the text.
    pub unknown: Vec<String>,
}

/// A condition on a package: one of the values must be there. Values are lowered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// The scope, without `@`.
    Scope(Vec<String>),
    /// A whole keyword.
    Keyword(Vec<String>),
    /// A user who may publish the package.
    Maintainer(Vec<String>),
    /// Host and owner of the repository, `github.com/jane`.
    Owner(Vec<String>),
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
    /// Reads what was typed. Fails only on texts of more than 512 characters.
    pub fn parse(typed: &str) -> Result<Self, QueryError> {
        let length = typed.chars().count();
        if length > MAX_TEXT {
            return Err(QueryError::TooLong(length));
        }
        let mut query = Self::default();
        let mut words = Vec::new();
        for word in typed.split_whitespace() {
            let qualifier = word.split_once(':').filter(|(key, values)| !values.is_empty() && key.bytes().all(|b| b.is_ascii_alphabetic()));
            let Some((key, values)) = qualifier.filter(|(key, _)| !key.is_empty()) else {
                words.push(word);
                continue;
            };
            let values = |strip: Option<char>| -> Vec<String> {
                values
                    .split(',')
                    .map(|value| strip.map_or(value, |c| value.trim_start_matches(c)).to_lowercase())
                    .filter(|value| !value.is_empty())
                    .collect()
            };
            let filter = match key.to_ascii_lowercase().as_str() {
                "scope" => Filter::Scope(values(Some('@'))),
                "keywords" | "keyword" => Filter::Keyword(values(None)),
                "maintainer" | "author" => Filter::Maintainer(values(Some('@'))),
                "owner" => Filter::Owner(
                    values(None).into_iter().map(|owner| if owner.contains('/') { owner } else { format!("github.com/{owner}") }).collect(),
                ),
                _ => {
                    query.unknown.push(word.to_owned());
                    words.push(word);
                    continue;
                }
            };
            let (Filter::Scope(values) | Filter::Keyword(values) | Filter::Maintainer(values) | Filter::Owner(values)) = &filter;
            if values.is_empty() {
                words.push(word);
            } else {
                query.filters.push(filter);
            }
        }
        query.text = words.join(" ");
        Ok(query)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn qualifiers() {
        let check = |typed: &str, text: &str, filters: &[Filter], unknown: &[&str]| {
            let query = Query::parse(typed).expect("short enough");
            assert_eq!((query.text.as_str(), query.filters.as_slice()), (text, filters), "{typed}");
            assert_eq!(query.unknown, unknown, "{typed}");
        };
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        check("  date   picker ", "date picker", &[], &[]);
        check("scope:@Babel core", "core", &[Filter::Scope(list(&["babel"]))], &[]);
        check("keywords:Gulp,css keyword:x", "", &[Filter::Keyword(list(&["gulp", "css"])), Filter::Keyword(list(&["x"]))], &[]);
        check("author:jane", "", &[Filter::Maintainer(list(&["jane"]))], &[]);
        check("owner:Jane,gitlab.com/Joe", "", &[Filter::Owner(list(&["github.com/jane", "gitlab.com/joe"]))], &[]);
        check("colour:red x", "colour:red x", &[], &["colour:red"]);
        check("scope: x", "scope: x", &[], &[]);
        check("scope:, x", "scope:, x", &[], &[]);
        check("http://x", "http://x", &[], &["http://x"]);
        check(":", ":", &[], &[]);
        assert_eq!(Query::parse(&"x".repeat(513)), Err(QueryError::TooLong(513)));
        assert!(Query::parse(&"ä".repeat(512)).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_panics(typed in "\\PC{0,100}") {
            let _ = Query::parse(&typed);
        }
    }
}
