//! Ranking: text match times popularity, with the very name first.
//!
//! Four ways lead to a package: its exact name; its name without separators (`datepicker`, `date picker`); the beginning of its name;
//! its words in name, keywords and description. When no name fits, names one or two typing mistakes away are tried. Every way reads
//! at most the first [`BUDGET`] documents, which are the most popular ones, so no query is expensive and no popular package is missed.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, HashMap};

use model::Bucket;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::{Postings, SegmentPostings, TermInfo};
use tantivy::query::FuzzyTermQuery;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{DocId, DocSet, SegmentReader, TERMINATED, Term};

use crate::index::Segment;
use crate::query::{MAX_FROM_PLUS_SIZE, QueryError};
use crate::schema::Standing;
use crate::tokens::StartLookup;
use crate::{Error, Filter, Index, Query, tokens};

/// A segment with a smaller share of the documents than one in so many holds changes. Above it, the index is built anew.
const SMALL: u32 = 20;
/// Documents looked at for their words, unless deeper results are asked for.
const BUDGET: usize = 20_000;
/// Totals are exact up to here.
const EXACT_TOTAL: usize = 10_000;
/// Steps of a pass that finds few matches in many documents.
const MAX_STEPS: usize = 50_000;
/// Packages taken by their joined name.
const JOINED: usize = 1_000;
/// Words tried in place of the last one, which may be unfinished.
const COMPLETIONS: usize = 10;
/// Terms looked at to find them.
const COMPLETION_TERMS: usize = 300;
/// Terms taken of those that begin with a text.
const MAX_TERMS: usize = 2_000;
/// Lengths of joined names that are looked up with typing mistakes.
const MISTYPED: std::ops::RangeInclusive<usize> = 4..=40;
/// Names tried in place of a mistyped one.
const CORRECTIONS: usize = 50;
/// A package of this bucket, a thousand downloads a month, is one that somebody typing the beginning of its name may mean.
const FAMILIAR: Bucket = Bucket(60);
/// A package of this bucket, ten thousand downloads a month, is what somebody typing its very name means.
const WELL_KNOWN: Bucket = Bucket(80);
/// Buckets between two packages of which one has twenty times the downloads of the other.
const TWENTY_TIMES: u8 = 26;

/// BM25's saturation and length normalisation.
const K1: f32 = 1.2;
const B: f32 = 0.5;
/// What a word's matches in further fields add to that in its best field.
const OTHER_FIELDS: f32 = 0.2;
/// What a match by name is worth, measured by a package in whose name all words are found.
const START: f32 = 1.2;
const BARE: f32 = 0.7;
const ONE_MISTAKE: f32 = 2.0;
const TWO_MISTAKES: f32 = 0.7;
const JOINED_NAME: f32 = 4.0;
/// The power of the downloads' decimal magnitude.
const POPULARITY: i32 = 5;
/// What is left of the popularity of packages that nobody should choose, or that belong to another.
const DEPRECATED: f32 = 0.1;
const SECURITY_HOLDING: f32 = 0.001;
const TYPES: f32 = 0.3;

/// One package found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The store's id.
    pub id: i64,
    /// Only orders the hits of one answer.
    pub score: f32,
    /// Its name is the very text.
    pub exact: bool,
}

/// How many packages match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// This many.
    Exactly(u64),
    /// This many or more.
    AtLeast(u64),
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The hits asked for, best first.
    pub hits: Vec<Hit>,
    /// How many packages match in all.
    pub total: Total,
    /// No name fitted, so names a typing mistake away were tried.
    pub corrected: bool,
}

/// How a candidate was found, besides its words.
#[derive(Debug, Clone, Copy, Default)]
struct Match {
    /// BM25 over the words, weighted by how many of them match.
    text: f32,
    /// Its name without separators is the text's.
    joined: bool,
    /// Its name without scope and separators is.
    bare: bool,
    /// That begins with the text's.
    start: bool,
    /// 1 or 2 typing mistakes.
    mistakes: u8,
    exact: bool,
}

