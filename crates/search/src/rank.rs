//! Ranking: text match times popularity, with the very name first.
//!
//! Four ways lead to a package: its exact name; its name without separators (`datepicker`, `date picker`); the beginning of its name;
//! its words in name, keywords and description. When no name fits, names one or two typing mistakes away are tried. Every way reads
//! at most the first [`BUDGET`] documents, which are the most popular ones, so no query is expensive and no popular package is missed.
//!
//! A score is the product of [`Part`]s, which [`Wanted::explain`] asks for: `words` × `coverage` × `name` × `downloads`, and what takes away
//! from it or puts the very name first.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, HashSet};

use model::Bucket;
use tantivy::query::{DfaWrapper, FuzzyTermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, SegmentReader, Term};

use crate::explain::{self, Explained};
use crate::facets::{self, Facet};
use crate::filter::Set;
use crate::index::Segment;
use crate::listing::shows_unpublished;
use crate::query::{MAX_FROM_PLUS_SIZE, QueryError};
use crate::schema::Standing;
use crate::sets::{Union, take_all, visit};
use crate::tokens::StartLookup;
use crate::words::{Text, Words};
use crate::{Error, Index, Part, Query, Sort, tokens};

/// A segment with a smaller share of the documents than one in so many holds changes. Above it, the index is built anew.
const SMALL: u32 = 20;
/// Documents looked at for their words, unless deeper results are asked for.
const BUDGET: usize = 20_000;
/// Totals are exact up to here.
pub(crate) const EXACT_TOTAL: usize = 10_000;
/// The best hits that are looked at once more.
const CLOSER: usize = 100;
/// The best hits that are looked at for what they have in common.
const RELATED: usize = 100;
/// Packages taken by their joined name.
const JOINED: usize = 1_000;
/// Lengths of joined names that are looked up with typing mistakes.
const MISTYPED: std::ops::RangeInclusive<usize> = 4..=40;
/// The shortest text that may be the beginning of a name, mistyped.
const BEGUN: usize = 8;
/// Names that begin with a text that are looked at, to tell whether it is mistyped.
const LOOKED_AT: usize = 50;
/// Names tried in place of a mistyped one.
const CORRECTIONS: usize = 50;
/// A package of this bucket, a thousand downloads a month, is one that somebody typing the beginning of its name may mean.
pub(crate) const FAMILIAR: Bucket = Bucket(60);
/// A package of this bucket, ten thousand downloads a month, is what somebody typing its very name means.
const WELL_KNOWN: Bucket = Bucket(80);
/// A text of so many words that is a name but for its separators is that name.
const NAME_WORDS: usize = 4;
/// Buckets between two packages of which one has twenty times the downloads of the other.
const TWENTY_TIMES: u8 = 26;

/// What a match by name is worth, measured by a package in whose name all words are found.
const START: f32 = 0.8;
/// For what was typed like a name, with separators.
const START_LIKE_A_NAME: f32 = 3.0;
/// For packages of the scope that was typed.
const OF_SCOPE: f32 = 3.0;
const ONE_MISTAKE: f32 = 2.0;
const TWO_MISTAKES: f32 = 0.7;
const JOINED_NAME: f32 = 2.0;
/// How much more such a match counts when the separators agree too.
const SAME_SEPARATORS: f32 = 1.5;
/// What is added when words that follow each other in the text do so in a package.
const CLOSE: f32 = 0.5;
/// The power of the downloads' decimal magnitude.
const POPULARITY: i32 = 5;
/// What every power of ten of dependents adds to the popularity. Of packages known by name only none are known, so this is little.
const DEPENDENTS: f32 = 0.1;
/// What is left of the popularity of packages that nobody should choose, or that belong to another.
const DEPRECATED: f32 = 0.1;
const SECURITY_HOLDING: f32 = 0.001;
const TYPES: f32 = 0.1;
/// Packages of a scope are mostly pieces of something larger.
const SCOPED: f32 = 0.7;
/// How much a word of the name that was not asked for divides by, above 1: it names what the package is a plugin of, or what it does instead. The
/// second is for names with none of the words.
const FURTHER_WORD: f32 = 0.8;
const UNNAMED_WORD: f32 = 0.5;
/// How far what is put first stands above what follows.
const FIRST: f32 = 1.01;

