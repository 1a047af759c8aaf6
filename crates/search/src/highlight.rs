//! Where a query's words stand in a text.
//!
//! Texts are cut into words, folded and stemmed as the index does it, so what is marked is what was found. The answer is only places in the
//! plain text: whoever shows it escapes the pieces one by one and puts marks between them.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use tantivy::tokenizer::TextAnalyzer;

use crate::{Query, tokens};

/// Bytes of a text that are looked at; the rest stays unmarked.
const LONGEST: usize = 8 << 10;
/// Words of a query that are looked for.
const WORDS: usize = 16;

/// Finds the words of one query in texts.
pub struct Highlighter {
    /// Words, lowered.
    words: Vec<String>,
    /// Words as the index knows them, and neighbours written as one.
    terms: HashSet<String>,
    /// The last word while it may be unfinished, folded.
    beginning: Option<String>,
    /// Letters and digits of the whole text.
    joined: String,
    /// Keywords that were filtered by, lowered.
    keywords: HashSet<String>,
    stemmed: TextAnalyzer,
    folded: TextAnalyzer,
    named: TextAnalyzer,
}

impl fmt::Debug for Highlighter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Highlighter").field("words", &self.words).finish_non_exhaustive()
    }
}

impl Highlighter {
    /// For the words and keywords of a query.
    #[must_use]
    pub fn new(query: &Query) -> Self {
        let (mut stemmed, mut folded, mut named) = (tokens::prose_analyzer(), tokens::folding_analyzer(), tokens::name_analyzer());
        let mut wanted: HashSet<String> = HashSet::new();
        let words: Vec<&str> = query.text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(WORDS).collect();
        for word in &words {
            wanted.extend(terms(&mut stemmed, word));
            wanted.extend(terms(&mut named, word).into_iter().next());
        }
        for pair in words.windows(2) {
            wanted.extend(terms(&mut stemmed, &pair.concat()));
        }
        let unfinished = query.text.chars().next_back().is_some_and(char::is_alphanumeric);
        let last = words.last().filter(|word| unfinished && word.chars().nth(1).is_some());
        let beginning = last.and_then(|word| terms(&mut folded, word).pop());
        let joined = if words.is_empty() { String::new() } else { tokens::joined(&query.text) };
        let keywords = query.keywords().map(str::to_owned).collect();
        let words = words.into_iter().map(str::to_lowercase).collect();
        Self { words, terms: wanted, beginning, joined, keywords, stemmed, folded, named }
    }

    /// The places in a description.
    pub fn in_text(&mut self, text: &str) -> Vec<Range<usize>> {
        let text = cut(text);
        let mut spans = Vec::new();
        let mut plain = self.folded.token_stream(text);
        let mut stemmed = self.stemmed.token_stream(text);
        // Both cut the same words.
        while plain.advance() && stemmed.advance() {
            let begins = self.beginning.as_ref().is_some_and(|beginning| plain.token().text.starts_with(beginning.as_str()));
            if begins || self.terms.contains(&stemmed.token().text) {
                spans.push(plain.token().offset_from..plain.token().offset_to);
            }
        }
        tidy(text, spans)
    }

    /// The places in a keyword: all of it when it was filtered by.
    pub fn in_keyword(&mut self, keyword: &str) -> Vec<Range<usize>> {
        if self.keywords.contains(&keyword.to_lowercase()) {
            return tidy(keyword, std::iter::once(0..keyword.len()).collect());
        }
        self.in_text(keyword)
    }

    /// The places in a package's name: its words, several of them that are one word of the query, and where the whole text stands with
    /// other separators or none.
    pub fn in_name(&mut self, name: &str) -> Vec<Range<usize>> {
        let name = cut(name);
        let mut spans = Vec::new();
        let words = words_of(name);
        for place in &words {
            let word = &name[place.clone()];
            let lowered = word.to_lowercase();
            let begins = self.beginning.as_ref().is_some_and(|beginning| lowered.starts_with(beginning.as_str()));
            if begins || terms(&mut self.named, word).first().is_some_and(|term| self.terms.contains(term)) {
                spans.push(place.clone());
            }
        }
        let ends: HashSet<usize> = words.iter().map(|place| place.end).collect();
        for start in words.iter().map(|place| place.start) {
            let end = |text: &str| Some(start + written(&name[start..], text)?);
            spans.extend(end(&self.joined).map(|end| start..end));
            spans.extend(self.words.iter().filter_map(|word| end(word).filter(|end| ends.contains(end))).map(|end| start..end));
        }
        tidy(name, spans)
    }
}

fn terms(analyzer: &mut TextAnalyzer, text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    analyzer.token_stream(text).process(&mut |token| terms.push(token.text.clone()));
    terms
}

/// Where the letters and digits of `text` end, if `name` begins with them, whatever separators stand between.
fn written(name: &str, text: &str) -> Option<usize> {
    let mut rest = text.chars().peekable();
    rest.peek()?;
    for (at, c) in name.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
        if !c.to_lowercase().all(|c| rest.next_if_eq(&c).is_some()) {
            return None;
        }
        if rest.peek().is_none() {
            return Some(at + c.len_utf8());
        }
    }
    None
}

/// The places of a name's words: what stands between separators, and what that divides into.
fn words_of(name: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 0;
    for part in name.split(|c: char| !c.is_alphanumeric()) {
        places.extend((!part.is_empty()).then_some(at..at + part.len()));
        let pieces = tokens::split_part(part);
        let mut from = at;
        for piece in pieces.iter().filter(|_| pieces.len() > 1) {
            places.push(from..from + piece.len());
            from += piece.len();
        }
        at += part.len();
        // The separator may have several bytes.
        at += name[at..].chars().next().map_or(0, char::len_utf8);
    }
    places
}