/// The candidates of one segment.
#[derive(Default)]
struct Candidates {
    /// Found by their name.
    by_name: BTreeMap<DocId, Match>,
    /// Their name begins with the text; in ascending order.
    by_start: Vec<DocId>,
    /// Found by their words, with the text score, in ascending order.
    by_words: Vec<(DocId, f32)>,
    /// One of them has all words.
    all_words: bool,
    /// There were more.
    cut: bool,
}

/// A scored candidate.
#[derive(Debug, Clone, Copy)]
struct Scored {
    score: f32,
    segment: usize,
    doc: DocId,
}

impl Scored {
    /// Best first; of equals, the more popular first.
    fn order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then((self.segment, self.doc).cmp(&(other.segment, other.doc)))
    }

    fn is_at(&self, place: (usize, DocId)) -> bool {
        (self.segment, self.doc) == place
    }
}

/// The first living document of a set.
pub(crate) fn alive(segment: &SegmentReader, set: &mut impl DocSet) -> Option<DocId> {
    let mut doc = set.doc();
    while doc != TERMINATED {
        if !segment.is_deleted(doc) {
            return Some(doc);
        }
        doc = set.advance();
    }
    None
}

impl Index {
    /// The hits number `from` to `from + size` of a query.
    pub fn search(&self, query: &Query, from: usize, size: usize) -> Result<Result<Found, QueryError>, Error> {
        if from.saturating_add(size) > MAX_FROM_PLUS_SIZE {
            return Ok(Err(QueryError::TooDeep));
        }
        self.find(query, from, size).map(Ok).map_err(|source| self.failed(source))
    }

    fn find(&self, query: &Query, from: usize, size: usize) -> tantivy::Result<Found> {
        let view = self.view();
        let segments = &view.segments;
        let words = Words::of(self, segments, &query.text)?;
        let joined = tokens::joined(&query.text);
        // Of the large segments the first are the most popular ones, so the later ones get what they leave of the budget. The small ones
        // hold what changed since, of any popularity.
        let mut budget = BUDGET.max(from + size);
        let documents: u32 = segments.iter().map(|segment| segment.reader.max_doc()).sum();
        let mut candidates = Vec::with_capacity(segments.len());
        for segment in segments {
            let found = self.candidates(&segment.reader, query, &words, &joined, budget)?;
            if segment.reader.max_doc() >= documents / SMALL {
                budget = budget.saturating_sub(found.by_words.len());
            }
            candidates.push(found);
        }
        let corrected = !query.text.is_empty() && self.correct(segments, query, &joined, &mut candidates)?;
        let cut = candidates.iter().any(|found| found.cut);
        let (places, total) = order(segments, &candidates, words.weight(), from + size);
        let hits = places
            .iter()
            .skip(from)
            .take(size)
            .map(|place| Hit {
                id: segments[place.segment].id(place.doc),
                score: place.score,
                exact: candidates[place.segment].by_name.get(&place.doc).is_some_and(|found| found.exact),
            })
            .collect();
        let total = if cut || total > EXACT_TOTAL { Total::AtLeast(total as u64) } else { Total::Exactly(total as u64) };
        Ok(Found { hits, total, corrected })
    }