/// What is asked for besides the query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The number of the first hit, from 0.
    pub from: usize,
    /// How many hits.
    pub size: usize,
    /// The parts of every hit's score.
    pub explain: bool,
    /// How many of all matches have what one may narrow the search down by.
    pub facets: bool,
    /// What else might be searched for.
    pub others: bool,
}

impl Wanted {
    /// The hits number `from` to `from + size`.
    #[must_use]
    pub fn page(from: usize, size: usize) -> Self {
        Self { from, size, ..Self::default() }
    }
}

/// One package found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The store's id.
    pub id: i64,
    /// Only orders the hits of one answer.
    pub score: f32,
    /// Its name is the very text.
    pub exact: bool,
    /// What the score is the product of, when that was asked for.
    pub parts: Option<Vec<Part>>,
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
    /// What the matches have in common, when that was asked for.
    pub facets: Option<Vec<Facet>>,
    /// The text without typing mistakes, when others were asked for and there are any.
    pub instead: Option<String>,
    /// Words that narrow the search down, when others were asked for; best first.
    pub related: Vec<String>,
}

/// How a candidate was found, besides its words.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Match {
    text: Text,
    /// Its name without separators is the text's.
    pub(crate) joined: bool,
    /// Its name without scope and separators is.
    pub(crate) bare: bool,
    /// That begins with the text's.
    pub(crate) start: bool,
    /// And has its separators in the same places.
    pub(crate) literal: bool,
    /// 1 or 2 typing mistakes.
    pub(crate) mistakes: u8,
    /// Its scope is the one that was asked for with `@`, and its name begins with what stood after it.
    pub(crate) of_scope: bool,
    pub(crate) exact: bool,
}

/// How the text was typed.
#[derive(Debug, Clone, Copy)]
struct Typed {
    /// About the text score of a package in whose name all words are found.
    weight: f32,
    /// Letters and digits.
    letters: usize,
    borders: u64,
    /// With separators and without spaces, like a name.
    like_a_name: bool,
    /// It ends with a separator, so something is to follow.
    open: bool,
    /// How many words it has.
    words: usize,
}

impl Typed {
    fn new(text: &str, joined: &str, weight: f32) -> Self {
        let separated = |c: char| !c.is_alphanumeric();
        Self {
            weight,
            letters: joined.chars().count(),
            borders: tokens::borders(text),
            like_a_name: text.contains(separated) && !text.contains(char::is_whitespace),
            open: text.ends_with(separated) && text.contains(char::is_alphanumeric),
            words: text.split(separated).filter(|word| !word.is_empty()).count(),
        }
    }

    /// Whether a name that begins with the letters of the text has its separators in the same places.
    fn begins(&self, borders: u64) -> bool {
        // The last letter of an unfinished text may be followed by anything.
        let compared = (self.letters + usize::from(self.open)).saturating_sub(1).min(tokens::MOST_BORDERS);
        (borders ^ self.borders) & ((1 << compared) - 1) == 0
    }
}

/// The candidates of one segment.
#[derive(Default)]
struct Candidates {
    /// Found by their name.
    by_name: BTreeMap<DocId, Match>,
    /// Their name begins with the text; in ascending order.
    by_start: Vec<DocId>,
    /// Found by their words, with the text score, in ascending order.
    by_words: Vec<(DocId, Text)>,
    /// One of them has all words.
    all_words: bool,
    /// There were more.
    cut: bool,
}

impl Candidates {
    /// All of them, in ascending order.
    fn documents(&self) -> Vec<DocId> {
        let by_words = self.by_words.iter().map(|(doc, _)| doc);
        let mut documents: Vec<DocId> = self.by_name.keys().chain(&self.by_start).chain(by_words).copied().collect();
        documents.sort_unstable();
        documents.dedup();
        documents
    }

    /// How a document was found by its name; its text score is left out.
    fn of(&self, doc: DocId) -> Match {
        let found = self.by_name.get(&doc).copied().unwrap_or_default();
        Match { start: self.by_start.binary_search(&doc).is_ok(), ..found }
    }
}

