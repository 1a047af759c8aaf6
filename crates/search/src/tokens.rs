//! From names and texts to terms.
//!
//! A name becomes: itself (identity, case kept), its letters and digits joined (`date-picker` is `datepicker`; a scoped name also
//! without its scope), the beginnings of the joined bare name, and its words.

use std::collections::HashSet;

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, TextAnalyzer, Token, TokenStream, Tokenizer,
};

/// Beginnings of every length up to here are terms.
const EVERY_START: usize = 8;
/// Longer beginnings that are terms. A length in between is found as the next longer ones that begin with it.
const LONGER_STARTS: [usize; 3] = [11, 15, LONGEST_START];
const LONGEST_START: usize = 20;

/// Splits names, lowers, stems.
pub(crate) fn name_analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(NameTokenizer::default()).filter(RemoveLongFilter::limit(60)).filter(Stemmer::new(Language::English)).build()
}

/// Splits prose, lowers, folds accents, stems.
pub(crate) fn prose_analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(40))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(Stemmer::new(Language::English))
        .build()
}

/// As [`prose_analyzer`], without stemming: beginnings of words are found in it.
pub(crate) fn folding_analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(40))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// The terms of a text, in order, each with what it was made of, as far as that is known.
pub(crate) fn terms(analyzer: &mut TextAnalyzer, text: &str) -> Vec<(String, String)> {
    let mut terms = Vec::new();
    analyzer.token_stream(text).process(&mut |token| {
        let typed = text.get(token.offset_from..token.offset_to).filter(|typed| !typed.is_empty()).unwrap_or(&token.text);
        terms.push((token.text.clone(), typed.to_owned()));
    });
    terms
}

/// Letters and digits of a text, lowered and joined. A text without any stands for itself, so that `-` and `_` can be found.
pub(crate) fn joined(text: &str) -> String {
    let joined: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if joined.is_empty() { text.trim().to_owned() } else { joined }
}

/// Letters of a text after which [`borders`] are told.
pub(crate) const MOST_BORDERS: usize = 32;

/// After which letters and digits of a text others follow: bit n - 1 is set when a separator stands after n letters. With this and the joined
/// text one can tell `date-picker` from `datepicker`.
pub(crate) fn borders(text: &str) -> u64 {
    let (mut borders, mut letters) = (0, 0);
    for c in text.chars() {
        if c.is_alphanumeric() {
            letters += c.to_lowercase().count();
        } else if (1..=MOST_BORDERS).contains(&letters) {
            borders |= 1 << (letters - 1);
        }
    }
    borders
}

/// The terms of the beginnings of a joined name: each with its length before it, so that those of one length lie together.
pub(crate) fn starts(joined: &str) -> Vec<String> {
    let length = joined.chars().count();
    let every = (1..=EVERY_START).chain(LONGER_STARTS).filter(|&n| n <= length);
    // A name that ends between two lengths is a term itself.
    let whole = (length > EVERY_START && length < LONGEST_START && !LONGER_STARTS.contains(&length)).then_some(length);
    every.chain(whole).map(|n| start_term(n, joined.char_indices().nth(n).map_or(joined, |(end, _)| &joined[..end]))).collect()
}

fn start_term(length: usize, text: &str) -> String {
    let mut term = String::with_capacity(text.len() + 1);
    term.push(char::from(b'A' + length.min(LONGEST_START) as u8));
    term.push_str(text);
    term
}

/// How to find the names that begin with a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StartLookup {
    /// They have this term.
    Term(String),
    /// They have a term that begins with one of these.
    TermsFrom(Vec<String>),
    /// The text is longer than any beginning that is a term: look at the joined names themselves.
    Joined,
}

pub(crate) fn start_lookup(joined: &str) -> StartLookup {
    let length = joined.chars().count();
    if length <= EVERY_START {
        return StartLookup::Term(start_term(length, joined));
    }
    match LONGER_STARTS.into_iter().find(|&n| n >= length) {
        Some(upto) => StartLookup::TermsFrom((length..=upto).map(|n| start_term(n, joined)).collect()),
        None => StartLookup::Joined,
    }
}

/// The words of a name: parts between separators, and what camelCase and digits divide them into.
pub(crate) fn name_words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in name.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()) {
        words.push(part.to_lowercase());
        let pieces = split_part(part);
        if pieces.len() > 1 {
            words.extend(pieces.iter().filter(|piece| piece.chars().count() > 1).map(|piece| piece.to_lowercase()));
        }
    }
    words
}

/// Words that say nothing about a package, because it is on npm.
const GENERIC: [&str; 6] = ["javascript", "js", "node", "nodejs", "npm", "ts"];

/// Whether a word tells something about a package.
pub(crate) fn is_telling(word: &str) -> bool {
    !GENERIC.iter().any(|generic| word.eq_ignore_ascii_case(generic))
}

/// How many different words a name has, between separators, besides those that say nothing.
pub(crate) fn telling_words(name: &str) -> usize {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty() && is_telling(part));
    words.map(str::to_lowercase).collect::<HashSet<_>>().len()
}

/// How a long word is abbreviated by some: its first letter, how many letters follow, its last letter.
pub(crate) fn numeronym(word: &str) -> Option<String> {
    let is_long = word.len() >= 9 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    is_long.then(|| format!("{}{}{}", &word[..1], word.len() - 2, &word[word.len() - 1..]))
}