    /// When no name is the text's, and no familiar one begins with it, adds names one typing mistake away; when nothing else fits either, two.
    /// Returns whether there were any. A name that is the text's but little known may be a mistake too: then names with twenty times its
    /// downloads are added.
    fn correct(&self, segments: &[Segment], query: &Query, joined: &str, candidates: &mut [Candidates]) -> tantivy::Result<bool> {
        let length = joined.len();
        // Names are ASCII, and the automaton grows with the length and the variety of the text.
        if !joined.is_ascii() || !MISTYPED.contains(&length) {
            return Ok(false);
        }
        let best = |how: fn(&Match) -> bool| {
            let buckets = segments.iter().zip(candidates.iter()).flat_map(|(segment, found)| {
                found.by_name.iter().filter(move |(_, found)| how(found)).map(|(doc, _)| segment.standing(*doc).bucket())
            });
            buckets.max()
        };
        let named = best(|found| found.exact || found.joined);
        // The first of a segment is its most popular one.
        let starts =
            segments.iter().zip(candidates.iter()).filter_map(|(segment, found)| Some(segment.standing(*found.by_start.first()?).bucket()));
        let started = starts.chain(best(|found| found.bare)).max();
        let (floor, most) = match named {
            Some(bucket) if bucket >= WELL_KNOWN => return Ok(false),
            Some(bucket) => (Bucket(bucket.0.saturating_add(TWENTY_TIMES)), 1),
            None if started.is_some_and(|bucket| bucket >= FAMILIAR) => return Ok(false),
            None => {
                let little_else = started.is_none() && !candidates.iter().any(|found| found.all_words);
                (Bucket(0), if length >= 8 && little_else { 2 } else { 1 })
            }
        };
        for mistakes in 1..=most {
            let mut corrected = false;
            for (segment, found) in segments.iter().zip(candidates.iter_mut()) {
                let mut near = self.mistyped(&segment.reader, joined, mistakes)?;
                visit(&segment.reader, &mut near, &mut self.filters(&segment.reader, query)?, JOINED, |doc| {
                    if segment.standing(doc).bucket() >= floor {
                        found.by_name.entry(doc).or_default().mistakes = mistakes;
                        corrected = true;
                    }
                });
            }
            if corrected {
                return Ok(named.is_none());
            }
        }
        Ok(false)
    }

    fn filters(&self, segment: &SegmentReader, query: &Query) -> tantivy::Result<Vec<Union>> {
        query.filters.iter().map(|filter| self.filter(segment, filter)).collect()
    }

    fn candidates(
        &self,
        segment: &SegmentReader,
        query: &Query,
        words: &Words,
        joined: &str,
        budget: usize,
    ) -> tantivy::Result<Candidates> {
        let mut found = Candidates::default();
        if query.text.is_empty() {
            found.cut = take_all(segment, self.filters(segment, query)?, budget, |doc| found.by_words.push((doc, 0.0)));
            return Ok(found);
        }
        let fields = &self.fields;
        for (field, text, mark) in [
            (fields.identity, query.text.as_str(), (|found| found.exact = true) as fn(&mut Match)),
            (fields.joined, joined, |found| found.joined = true),
            (fields.joined_bare, joined, |found| found.bare = true),
        ] {
            let mut named = Union::of_term(segment, field, text)?;
            visit(segment, &mut named, &mut self.filters(segment, query)?, JOINED, |doc| mark(found.by_name.entry(doc).or_default()));
        }
        let mut starting = self.starting_with(segment, joined)?;
        found.cut |= visit(segment, &mut starting, &mut self.filters(segment, query)?, budget / 2, |doc| found.by_start.push(doc));
        found.cut |= words.visit(self, segment, self.filters(segment, query)?, budget, |doc, score, all| {
            found.by_words.push((doc, score));
            found.all_words |= all;
        })?;
        Ok(found)
    }

    fn filter(&self, segment: &SegmentReader, filter: &Filter) -> tantivy::Result<Union> {
        let (field, values) = match filter {
            Filter::Scope(values) => (self.fields.scope, values),
            Filter::Keyword(values) => (self.fields.keyword, values),
            Filter::Maintainer(values) => (self.fields.maintainer, values),
            Filter::Owner(values) => (self.fields.owner, values),
        };
        let mut union = Union::default();
        for value in values {
            union.sets.extend(Union::of_term(segment, field, value)?.sets);
        }
        Ok(union)
    }

    /// Packages whose joined bare name begins with a text.
    fn starting_with(&self, segment: &SegmentReader, joined: &str) -> tantivy::Result<Union> {
        match tokens::start_lookup(joined) {
            StartLookup::Term(term) => Union::of_term(segment, self.fields.start, &term),
            StartLookup::TermsFrom(begins) => {
                let mut union = Union::default();
                for begin in begins {
                    union.sets.extend(Union::of_range(segment, self.fields.start, &begin)?.sets);
                }
                Ok(union)
            }
            StartLookup::Joined => Union::of_range(segment, self.fields.joined, joined),
        }
    }

