//! The words of a query, looked up in names, keywords and descriptions: BM25.

use std::collections::HashMap;

use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::{Postings, SegmentPostings};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{DocId, DocSet, SegmentReader, TERMINATED, Term};

use crate::filter::Set;
use crate::index::Segment;
use crate::sets::{MAX_STEPS, Union, for_terms_starting_with, visit};
use crate::{Index, tokens};

/// Words tried in place of the last one, which may be unfinished.
const COMPLETIONS: usize = 10;
/// Terms looked at to find them.
const COMPLETION_TERMS: usize = 300;

/// BM25's saturation and length normalisation.
const K1: f32 = 1.2;
const B: f32 = 0.5;
/// Long descriptions mention much in passing.
const B_PROSE: f32 = 0.8;
/// What a word is worth that the last one may be the beginning of, and an abbreviation.
const COMPLETED: f32 = 0.5;
const ABBREVIATED: f32 = 0.7;
/// What a word is worth that is the name of a maintainer.
const BY_USER: f32 = 0.6;
/// What a word's matches in further fields add to that in its best field.
const OTHER_FIELDS: f32 = 0.2;

/// The field of the names, as people call it.
const NAME: &str = "name";

/// A term in one field, with the weight of a match there.
struct Cursor {
    /// The field, as people call it.
    field: &'static str,
    postings: SegmentPostings,
    norms: FieldNormReader,
    average_length: f32,
    b: f32,
    weight: f32,
}

/// One word of the query in one segment: its term in several fields, and terms that it may be the beginning of.
struct WordCursors {
    cursors: Vec<Cursor>,
    weight: f32,
    /// The word tells something about a package in whose name it is.
    telling: bool,
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
                let score = cursor.weight * frequency * (K1 + 1.0) / (frequency + K1 * (1.0 - cursor.b + cursor.b * length));
                best = best.max(score);
                sum += score;
            }
        }
        best + (sum - best) * OTHER_FIELDS
    }

    /// Whether this word is in the name of a document on which the cursors stand.
    fn is_in_name(&self, doc: DocId) -> bool {
        self.cursors.iter().any(|cursor| cursor.field == NAME && cursor.postings.doc() == doc)
    }
}

/// One word of the query.
pub(crate) struct Word {
    pub(crate) term: String,
    /// As it was typed.
    typed: String,
    /// Inverse document frequency.
    weight: f32,
    /// What the word may be the beginning of.
    completions: Vec<String>,
    /// How the word is abbreviated: `i18n`.
    numeronym: Option<String>,
    /// The word as a user's name.
    user: Option<String>,
}

/// How a document matches the words.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Text {
    /// BM25, weighted by how many of the words match.
    pub(crate) score: f32,
    /// How many of the words its name has; see [`tokens::telling_words`].
    pub(crate) named: u8,
}

/// A word in a document.
pub(crate) struct Seen {
    /// As it was typed.
    pub(crate) typed: String,
    /// Inverse document frequency.
    pub(crate) weight: f32,
    /// 0 when it is not there.
    pub(crate) score: f32,
    /// It tells something, and is in the name.
    pub(crate) named: bool,
    /// Where it is.
    pub(crate) fields: Vec<&'static str>,
}

/// The words of a query.
pub(crate) struct Words {
    pub(crate) words: Vec<Word>,
}