impl Match {
    /// With a look at the separators of a name.
    fn compared(self, segment: &Segment, doc: DocId, typed: &Typed) -> Self {
        let literal = if self.joined || self.mistakes > 0 {
            segment.borders(doc).count_ones() == typed.borders.count_ones()
        } else {
            self.start && typed.begins(segment.borders(doc))
        };
        Self { literal, ..self }
    }
}

/// A scored candidate.
#[derive(Debug, Clone, Copy)]
struct Scored {
    score: f32,
    segment: usize,
    doc: DocId,
    /// What its score was multiplied with because the words stand close together.
    close: f32,
    /// What its score was multiplied with to put it first.
    lift: f32,
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

impl Index {
    /// What is wanted of the hits of a query.
    pub fn search(&self, query: &Query, wanted: Wanted) -> Result<Result<Found, QueryError>, Error> {
        if wanted.from.saturating_add(wanted.size) > MAX_FROM_PLUS_SIZE {
            return Ok(Err(QueryError::TooDeep));
        }
        let found = if query.sort == Sort::Relevance { self.find(query, wanted) } else { self.listed(query, wanted) };
        found.map(Ok).map_err(|source| self.failed(source))
    }

    fn find(&self, query: &Query, wanted: Wanted) -> tantivy::Result<Found> {
        self.find_within(query, wanted, BUDGET)
    }

    /// What is found among so many documents.
    pub(crate) fn find_within(&self, query: &Query, wanted: Wanted, budget: usize) -> tantivy::Result<Found> {
        let Wanted { from, size, explain, facets, others } = wanted;
        let view = self.view();
        let segments = &view.segments;
        let words = Words::of(self, segments, &query.text)?;
        let joined = tokens::joined(&query.text);
        // Of the large segments the first are the most popular ones, so the later ones get what they leave of the budget. The small ones
        // hold what changed since, of any popularity.
        let mut budget = budget.max(from + size);
        let documents: u32 = segments.iter().map(|segment| segment.reader.max_doc()).sum();
        let mut candidates = Vec::with_capacity(segments.len());
        for segment in segments {
            let found = self.candidates(segment, query, &words, &joined, budget)?;
            if segment.reader.max_doc() >= documents / SMALL {
                budget = budget.saturating_sub(found.by_words.len());
            }
            candidates.push(found);
        }
        let corrected = !query.text.is_empty() && self.correct(segments, query, &joined, &mut candidates)?;
        let cut = candidates.iter().any(|found| found.cut);
        let typed = Typed::new(&query.text, &joined, words.weight());
        let seen = if others { RELATED } else { 0 };
        let (first, mut rest, total) = order(segments, &candidates, &typed, seen.max(from + size).max(CLOSER), shows_unpublished(query));
        self.look_closer(segments, &words, &mut rest)?;
        let places = put_first(first, rest);
        let (instead, related) = if others {
            let best = places.iter().take(RELATED).map(|place| (&segments[place.segment], place.doc));
            (self.instead(segments, query)?, self.related(segments, query, best)?)
        } else {
            (None, Vec::new())
        };
        let facets = if facets {
            let matches = segments.iter().zip(&candidates).map(|(segment, found)| (segment, found.documents()));
            Some(facets::count(matches.collect())?)
        } else {
            None
        };
        let hits = places
            .iter()
            .skip(from)
            .take(size)
            .map(|place| {
                let segment = &segments[place.segment];
                let found = candidates[place.segment].of(place.doc);
                let parts = if explain { Some(self.explain(segment, &words, &typed, place, found)?) } else { None };
                Ok(Hit { id: segment.id(place.doc), score: place.score, exact: found.exact, parts })
            })
            .collect::<tantivy::Result<_>>()?;
        let total = if cut || total > EXACT_TOTAL { Total::AtLeast(total as u64) } else { Total::Exactly(total as u64) };
        Ok(Found { hits, total, corrected, facets, instead, related })
    }

    /// The most popular packages whose names begin with the text of a query, or, failing these, are close to it.
    pub(crate) fn starting(&self, segments: &[Segment], query: &Query, most: usize, budget: usize) -> tantivy::Result<Vec<i64>> {
        let joined = tokens::joined(&query.text);
        let mut candidates = Vec::with_capacity(segments.len());
        for segment in segments {
            let mut found = Candidates::default();
            self.named_candidates(segment, query, &joined, budget, &mut found)?;
            candidates.push(found);
        }
        if candidates.iter().all(|found| found.by_name.is_empty() && found.by_start.is_empty()) {
            self.correct(segments, query, &joined, &mut candidates)?;
        }
        let typed = Typed::new(&query.text, &joined, 1.0);
        let (first, rest, _) = order(segments, &candidates, &typed, most, false);
        let places = put_first(first, rest);
        Ok(places.iter().take(most).map(|place| segments[place.segment].id(place.doc)).collect())
    }