    /// Packages whose joined name is this many typing mistakes away, or fewer; `joined` is ASCII.
    fn mistyped(&self, segment: &SegmentReader, joined: &str, mistakes: u8) -> tantivy::Result<Union> {
        let inverted = segment.inverted_index(self.fields.joined)?;
        let automaton = FuzzyTermQuery::new(Term::from_field_text(self.fields.joined, joined), mistakes, true).automaton()?;
        let mut near = inverted.terms().search(automaton);
        if let (2, Some(first)) = (mistakes, joined.bytes().next()) {
            // Of two mistakes hardly ever one is in the first letter, and without it most of the dictionary need not be looked at.
            near = near.ge([first]).lt([first + 1]);
        }
        let mut stream = near.into_stream()?;
        let mut union = Union::default();
        while stream.advance() && union.sets.len() < CORRECTIONS {
            union.sets.push(inverted.read_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)?);
        }
        Ok(union)
    }
}

/// Scores all candidates and gives the first `wanted` of them in order, and how many there are in all. `weight` is about the text score
/// of a package in whose name all words are found.
fn order(segments: &[Segment], candidates: &[Candidates], weight: f32, wanted: usize) -> (Vec<Scored>, usize) {
    let mut scored =
        Vec::with_capacity(candidates.iter().map(|found| found.by_words.len() + found.by_start.len() + found.by_name.len()).sum());
    // The very name, and packages of the same bare name.
    let (mut exact, mut rivals) = (None, Vec::new());
    for (number, (segment, found)) in segments.iter().zip(candidates).enumerate() {
        let mut add = |doc: DocId, found: Match| {
            let standing = segment.standing(doc);
            if standing.is_unpublished() {
                return;
            }
            if found.exact {
                exact = Some(((number, doc), standing.bucket()));
            } else if (found.joined || found.bare) && !standing.is_types() {
                rivals.push((standing.bucket(), (number, doc)));
            }
            scored.push(Scored { score: score(found, standing, weight), segment: number, doc });
        };
        // All lists ascend. Most documents are found by their words alone, so the others are put together first.
        let mut others: Vec<(DocId, Match)> = found.by_start.iter().map(|doc| (*doc, Match { start: true, ..Match::default() })).collect();
        for (doc, named) in &found.by_name {
            match others.binary_search_by_key(doc, |(doc, _)| *doc) {
                Ok(place) => others[place].1 = Match { start: true, ..*named },
                Err(place) => others.insert(place, (*doc, *named)),
            }
        }
        let mut others = others.into_iter().peekable();
        for (doc, text) in &found.by_words {
            while let Some((earlier, found)) = others.next_if(|(other, _)| other < doc) {
                add(earlier, found);
            }
            match others.next_if(|(other, _)| other == doc) {
                Some((_, found)) => add(*doc, Match { text: *text, ..found }),
                None => add(*doc, Match { text: *text, ..Match::default() }),
            }
        }
        others.for_each(|(doc, found)| add(doc, found));
    }
    let total = scored.len();
    // The very name comes first, or second to a package of the same bare name with twenty times its downloads.
    let mut first = Vec::new();
    if let Some((place, bucket)) = exact {
        let rival = rivals.into_iter().filter(|(rival, _)| rival.0 >= bucket.0.saturating_add(TWENTY_TIMES));
        let rival = rival.max_by_key(|(bucket, place)| (*bucket, Reverse(*place))).map(|(_, place)| place);
        for place in rival.into_iter().chain([place]) {
            if let Some(at) = scored.iter().position(|one| one.is_at(place)) {
                first.push(scored.swap_remove(at));
            }
        }
    }
    let rest = wanted.saturating_sub(first.len());
    if rest < scored.len() {
        scored.select_nth_unstable_by(rest, Scored::order);
        scored.truncate(rest);
    }
    scored.sort_unstable_by(Scored::order);
    first.append(&mut scored);
    (first, total)
}