/// Words of questions and between others, which are not looked for while there are more telling ones.
const STOP_WORDS: [&str; 36] = [
    "a", "an", "and", "are", "as", "at", "best", "by", "can", "do", "does", "for", "from", "how", "i", "in", "is", "it", "me", "my",
    "need", "of", "on", "or", "should", "that", "the", "to", "use", "using", "want", "what", "which", "with", "without", "you",
];

pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.iter().any(|stop| word.eq_ignore_ascii_case(stop))
}

/// Divides at `aB`, `ABc` (before `B`) and between letters and digits.
pub(crate) fn split_part(part: &str) -> Vec<&str> {
    let chars: Vec<(usize, char)> = part.char_indices().collect();
    let mut pieces = Vec::new();
    let mut start = 0;
    for pair in 1..chars.len() {
        let (before, (at, here)) = (chars[pair - 1].1, chars[pair]);
        let next = chars.get(pair + 1).map(|(_, c)| *c);
        let border = (before.is_lowercase() && here.is_uppercase())
            || (before.is_uppercase() && here.is_uppercase() && next.is_some_and(char::is_lowercase))
            || (before.is_numeric() != here.is_numeric());
        if border {
            pieces.push(&part[start..at]);
            start = at;
        }
    }
    pieces.push(&part[start..]);
    pieces
}

/// [`name_words`] as tantivy asks for them.
#[derive(Clone, Default)]
struct NameTokenizer {
    token: Token,
}

struct NameTokens<'a> {
    words: std::vec::IntoIter<String>,
    token: &'a mut Token,
}

impl Tokenizer for NameTokenizer {
    type TokenStream<'a> = NameTokens<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> NameTokens<'a> {
        self.token.reset();
        NameTokens { words: name_words(text).into_iter(), token: &mut self.token }
    }
}

impl TokenStream for NameTokens<'_> {
    fn advance(&mut self) -> bool {
        match self.words.next() {
            Some(word) => {
                self.token.text = word;
                self.token.position = self.token.position.wrapping_add(1);
                true
            }
            None => false,
        }
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_of_names() {
        let check = |name: &str, expected: &[&str]| assert_eq!(name_words(name), expected, "{name}");
        check("date-picker", &["date", "picker"]);
        check("@types/node", &["types", "node"]);
        check("JSONStream", &["jsonstream", "json", "stream"]);
        check("vue3", &["vue3", "vue"]);
        check("base64url", &["base64url", "base", "64", "url"]);
        check("lodash.debounce", &["lodash", "debounce"]);
        check("camelCaseName", &["camelcasename", "camel", "case", "name"]);
        check("-", &[]);
        check("", &[]);
        assert_eq!(["node-fetch", "socket.io", "@types/node", "is-is", "-"].map(telling_words), [1, 2, 1, 1, 0]);
    }

    #[test]
    fn numeronyms() {
        let check = |word: &str, expected: Option<&str>| assert_eq!(numeronym(word).as_deref(), expected);
        check("internationalization", Some("i18n"));
        check("accessibility", Some("a11y"));
        check("kubernetes", Some("k8s"));
        check("date", None);
        check("überlänge-wörter", None);
    }

    #[test]
    fn borders_of_names() {
        assert_eq!(["datepicker", "ab-c", "a.b--c", "-a", "a-", "-"].map(borders), [0, 0b10, 0b11, 0, 1, 0]);
    }

    #[test]
    fn beginnings() {
        let check = |text: &str, expected: &[&str]| assert_eq!(starts(text), expected);
        check("vue", &["Bv", "Cvu", "Dvue"]);
        check("datepicker", &["Bd", "Cda", "Ddat", "Edate", "Fdatep", "Gdatepi", "Hdatepic", "Idatepick", "Kdatepicker"]);
        check("äöüabcdefgh", &["Bä", "Cäö", "Däöü", "Eäöüa", "Fäöüab", "Gäöüabc", "Häöüabcd", "Iäöüabcde", "Läöüabcdefgh"]);
        assert_eq!(start_lookup("vue"), StartLookup::Term("Dvue".to_owned()));
        assert_eq!(
            start_lookup("datepicke"),
            StartLookup::TermsFrom(vec!["Jdatepicke".to_owned(), "Kdatepicke".to_owned(), "Ldatepicke".to_owned()])
        );
        assert_eq!(start_lookup(&"x".repeat(21)), StartLookup::Joined);
    }

    proptest! {
        #[test]
        fn every_beginning_can_be_looked_up(name in "[a-zäß0-9]{1,30}", cut in 1_usize..=20) {
            let start: String = name.chars().take(cut).collect();
            let terms = starts(&name);
            let found = match start_lookup(&start) {
                StartLookup::Term(term) => terms.contains(&term),
                StartLookup::TermsFrom(begins) => begins.iter().any(|begin| terms.iter().any(|term| term.starts_with(begin))),
                StartLookup::Joined => true,
            };
            prop_assert!(found, "{start} in {terms:?}");
        }

        #[test]
        fn splitting_never_panics(text in "\\PC{0,40}") {
            name_words(&text);
            let joined = joined(&text);
            starts(&joined);
        }
    }
}