    /// Looks at the best hits once more: whether the words stand close together in them.
    fn look_closer(&self, segments: &[Segment], words: &Words, places: &mut [Scored]) -> tantivy::Result<()> {
        let count = places.len().min(CLOSER);
        let best = &mut places[..count];
        best.sort_unstable_by_key(|place| (place.segment, place.doc));
        for places in best.chunk_by_mut(|one, other| one.segment == other.segment) {
            let documents: Vec<DocId> = places.iter().map(|place| place.doc).collect();
            let closeness = words.closeness(self, &segments[places[0].segment].reader, &documents)?;
            for (place, closeness) in places.iter_mut().zip(closeness) {
                place.close = 1.0 + CLOSE * closeness;
                place.score *= place.close;
            }
        }
        best.sort_unstable_by(Scored::order);
        Ok(())
    }

    fn explain(&self, segment: &Segment, words: &Words, typed: &Typed, place: &Scored, found: Match) -> tantivy::Result<Vec<Part>> {
        let standing = segment.standing(place.doc);
        let seen = words.look_at(self, &segment.reader, place.doc)?;
        let text: f32 = seen.iter().map(|word| word.score).sum();
        let coverage = words.coverage(seen.iter().filter(|word| word.score > 0.0).map(|word| word.weight).sum());
        let named = seen.iter().map(|word| u8::from(word.named)).sum();
        let found = Match { text: Text { score: text * coverage, named }, ..found }.compared(segment, place.doc, typed);
        let factors = Factors::of(found, standing, segment.dependents(place.doc), typed);
        Ok(explain::parts(&Explained { seen, text, coverage, found, standing, factors, close: place.close, lift: place.lift }))
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
        // The first of a segment is its most popular one. A name that has a separator where the text has none is not what was begun.
        let typed = Typed::new(&query.text, joined, 1.0);
        let starts = segments.iter().zip(candidates.iter()).filter_map(|(segment, found)| {
            let mut begun = found.by_start.iter().take(LOOKED_AT);
            let first = begun.find(|doc| typed.begins(segment.borders(**doc)))?;
            Some(segment.standing(*first).bucket())
        });
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
                visit(&segment.reader, &mut near, &mut self.filters(segment, query)?, JOINED, |doc| {
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
        // Nothing at all: perhaps the beginning of a name is mistyped.
        let nothing = candidates.iter().all(|found| found.by_name.is_empty() && found.by_start.is_empty() && found.by_words.is_empty());
        if length < BEGUN || !nothing {
            return Ok(false);
        }
        for (segment, found) in segments.iter().zip(candidates.iter_mut()) {
            let near = FuzzyTermQuery::new_prefix(Term::from_field_text(self.fields.joined, joined), 1, true).automaton()?;
            let mut near = self.near(&segment.reader, joined, near, true)?;
            visit(&segment.reader, &mut near, &mut self.filters(segment, query)?, JOINED, |doc| {
                found.by_name.entry(doc).or_default().mistakes = 2;
            });
        }
        Ok(candidates.iter().any(|found| !found.by_name.is_empty()))
    }

    fn candidates(&self, segment: &Segment, query: &Query, words: &Words, joined: &str, budget: usize) -> tantivy::Result<Candidates> {
        let mut found = Candidates::default();
        if query.text.is_empty() {
            found.cut = take_all(&segment.reader, self.filters(segment, query)?, budget, |doc| found.by_words.push((doc, Text::default())));
            return Ok(found);
        }
        self.named_candidates(segment, query, joined, budget / 2, &mut found)?;
        found.cut |= words.visit(self, &segment.reader, self.filters(segment, query)?, budget, |doc, text, all| {
            found.by_words.push((doc, text));
            found.all_words |= all;
        })?;
        Ok(found)
    }

    /// Documents found by their names, of those that begin with the text at most `budget`.
    fn named_candidates(
        &self,
        segment: &Segment,
        query: &Query,
        joined: &str,
        budget: usize,
        found: &mut Candidates,
    ) -> tantivy::Result<()> {
        let fields = &self.fields;
        for (field, text, mark) in [
            (fields.identity, query.text.as_str(), (|found| found.exact = true) as fn(&mut Match)),
            (fields.joined, joined, |found| found.joined = true),
            (fields.joined_bare, joined, |found| found.bare = true),
        ] {
            let mut named = Union::of_term(&segment.reader, field, text)?;
            visit(&segment.reader, &mut named, &mut self.filters(segment, query)?, JOINED, |doc| {
                mark(found.by_name.entry(doc).or_default());
            });
        }
        if let Some((scope, name)) = scoped(&query.text) {
            let mut of_scope = Union::of_term(&segment.reader, fields.scope, &scope.to_lowercase())?;
            let mut filters = self.filters(segment, query)?;
            if !name.is_empty() {
                filters.push(Set::Any(self.starting_with(&segment.reader, &tokens::joined(name))?));
            }
            visit(&segment.reader, &mut of_scope, &mut filters, JOINED, |doc| {
                found.by_name.entry(doc).or_default().of_scope = true;
            });
        }
        let mut starting = self.starting_with(&segment.reader, joined)?;
        found.cut |= visit(&segment.reader, &mut starting, &mut self.filters(segment, query)?, budget, |doc| found.by_start.push(doc));
        Ok(())
    }

    /// Packages whose joined bare name begins with a text.
    pub(crate) fn starting_with(&self, segment: &SegmentReader, joined: &str) -> tantivy::Result<Union> {
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
    pub(crate) fn mistyped(&self, segment: &SegmentReader, joined: &str, mistakes: u8) -> tantivy::Result<Union> {
        let automaton = FuzzyTermQuery::new(Term::from_field_text(self.fields.joined, joined), mistakes, true).automaton()?;
        self.near(segment, joined, automaton, mistakes > 1)
    }

    /// Packages whose joined name an automaton accepts.
    fn near(&self, segment: &SegmentReader, joined: &str, automaton: DfaWrapper, same_first: bool) -> tantivy::Result<Union> {
        let inverted = segment.inverted_index(self.fields.joined)?;
        let mut near = inverted.terms().search(automaton);
        if let (true, Some(first)) = (same_first, joined.bytes().next()) {
            // Of several mistakes hardly ever one is in the first letter, and without it most of the dictionary need not be looked at.
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

/// The scope, and what follows it, of a text that begins as a scoped name does.
fn scoped(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix('@').filter(|rest| !rest.contains(char::is_whitespace))?;
    Some(rest.split_once('/').unwrap_or((rest, ""))).filter(|(scope, _)| !scope.is_empty())
}

/// Scores all candidates. Gives those that stand first whatever their score is, the best of the others in order, together `wanted`, and how many
/// there are in all.
fn order(
    segments: &[Segment],
    candidates: &[Candidates],
    typed: &Typed,
    wanted: usize,
    unpublished: bool,
) -> (Vec<Scored>, Vec<Scored>, usize) {
    let mut scored =
        Vec::with_capacity(candidates.iter().map(|found| found.by_words.len() + found.by_start.len() + found.by_name.len()).sum());
    // The very name, and packages of the same bare name.
    let (mut exact, mut spelled, mut rivals) = (None, None, Vec::new());
    for (number, (segment, found)) in segments.iter().zip(candidates).enumerate() {
        let mut add = |doc: DocId, found: Match| {
            let standing = segment.standing(doc);
            if standing.is_unpublished() && !unpublished {
                return;
            }
            if found.exact {
                exact = Some(((number, doc), standing.bucket()));
            } else if found.joined && typed.words >= NAME_WORDS && typed.borders == segment.borders(doc) {
                spelled = spelled.max(Some((standing.bucket(), Reverse((number, doc)))));
            } else if (found.joined || found.bare) && !standing.is_types() {
                rivals.push((standing.bucket(), (number, doc)));
            }
            scored.push(Scored {
                score: Factors::of(found.compared(segment, doc, typed), standing, segment.dependents(doc), typed).product(),
                segment: number,
                doc,
                close: 1.0,
                lift: 1.0,
            });
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
    let spelled = spelled.map(|(bucket, Reverse(place))| (place, bucket));
    if let Some((place, bucket)) = exact.or(spelled) {
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
    (first, scored, total)
}

/// Puts some before the others. They get a score that says so.
fn put_first(mut first: Vec<Scored>, mut scored: Vec<Scored>) -> Vec<Scored> {
    let mut above = scored.first().map_or(0.0, |best| best.score);
    for one in first.iter_mut().rev() {
        if one.score <= above {
            one.lift = above * FIRST / one.score;
            one.score = above * FIRST;
        }
        above = one.score;
    }
    first.append(&mut scored);
    first
}

/// What stands beside the likeness of a package that was compared with another, whose name has these words: popularity, less than in a search,
/// and little of it for packages that nobody should choose. One with all the words of that name and more is an addition to it, not an
/// alternative.
pub(crate) fn alternative(standing: Standing, named: u8, name: &HashSet<String>) -> f32 {
    let is_addition = usize::from(named) >= name.len() && usize::from(standing.name_words()) > name.len();
    let when = |is: bool, factor: f32| if is { factor } else { 1.0 };
    (0.5 + standing.bucket().magnitude()).powi(2)
        * when(standing.is_deprecated(), DEPRECATED)
        * when(standing.is_security_holding(), SECURITY_HOLDING)
        * when(standing.is_types(), TYPES)
        * when(is_addition, DEPRECATED)
}

/// What a score is the product of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Factors {
    /// The match of the words, or, without words, 1.
    text: f32,
    /// What a match by name adds to that.
    pub(crate) name: f32,
    pub(crate) popularity: f32,
    pub(crate) deprecated: f32,
    pub(crate) security_holding: f32,
    /// Other packages depend on it.
    pub(crate) dependents: f32,
    /// Words of the name that were not asked for.
    pub(crate) further: f32,
    pub(crate) scoped: f32,
    pub(crate) types: f32,
}

impl Factors {
    /// Joined names, beginnings and corrections count as much as a full match of the words would.
    fn of(found: Match, standing: Standing, dependents: u64, typed: &Typed) -> Self {
        let mut best = found.text.score;
        // A text that ends with a separator is not the whole of a name.
        let joined = found.exact || found.joined && !typed.open;
        let begun = found.start && found.literal && typed.like_a_name;
        let literal = if found.literal { SAME_SEPARATORS } else { 1.0 };
        for (found, worth) in [
            (found.start, START),
            (begun, START_LIKE_A_NAME),
            (found.mistakes == 1, ONE_MISTAKE * literal),
            (found.mistakes == 2, TWO_MISTAKES * literal),
            (joined, JOINED_NAME * literal),
            (found.of_scope, OF_SCOPE),
        ] {
            if found {
                best = best.max(typed.weight * worth);
            }
        }
        // Nothing was asked for but a filter: popularity alone.
        let text = if found.text.score > 0.0 { found.text.score } else { 1.0 };
        // By its whole name one finds a package however long that is, and whatever scope it is in.
        let whole = joined || found.of_scope || found.mistakes > 0 || best == 0.0;
        let further = standing.name_words().saturating_sub(found.text.named.max(u8::from(found.start || found.bare)));
        let each = if found.text.named > 0 { FURTHER_WORD } else { UNNAMED_WORD };
        let when = |is: bool, factor: f32| if is { factor } else { 1.0 };
        Self {
            text,
            name: if best > 0.0 { best / text } else { 1.0 },
            popularity: (0.5 + standing.bucket().magnitude()).powi(POPULARITY),
            deprecated: when(standing.is_deprecated(), DEPRECATED),
            dependents: 1.0 + DEPENDENTS * (1.0 + dependents as f32).log10(),
            security_holding: when(standing.is_security_holding(), SECURITY_HOLDING),
            further: if whole || begun { 1.0 } else { 1.0 / (1.0 + each * f32::from(further)) },
            scoped: when(standing.is_scoped() && !whole, SCOPED),
            types: when(standing.is_types() && !whole, TYPES),
        }
    }

    fn product(self) -> f32 {
        let demoted = self.deprecated * self.security_holding * self.further * self.scoped * self.types;
        self.text * self.name * self.popularity * self.dependents * demoted
    }
}