/// Text match times popularity. Joined names, beginnings and corrections count as much as a full match of the words would.
fn score(found: Match, standing: Standing, weight: f32) -> f32 {
    let mut text = found.text;
    for (found, worth) in [
        (found.start, START),
        (found.bare, BARE),
        (found.mistakes == 1, ONE_MISTAKE),
        (found.mistakes == 2, TWO_MISTAKES),
        (found.joined || found.exact, JOINED_NAME),
    ] {
        if found {
            text = text.max(weight * worth);
        }
    }
    // Nothing was asked for but a filter: popularity alone.
    let text = if text == 0.0 { 1.0 } else { text };
    let mut popularity = (0.5 + standing.bucket().magnitude()).powi(POPULARITY);
    if standing.is_deprecated() {
        popularity *= DEPRECATED;
    }
    if standing.is_security_holding() {
        popularity *= SECURITY_HOLDING;
    }
    if standing.is_types() && !found.exact {
        popularity *= TYPES;
    }
    text * popularity
}

/// All living documents that pass the filters, most popular first. Returns whether there were more.
fn take_all(segment: &SegmentReader, mut filters: Vec<Union>, budget: usize, mut each: impl FnMut(DocId)) -> bool {
    if let Some(mut lead) = filters.pop() {
        return visit(segment, &mut lead, &mut filters, budget, each);
    }
    let mut living = (0..segment.max_doc()).filter(|doc| !segment.is_deleted(*doc));
    living.by_ref().take(budget).for_each(&mut each);
    living.next().is_some()
}

/// Visits the living documents of `lead` that are in all `filters`, at most `most`. Returns whether there were more.
fn visit(segment: &SegmentReader, lead: &mut Union, filters: &mut [Union], most: usize, mut each: impl FnMut(DocId)) -> bool {
    let mut taken = 0;
    let mut steps = 0;
    let mut doc = lead.doc();
    while doc != TERMINATED {
        steps += 1;
        if taken == most || steps > MAX_STEPS.max(3 * most) {
            return true;
        }
        match filters.iter_mut().map(|filter| filter.seek(doc)).max() {
            Some(later) if later > doc => {
                doc = lead.seek(later);
                continue;
            }
            _ => {}
        }
        if !segment.is_deleted(doc) {
            each(doc);
            taken += 1;
        }
        doc = lead.advance();
    }
    false
}

/// Documents of any of several terms.
#[derive(Default)]
struct Union {
    sets: Vec<SegmentPostings>,
}

impl Union {
    fn of_term(segment: &SegmentReader, field: Field, text: &str) -> tantivy::Result<Self> {
        let postings = segment.inverted_index(field)?.read_postings(&Term::from_field_text(field, text), IndexRecordOption::Basic)?;
        Ok(Self { sets: postings.into_iter().collect() })
    }

    /// All terms that begin with a text, as far as [`MAX_TERMS`].
    fn of_range(segment: &SegmentReader, field: Field, start: &str) -> tantivy::Result<Self> {
        let inverted = segment.inverted_index(field)?;
        let mut sets = Vec::new();
        for_terms_starting_with(segment, field, start, MAX_TERMS, |_, info| {
            sets.push(inverted.read_postings_from_terminfo(info, IndexRecordOption::Basic)?);
            Ok(())
        })?;
        Ok(Self { sets })
    }

    fn doc(&self) -> DocId {
        self.sets.iter().map(DocSet::doc).min().unwrap_or(TERMINATED)
    }

    fn seek(&mut self, target: DocId) -> DocId {
        let mut first = TERMINATED;
        for set in &mut self.sets {
            let doc = if set.doc() < target { set.seek(target) } else { set.doc() };
            first = first.min(doc);
        }
        first
    }

    fn advance(&mut self) -> DocId {
        let doc = self.doc();
        if doc == TERMINATED { doc } else { self.seek(doc + 1) }
    }
}

