//! Which documents a query's filters leave.

use std::ops::Range;

use tantivy::columnar::Column;
use tantivy::postings::{Postings, SegmentPostings};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{DocId, DocSet, TERMINATED, Term};

use crate::index::Segment;
use crate::query::{Condition, Filter};
use crate::schema::{fact_term, license_term};
use crate::sets::Union;
use crate::{Index, Query, tokens};

/// Words looked at of a phrase.
const PHRASE: usize = 16;
/// Documents whose values are compared at a time.
const CHUNKS: Range<DocId> = 256..65_536;

/// A set of documents that are asked for in ascending order.
pub(crate) enum Set {
    /// Documents of any of several terms.
    Any(Union),
    /// Documents whose value is in one of several ranges.
    InRange(InRange),
    /// Documents in which terms stand side by side.
    Phrase(Phrase),
    /// Documents of any of these sets.
    Either(Vec<Set>),
    /// All others.
    Not(Box<Set>),
}

impl Set {
    /// `target` when it is in the set; else a later document, before which there is none.
    pub(crate) fn seek(&mut self, target: DocId) -> DocId {
        match self {
            Self::Any(union) => union.seek(target),
            Self::InRange(range) => range.seek(target),
            Self::Phrase(phrase) => phrase.seek(target),
            Self::Either(sets) => sets.iter_mut().map(|set| set.seek(target)).min().unwrap_or(TERMINATED),
            Self::Not(others) => target + DocId::from(others.seek(target) == target),
        }
    }

    /// About how many lists are looked into for one document.
    pub(crate) fn lists(&self) -> usize {
        match self {
            Self::Any(union) => union.sets.len(),
            Self::InRange(_) => 1,
            Self::Phrase(phrase) => phrase.words.len(),
            Self::Either(sets) => sets.iter().map(Self::lists).sum(),
            Self::Not(others) => others.lists(),
        }
    }
}

/// Values are read in stretches, the longer the rarer they are in range.
pub(crate) struct InRange {
    column: Column<u64>,
    /// In ascending order, apart from each other.
    ranges: Vec<(u64, u64)>,
    /// The documents in range of the stretch that ends at `read`.
    found: Vec<DocId>,
    at: usize,
    read: DocId,
    chunk: DocId,
}

impl InRange {
    fn new(column: &Column<u64>, ranges: Vec<(u64, u64)>) -> Self {
        Self { column: column.clone(), ranges, found: Vec::new(), at: 0, read: 0, chunk: CHUNKS.start }
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if target >= self.read {
            if self.column.first(target).is_some_and(|value| self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&value))) {
                return target;
            }
            let end = target.saturating_add(self.chunk).min(self.column.num_docs());
            if target >= end {
                return TERMINATED;
            }
            self.chunk = (self.chunk * 2).min(CHUNKS.end);
            (self.at, self.read) = (0, end);
            self.found.clear();
            let mut found = Vec::new();
            for (from, to) in &self.ranges {
                found.clear();
                self.column.get_docids_for_value_range(*from..=*to, target..end, &mut found);
                self.found.append(&mut found);
            }
            if self.ranges.len() > 1 {
                self.found.sort_unstable();
            }
        }
        while let Some(doc) = self.found.get(self.at) {
            if *doc >= target {
                return *doc;
            }
            self.at += 1;
        }
        self.read
    }
}

/// Words that stand side by side in one field.
pub(crate) struct Phrase {
    words: Vec<SegmentPostings>,
    /// Places of the first word at which all words looked at so far fit; and those of the next.
    fits: Vec<u32>,
    next: Vec<u32>,
}

impl Phrase {
    fn seek(&mut self, target: DocId) -> DocId {
        for word in &mut self.words {
            let doc = if word.doc() < target { word.seek(target) } else { word.doc() };
            if doc > target {
                return doc;
            }
        }
        let count = self.words.len() as u32;
        for (place, word) in (0..count).zip(&mut self.words) {
            word.positions_with_offset(count - place, &mut self.next);
            if place == 0 {
                std::mem::swap(&mut self.fits, &mut self.next);
            } else {
                let next = &self.next;
                self.fits.retain(|place| next.binary_search(place).is_ok());
            }
        }
        if self.fits.is_empty() { target + 1 } else { target }
    }
}