/// Fields in which words are looked up, and what a match there is worth.
pub(crate) fn searched(index: &Index) -> [(&'static str, Field, f32); 4] {
    let fields = &index.fields;
    [
        (NAME, fields.words, 1.0),
        ("keywords", fields.keyword_words, 1.0),
        ("description", fields.description, 1.1),
        // It names much that a package is not.
        ("README", fields.readme, 0.3),
    ]
}

/// In how many packages a term is: in that of the fields which has it most often.
pub(crate) fn frequency(index: &Index, segments: &[Segment], term: &str) -> tantivy::Result<u64> {
    let mut most = 0;
    for (_, field, _) in searched(index) {
        let term = Term::from_field_text(field, term);
        let mut packages = 0;
        for segment in segments {
            packages += u64::from(segment.reader.inverted_index(field)?.doc_freq(&term)?);
        }
        most = most.max(packages);
    }
    Ok(most)
}

/// Inverse document frequency.
fn rarity(count: u64, frequency: u64) -> f32 {
    (1.0 + (count as f32 - frequency as f32 + 0.5) / (frequency as f32 + 0.5)).ln()
}

impl Words {
    pub(crate) fn of(index: &Index, segments: &[Segment], text: &str) -> tantivy::Result<Self> {
        let in_names = |word: &str| {
            let mut analyzer = index.inner.tokenizers().get("name")?;
            tokens::terms(&mut analyzer, word).into_iter().next().map(|(term, _)| term)
        };
        let analysed = |analyzer: Option<TextAnalyzer>| analyzer.map(|mut analyzer| tokens::terms(&mut analyzer, text)).unwrap_or_default();
        let mut terms: Vec<(String, String)> = Vec::new();
        for (term, typed) in
            analysed(index.inner.tokenizers().get("prose")).into_iter().chain(analysed(index.inner.tokenizers().get("name")))
        {
            if !terms.iter().any(|(known, _)| *known == term) && terms.len() < 16 {
                terms.push((term, typed));
            }
        }
        let telling = |(_, typed): &(String, String)| !tokens::is_stop_word(typed);
        if terms.iter().any(telling) {
            terms.retain(telling);
        }
        // What camelCase divides is an alternative way to write a word, not a further word.
        let spaced = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty() && !tokens::is_stop_word(part)).count();
        terms.truncate(spaced.clamp(1, 16));
        let unfinished = text.chars().next_back().is_some_and(char::is_alphanumeric);
        let count: u64 = segments.iter().map(|segment| u64::from(segment.reader.max_doc())).sum();
        let last = terms.len().saturating_sub(1);
        let words = terms
            .into_iter()
            .enumerate()
            .map(|(place, (term, typed))| {
                let completions = if unfinished && place == last { completions(index, segments, &term)? } else { Vec::new() };
                let weight = rarity(count, frequency(index, segments, &term)?);
                let numeronym = tokens::numeronym(&typed.to_lowercase()).and_then(|short| in_names(&short));
                let user = Some(typed.to_lowercase());
                Ok(Word { term, typed, weight, completions, numeronym, user })
            })
            .collect::<tantivy::Result<_>>()?;
        Ok(Self { words })
    }

    /// Terms with a factor on what each is worth, of which those are looked for that weigh most. Terms of one package alone tell nothing.
    pub(crate) fn weighted(index: &Index, segments: &[Segment], terms: HashMap<String, f32>, most: usize) -> tantivy::Result<Self> {
        let count: u64 = segments.iter().map(|segment| u64::from(segment.reader.max_doc())).sum();
        let mut words = Vec::new();
        for (term, factor) in terms {
            let frequency = frequency(index, segments, &term)?;
            if frequency > 1 {
                words.push(Word {
                    typed: term.clone(),
                    term,
                    weight: factor * rarity(count, frequency),
                    completions: Vec::new(),
                    numeronym: None,
                    user: None,
                });
            }
        }
        words.sort_unstable_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.term.cmp(&b.term)));
        words.truncate(most);
        Ok(Self { words })
    }

    /// What is left of a text score when words of this weight are found: a power of their share.
    pub(crate) fn coverage(&self, found: f32) -> f32 {
        let whole: f32 = self.words.iter().map(|word| word.weight).sum();
        let share = if whole > 0.0 { found / whole } else { 1.0 };
        share * share.sqrt()
    }

    /// How every word is found in one document.
    pub(crate) fn look_at(&self, index: &Index, segment: &SegmentReader, doc: DocId) -> tantivy::Result<Vec<Seen>> {
        let mut cursors = self.cursors(index, segment)?;
        let seen = self.words.iter().zip(&mut cursors).map(|(word, cursors)| {
            let found = cursors.seek(doc) == doc;
            let mut fields: Vec<&'static str> = Vec::new();
            for cursor in cursors.cursors.iter().filter(|cursor| found && cursor.postings.doc() == doc) {
                if !fields.contains(&cursor.field) {
                    fields.push(cursor.field);
                }
            }
            Seen {
                typed: word.typed.clone(),
                weight: word.weight,
                score: if found { cursors.score(doc) } else { 0.0 },
                named: found && cursors.telling && cursors.is_in_name(doc),
                fields,
            }
        });
        Ok(seen.collect())
    }

    /// What a document scores, about, in whose name all words are found.
    pub(crate) fn weight(&self) -> f32 {
        self.words.iter().map(|word| word.weight).sum::<f32>().max(1.0) * (K1 + 1.0) / 1.5
    }

    fn cursors(&self, index: &Index, segment: &SegmentReader) -> tantivy::Result<Vec<WordCursors>> {
        self.words
            .iter()
            .map(|word| {
                let mut cursors = Vec::new();
                for (name, field, worth) in searched(index) {
                    let inverted = segment.inverted_index(field)?;
                    let average_length = (inverted.total_num_tokens() as f32 / segment.max_doc().max(1) as f32).max(1.0);
                    let completions = word.completions.iter().filter(|_| field == index.fields.words).map(|term| (term, COMPLETED));
                    let terms = std::iter::once((&word.term, 1.0))
                        .chain(word.numeronym.as_ref().map(|term| (term, ABBREVIATED)))
                        .chain(completions);
                    for (term, factor) in terms {
                        if let Some(postings) = inverted.read_postings(&Term::from_field_text(field, term), IndexRecordOption::WithFreqs)? {
                            let norms = segment.get_fieldnorms_reader(field)?;
                            let is_prose = field == index.fields.description || field == index.fields.readme;
                            let b = if is_prose { B_PROSE } else { B };
                            cursors.push(Cursor { field: name, postings, norms, average_length, b, weight: word.weight * worth * factor });
                        }
                    }
                }
                if let Some(user) = &word.user {
                    let field = index.fields.maintainer;
                    let user = Term::from_field_text(field, user);
                    if let Some(postings) = segment.inverted_index(field)?.read_postings(&user, IndexRecordOption::Basic)? {
                        let norms = FieldNormReader::constant(segment.max_doc(), 1);
                        let weight = word.weight * BY_USER;
                        cursors.push(Cursor { field: "maintainers", postings, norms, average_length: 1.0, b: B, weight });
                    }
                }
                let at = cursors.iter().map(|cursor| cursor.postings.doc()).min().unwrap_or(TERMINATED);
                Ok(WordCursors { cursors, weight: word.weight, telling: tokens::is_telling(&word.term), at })
            })
            .collect()
    }

    /// The most popular documents of each of the words, so many of each, with their scores.
    pub(crate) fn visit_each(
        &self,
        index: &Index,
        segment: &SegmentReader,
        most: usize,
        mut each: impl FnMut(DocId, Text),
    ) -> tantivy::Result<()> {
        let mut documents = Vec::new();
        for word in &self.words {
            let mut union = Union::default();
            for (_, field, _) in searched(index) {
                union.sets.extend(Union::of_term(segment, field, &word.term)?.sets);
            }
            visit(segment, &mut union, &mut [], most, |doc| documents.push(doc));
        }
        documents.sort_unstable();
        documents.dedup();
        let mut words = self.cursors(index, segment)?;
        for doc in documents {
            words.iter_mut().for_each(|word| {
                word.seek(doc);
            });
            each(doc, self.text(&words, doc));
        }
        Ok(())
    }

    /// How a document matches on which the cursors stand, or after which.
    fn text(&self, words: &[WordCursors], doc: DocId) -> Text {
        let (mut score, mut covered, mut named) = (0.0, 0.0, 0);
        for word in words.iter().filter(|word| word.at == doc) {
            score += word.score(doc);
            covered += word.weight;
            named += u8::from(word.telling && word.is_in_name(doc));
        }
        Text { score: score * self.coverage(covered), named }
    }

    /// The most popular documents that have any of the words, then further ones that have all of them. A score falls with the weight of the
    /// words that are missing. Returns whether there were more than were looked at.
    pub(crate) fn visit(
        &self,
        index: &Index,
        segment: &SegmentReader,
        mut filters: Vec<Set>,
        budget: usize,
        mut each: impl FnMut(DocId, Text, bool),
    ) -> tantivy::Result<bool> {
        let mut words = self.cursors(index, segment)?;
        if words.is_empty() {
            return Ok(false);
        }
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
                let all = words.iter().all(|word| word.at == doc);
                each(doc, self.text(&words, doc), all);
                taken += 1;
            }
            doc += 1;
        }
        Ok(true)
    }
}

/// What the last word of a text may be the beginning of, when it may be unfinished.
pub(crate) fn completions_of_last(index: &Index, segments: &[Segment], text: &str) -> tantivy::Result<Vec<String>> {
    if !text.chars().next_back().is_some_and(char::is_alphanumeric) {
        return Ok(Vec::new());
    }
    let terms = index.inner.tokenizers().get("prose").map(|mut analyzer| tokens::terms(&mut analyzer, text)).unwrap_or_default();
    terms.last().map_or(Ok(Vec::new()), |(term, _)| completions(index, segments, term))
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