/// A text as pieces that are marked or not, in order; together they are the text. Spans that do not fit the text are passed over.
pub fn pieces(text: &str, spans: impl IntoIterator<Item = Range<usize>>) -> Vec<(bool, &str)> {
    let mut pieces = Vec::new();
    let mut done = 0;
    for span in spans {
        let (Some(before), Some(marked)) = (text.get(done..span.start), text.get(span.clone())) else { continue };
        pieces.extend([(false, before), (true, marked)].into_iter().filter(|(_, piece)| !piece.is_empty()));
        done = span.end;
    }
    pieces.extend(text.get(done..).filter(|rest| !rest.is_empty()).map(|rest| (false, rest)));
    pieces
}

/// The beginning of a text that is too long.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

/// In order, none empty, and those that touch or overlap put together.
fn tidy(text: &str, mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.retain(|span| text.get(span.clone()).is_some_and(|marked| !marked.is_empty()));
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    let mut tidied: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match tidied.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => tidied.push(span),
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn highlighter(typed: &str) -> Highlighter {
        Highlighter::new(&Query::parse(typed, 0).expect("short enough"))
    }

    /// The text with marks in square brackets.
    fn show(text: &str, spans: Vec<Range<usize>>) -> String {
        pieces(text, spans).into_iter().map(|(is_match, piece)| if is_match { format!("[{piece}]") } else { piece.to_owned() }).collect()
    }

    #[test]
    fn names() {
        let check = |typed: &str, name: &str, expected: &str| assert_eq!(show(name, highlighter(typed).in_name(name)), expected, "{typed}");
        check("date picker", "react-date-picker", "react-[date-picker]");
        check("date picker", "datepicker", "[datepicker]");
        check("date picker", "@mui/x-date-pickers", "@mui/x-[date-pickers]");
        check("picker of dates", "react-date-picker", "react-[date]-[picker]");
        check("datepicker", "react-date-picker", "react-[date-picker]");
        check("react na", "react-native", "[react-native]");
        check("reactna", "react-native", "[react-na]tive");
        check("jsonstream", "JSONStream", "[JSONStream]");
        check("stream of json", "JSONStream", "[JSONStream]");
        check("json files", "JSONStream", "[JSON]Stream");
        check("@types/node", "@types/node", "@[types/node]");
        check("base64 codec", "base64url", "[base64]url");
        check("datepicker vue", "vue-date-picker", "[vue]-[date-picker]");
        check("datepick vue", "vue-date-picker", "[vue]-date-picker");
        check("v", "vue", "[v]ue");
        check("act", "react", "react");
        check("-", "-", "-");
        check("", "react", "react");
    }

    #[test]
    fn texts() {
        let check = |typed: &str, text: &str, expected: &str| assert_eq!(show(text, highlighter(typed).in_text(text)), expected, "{typed}");
        check("date picker", "Pick dates with the DatePicker!", "Pick [dates] with the [DatePicker]!");
        check("café menu", "Cafe – a CAFÉ's menus.", "[Cafe] – a [CAFÉ]'s [menus].");
        check("pars", "A parser that parses", "A [parser] that [parses]");
        check("b", "b and big", "[b] and big");
        check("script", "<script>alert(1)</script>", "<[script]>alert(1)</[script]>");
        let long = "word ".repeat(10_000);
        let spans = highlighter("word").in_text(&long);
        assert!(spans.len() > 1_000 && spans.iter().all(|span| span.end <= LONGEST));
    }

    #[test]
    fn keywords() {
        let check = |typed: &str, keyword: &str, expected: &str| {
            assert_eq!(show(keyword, highlighter(typed).in_keyword(keyword)), expected, "{typed}");
        };
        check("keywords:Gulp,css", "gulp", "[gulp]");
        check("keywords:gulp", "gulpplugin", "gulpplugin");
        check("plugin", "gulp plugin", "gulp [plugin]");
    }

    proptest! {
        #[test]
        fn spans_are_in_order_and_lie_on_borders(typed in "\\PC{0,30}", text in "\\PC{0,80}") {
            let mut highlighter = highlighter(&typed);
            for spans in [highlighter.in_name(&text), highlighter.in_text(&text), highlighter.in_keyword(&text)] {
                let mut end = None;
                for span in &spans {
                    prop_assert!(span.start < span.end && text.get(span.clone()).is_some(), "{span:?} in {text:?}");
                    prop_assert!(end.is_none_or(|end| end < span.start), "{spans:?}");
                    end = Some(span.end);
                }
                let pieces = pieces(&text, spans.clone());
                prop_assert_eq!(pieces.iter().map(|(_, piece)| *piece).collect::<String>(), text.clone());
                prop_assert_eq!(pieces.iter().filter(|(is_match, _)| *is_match).count(), spans.len());
            }
        }

        #[test]
        fn what_is_asked_for_by_its_name_is_marked_whole(name in "[a-zA-Z][a-zA-Z0-9]{0,8}([-._][a-zA-Z0-9]{1,8}){0,3}") {
            let spans = highlighter(&name).in_name(&name);
            prop_assert_eq!(spans, vec![0..name.len()]);
        }

        #[test]
        fn any_spans_give_the_text_again(text in "\\PC{0,20}", spans in proptest::collection::vec((0_usize..30, 0_usize..30), 0..5)) {
            let joined: String = pieces(&text, spans.into_iter().map(|(start, end)| start..end)).into_iter().map(|(_, piece)| piece).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