impl Index {
    /// Sets in all of which a document must be.
    pub(crate) fn filters(&self, segment: &Segment, query: &Query) -> tantivy::Result<Vec<Set>> {
        let mut sets = Vec::new();
        for filter in query.filters.iter().filter(|filter| range(filter).is_none()) {
            let set = self.terms(segment, &filter.condition)?;
            sets.push(if filter.excluded { Set::Not(Box::new(set)) } else { set });
        }
        sets.extend(in_ranges(segment, &query.filters));
        let fields = &self.fields;
        for phrase in query.phrases() {
            let fields = [fields.words, fields.keyword_words, fields.description, fields.readme];
            sets.extend(self.phrase(segment, &fields, phrase)?);
        }
        for text in &query.excluded {
            // A README names much that a package is not.
            let set = self.phrase(segment, &[fields.words, fields.keyword_words, fields.description], text)?;
            sets.extend(set.map(|set| Set::Not(Box::new(set))));
        }
        Ok(sets)
    }

    fn terms(&self, segment: &Segment, condition: &Condition) -> tantivy::Result<Set> {
        let fields = &self.fields;
        match condition {
            Condition::Scope(values) => any(segment, fields.scope, values.iter().map(String::as_str)),
            Condition::Keyword(values) => any(segment, fields.keyword, values.iter().map(String::as_str)),
            Condition::Maintainer(values) => any(segment, fields.maintainer, values.iter().map(String::as_str)),
            Condition::Owner(values) => any(segment, fields.owner, values.iter().map(String::as_str)),
            Condition::Depends(values) => any(segment, fields.depends, values.iter().map(String::as_str)),
            Condition::License(values) => {
                let terms: Vec<String> = values.iter().map(|value| license_term(value)).collect();
                any(segment, fields.license, terms.iter().map(String::as_str))
            }
            Condition::Fact(facts) => any(segment, fields.fact, facts.iter().map(|fact| fact_term(*fact))),
            Condition::Name(values) => {
                let mut sets = Vec::new();
                for value in values {
                    sets.extend(self.phrase(segment, &[fields.words], value)?);
                }
                Ok(Set::Either(sets))
            }
            Condition::Downloads(_) | Condition::Dependents(_) | Condition::Dependencies(_) | Condition::Updated(_) => {
                Ok(Set::Either(Vec::new()))
            }
        }
    }

    /// Documents that have a phrase in one of these fields; nothing when it has no words.
    fn phrase(&self, segment: &Segment, fields: &[Field], phrase: &str) -> tantivy::Result<Option<Set>> {
        let Some(mut analyzer) = self.inner.tokenizers().get("prose") else { return Ok(None) };
        let words = words(&mut analyzer, phrase);
        if words.is_empty() {
            return Ok(None);
        }
        let mut sets = Vec::new();
        for field in fields {
            if let [word] = words.as_slice() {
                sets.push(any(segment, *field, std::iter::once(word.as_str()))?);
                continue;
            }
            let inverted = segment.reader.inverted_index(*field)?;
            let mut found = Vec::new();
            for word in &words {
                let term = Term::from_field_text(*field, word);
                match inverted.read_postings(&term, IndexRecordOption::WithFreqsAndPositions)? {
                    Some(postings) => found.push(postings),
                    None => break,
                }
            }
            if found.len() == words.len() {
                sets.push(Set::Phrase(Phrase { words: found, fits: Vec::new(), next: Vec::new() }));
            }
        }
        Ok(Some(Set::Either(sets)))
    }
}

/// The first words of a phrase, as they are in the index.
fn words(analyzer: &mut TextAnalyzer, phrase: &str) -> Vec<String> {
    let mut words = Vec::new();
    analyzer.token_stream(phrase).process(&mut |token| words.push(token.text.clone()));
    words.truncate(PHRASE);
    words
}

fn any<'a>(segment: &Segment, field: Field, values: impl Iterator<Item = &'a str>) -> tantivy::Result<Set> {
    let mut union = Union::default();
    for value in values {
        union.sets.extend(Union::of_term(&segment.reader, field, value)?.sets);
    }
    Ok(Set::Any(union))
}