fn for_terms_starting_with(
    segment: &SegmentReader,
    field: Field,
    start: &str,
    most: usize,
    mut each: impl FnMut(&[u8], &TermInfo) -> tantivy::Result<()>,
) -> tantivy::Result<()> {
    let inverted = segment.inverted_index(field)?;
    let mut stream = inverted.terms().range().ge(start.as_bytes()).into_stream()?;
    for _ in 0..most {
        if !stream.advance() || !stream.key().starts_with(start.as_bytes()) {
            break;
        }
        each(stream.key(), stream.value())?;
    }
    Ok(())
}

/// A term in one field, with the weight of a match there.
struct Cursor {
    postings: SegmentPostings,
    norms: FieldNormReader,
    average_length: f32,
    weight: f32,
}

/// One word of the query in one segment: its term in several fields, and terms that it may be the beginning of.
struct WordCursors {
    cursors: Vec<Cursor>,
    weight: f32,
    /// The document on which the foremost cursors stand.
    at: DocId,
}

impl WordCursors {
    fn seek(&mut self, target: DocId) -> DocId {
        if self.at >= target {
            return self.at;
        }
        let mut first = TERMINATED;
        for cursor in &mut self.cursors {
            let doc = if cursor.postings.doc() < target { cursor.postings.seek(target) } else { cursor.postings.doc() };
            first = first.min(doc);
        }
        self.at = first;
        first
    }

    /// BM25 of this word in a document on which the cursors stand: the best field counts whole, the others a part.
    fn score(&self, doc: DocId) -> f32 {
        let (mut best, mut sum) = (0.0_f32, 0.0);
        for cursor in &self.cursors {
            if cursor.postings.doc() == doc {
                let frequency = cursor.postings.term_freq() as f32;
                let length = cursor.norms.fieldnorm(doc) as f32 / cursor.average_length;
                let score = cursor.weight * frequency * (K1 + 1.0) / (frequency + K1 * (1.0 - B + B * length));
                best = best.max(score);
                sum += score;
            }
        }
        best + (sum - best) * OTHER_FIELDS
    }
}

/// One word of the query.
struct Word {
    term: String,
    /// Inverse document frequency.
    weight: f32,
    /// What the word may be the beginning of, with a factor on the weight.
    completions: Vec<String>,
}

/// The words of a query.
struct Words {
    words: Vec<Word>,
}

/// Fields in which words are looked up, and what a match there is worth.
fn searched(index: &Index) -> [(Field, f32); 3] {
    [(index.fields.words, 1.0), (index.fields.keyword_words, 1.0), (index.fields.description, 1.1)]
}