/// Which column of a segment.
type Of = fn(&Segment) -> &Column<u64>;

/// The column and the ranges of a filter that has any.
fn range(filter: &Filter) -> Option<(Of, Vec<(u64, u64)>)> {
    let seconds = |seconds: i64| seconds.max(0).cast_unsigned();
    Some(match &filter.condition {
        Condition::Downloads(ranges) => (|segment| &segment.downloads, ranges.iter().map(|range| (range.from, range.to)).collect()),
        Condition::Dependents(ranges) => (|segment| &segment.dependents, ranges.iter().map(|range| (range.from, range.to)).collect()),
        Condition::Dependencies(ranges) => (|segment| &segment.dependencies, ranges.iter().map(|range| (range.from, range.to)).collect()),
        Condition::Updated(times) => {
            // What was published in 1970 or before has no date.
            let ranges = times.iter().filter(|times| times.to >= 0).map(|times| (seconds(times.from), seconds(times.to)));
            (|segment| &segment.published, ranges.collect())
        }
        _ => return None,
    })
}

/// One set for all ranges of a column that must hold, and one for all that must not, so that a column is read twice at the most.
fn in_ranges(segment: &Segment, filters: &[Filter]) -> Vec<Set> {
    let mut sets = Vec::new();
    for qualifier in ["downloads", "dependents", "dependencies", "updated"] {
        let (mut wanted, mut unwanted, mut column): (Option<Vec<(u64, u64)>>, _, _) = (None, Vec::new(), None);
        for filter in filters.iter().filter(|filter| filter.condition.qualifier() == qualifier) {
            let Some((of, ranges)) = range(filter) else { continue };
            column = Some(of(segment));
            if filter.excluded {
                unwanted.extend(ranges);
            } else {
                let ranges = apart(ranges);
                wanted = Some(wanted.map_or_else(|| ranges.clone(), |before| common(&before, &ranges)));
            }
        }
        let Some(column) = column else { continue };
        sets.extend(wanted.map(|ranges| Set::InRange(InRange::new(column, ranges))));
        if !unwanted.is_empty() {
            sets.push(Set::Not(Box::new(Set::InRange(InRange::new(column, apart(unwanted))))));
        }
    }
    sets
}

/// The same ranges in ascending order, and apart from each other.
fn apart(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut apart: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match apart.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

/// What two lists of ranges have in common.
fn common(a: &[(u64, u64)], b: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a.0.max(b.0), a.1.min(b.1))));
    pairs.filter(|(from, to)| from <= to).collect()
}

/// The words of a text as sets, each of which has the documents with one of them; `completions` are words that the last one may be the
/// beginning of.
pub(crate) fn all_words(index: &Index, segment: &Segment, text: &str, completions: &[String]) -> tantivy::Result<Vec<Set>> {
    let Some(mut analyzer) = index.inner.tokenizers().get("prose") else { return Ok(Vec::new()) };
    let words = words(&mut analyzer, text);
    let fields = &index.fields;
    let mut sets = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let mut union = Union::default();
        for field in [fields.words, fields.keyword_words, fields.description, fields.readme] {
            union.sets.extend(Union::of_term(&segment.reader, field, word)?.sets);
        }
        if place + 1 == words.len() {
            for completion in completions {
                union.sets.extend(Union::of_term(&segment.reader, fields.words, completion)?.sets);
            }
        }
        sets.push(Set::Any(union));
    }
    // A text of signs alone can only be a name.
    if sets.is_empty() && !text.is_empty() {
        sets.push(Set::Any(Union::of_term(&segment.reader, fields.joined, &tokens::joined(text))?));
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_put_together() {
        assert_eq!(apart(vec![(5, 9), (1, 3), (4, 4), (11, 12), (8, 10)]), [(1, 12)]);
        assert_eq!(apart(vec![(5, 9), (1, 3)]), [(1, 3), (5, 9)]);
        assert_eq!(apart(vec![(0, u64::MAX), (7, 8)]), [(0, u64::MAX)]);
        assert_eq!(common(&[(0, 10), (20, 30)], &[(5, 25)]), [(5, 10), (20, 25)]);
        assert_eq!(common(&[(0, 10)], &[(11, 25)]), []);
    }
}