impl Words {
    fn of(index: &Index, segments: &[Segment], text: &str) -> tantivy::Result<Self> {
        let analysed = |analyzer: Option<TextAnalyzer>| analyzer.map(|mut analyzer| tokens::terms(&mut analyzer, text)).unwrap_or_default();
        let mut terms: Vec<String> = Vec::new();
        for term in analysed(index.inner.tokenizers().get("prose")).into_iter().chain(analysed(index.inner.tokenizers().get("name"))) {
            if !terms.contains(&term) && terms.len() < 16 {
                terms.push(term);
            }
        }
        // What camelCase divides is an alternative way to write a word, not a further word.
        let spaced = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).count();
        terms.truncate(spaced.clamp(1, 16));
        let unfinished = text.chars().next_back().is_some_and(char::is_alphanumeric);
        let count: u64 = segments.iter().map(|segment| u64::from(segment.reader.max_doc())).sum();
        let last = terms.len().saturating_sub(1);
        let words = terms
            .into_iter()
            .enumerate()
            .map(|(place, term)| {
                let mut frequency = 0;
                for (field, _) in searched(index) {
                    let mut in_field = 0;
                    for segment in segments {
                        in_field += u64::from(segment.reader.inverted_index(field)?.doc_freq(&Term::from_field_text(field, &term))?);
                    }
                    frequency = frequency.max(in_field);
                }
                let completions = if unfinished && place == last { completions(index, segments, &term)? } else { Vec::new() };
                let weight = (1.0 + (count as f32 - frequency as f32 + 0.5) / (frequency as f32 + 0.5)).ln();
                Ok(Word { term, weight, completions })
            })
            .collect::<tantivy::Result<_>>()?;
        Ok(Self { words })
    }

    /// What a document scores, about, in whose name all words are found.
    fn weight(&self) -> f32 {
        self.words.iter().map(|word| word.weight).sum::<f32>().max(1.0) * (K1 + 1.0) / 1.5
    }

    fn cursors(&self, index: &Index, segment: &SegmentReader) -> tantivy::Result<Vec<WordCursors>> {
        self.words
            .iter()
            .map(|word| {
                let mut cursors = Vec::new();
                for (field, worth) in searched(index) {
                    let inverted = segment.inverted_index(field)?;
                    let average_length = (inverted.total_num_tokens() as f32 / segment.max_doc().max(1) as f32).max(1.0);
                    let terms = std::iter::once((word.term.as_str(), 1.0)).chain(word.completions.iter().map(|term| (term.as_str(), 0.5)));
                    for (term, factor) in terms {
                        if factor < 1.0 && field != index.fields.words {
                            continue;
                        }
                        if let Some(postings) = inverted.read_postings(&Term::from_field_text(field, term), IndexRecordOption::WithFreqs)? {
                            let norms = segment.get_fieldnorms_reader(field)?;
                            cursors.push(Cursor { postings, norms, average_length, weight: word.weight * worth * factor });
                        }
                    }
                }
                let at = cursors.iter().map(|cursor| cursor.postings.doc()).min().unwrap_or(TERMINATED);
                Ok(WordCursors { cursors, weight: word.weight, at })
            })
            .collect()
    }

    /// The most popular documents that have any of the words, then further ones that have all of them. A score falls with the weight of the
    /// words that are missing. Returns whether there were more than were looked at.
    fn visit(
        &self,
        index: &Index,
        segment: &SegmentReader,
        mut filters: Vec<Union>,
        budget: usize,
        mut each: impl FnMut(DocId, f32, bool),
    ) -> tantivy::Result<bool> {
        let mut words = self.cursors(index, segment)?;
        if words.is_empty() {
            return Ok(false);
        }
        let whole: f32 = words.iter().map(|word| word.weight).sum();
        let (mut taken, mut doc) = (0, 0);
        // Deep pages need a step or two for every document.
        for _ in 0..MAX_STEPS.max(3 * budget) {
            // The first half of the budget goes to documents that have any word.
            let any = taken < budget / 2;
            let reached = words.iter_mut().map(|word| word.seek(doc));
            let next = if any { reached.min() } else { reached.max() };
            let next = filters.iter_mut().map(|filter| filter.seek(doc)).chain(next).max().unwrap_or(TERMINATED);
            if next == TERMINATED {
                // With several words, further documents may have some of them.
                return Ok(!any && words.len() > 1);
            }
            if next > doc {
                doc = next;
                continue;
            }
            if taken == budget {
                return Ok(true);
            }
            if !segment.is_deleted(doc) {
                let (mut text, mut covered) = (0.0, 0.0);
                for word in words.iter().filter(|word| word.at == doc) {
                    text += word.score(doc);
                    covered += word.weight;
                }
                let coverage = covered / whole;
                each(doc, text * coverage * coverage, coverage > 0.999);
                taken += 1;
            }
            doc += 1;
        }
        Ok(true)
    }
}

/// The most frequent words of names that begin with a term.
fn completions(index: &Index, segments: &[Segment], term: &str) -> tantivy::Result<Vec<String>> {
    if term.chars().count() < 2 {
        return Ok(Vec::new());
    }
    let mut frequencies: HashMap<String, u32> = HashMap::new();
    for segment in segments {
        for_terms_starting_with(&segment.reader, index.fields.words, term, COMPLETION_TERMS, |key, info| {
            if let Ok(key) = std::str::from_utf8(key)
                && key != term
            {
                *frequencies.entry(key.to_owned()).or_default() += info.doc_freq;
            }
            Ok(())
        })?;
    }
    let mut found: Vec<(String, u32)> = frequencies.into_iter().collect();
    found.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found.truncate(COMPLETIONS);
    Ok(found.into_iter().map(|(term, _)| term).collect())
}
