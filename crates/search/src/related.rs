//! What else might be searched for: the text without typing mistakes, words that narrow it down, and packages like another.

use std::collections::{HashMap, HashSet};

use tantivy::DocId;

use crate::index::Segment;
use crate::rank::{FAMILIAR, alternative};
use crate::sets::visit;
use crate::words::{Words, frequency};
use crate::{Error, Index, Query, tokens};

/// Lengths of words that are looked up with typing mistakes, and how many words of a text are.
const MISTYPED: std::ops::RangeInclusive<usize> = 4..=24;
const LOOKED_UP: usize = 3;
/// A word in so many names or descriptions is no typing mistake.
const KNOWN: u64 = 20;
/// Names that are close to a word, of which the one is taken that is most used.
const NEAR: usize = 50;
/// Hits that must share a word, and how many such words are given.
const SHARED: usize = 3;
const RELATED: usize = 6;
/// Terms by which packages are compared, and documents that are looked at of each.
const TERMS: usize = 6;
const LIKE: usize = 100;

/// A package that others are compared with.
#[derive(Debug, Clone, Copy)]
pub struct Like<'a> {
    /// The store's id.
    pub id: i64,
    /// Its name.
    pub name: &'a str,
    /// Its description.
    pub description: Option<&'a str>,
    /// Its keywords.
    pub keywords: &'a [String],
}

impl Index {
    /// The text of a query with words in the place of typing mistakes; `None` when there are none that can be told.
    pub(crate) fn instead(&self, segments: &[Segment], query: &Query) -> tantivy::Result<Option<String>> {
        let Some(mut analyzer) = self.inner.tokenizers().get("prose") else { return Ok(None) };
        let (mut looked_up, mut mistaken) = (0, false);
        let mut words: Vec<String> = Vec::new();
        for word in query.text.split_whitespace() {
            let lowered = word.to_lowercase();
            words.push(word.to_owned());
            let is_word = word.bytes().all(|byte| byte.is_ascii_alphabetic()) && MISTYPED.contains(&word.len());
            if !is_word || looked_up == LOOKED_UP {
                continue;
            }
            let mut frequency_of =
                |word: &str| tokens::terms(&mut analyzer, word).first().map_or(Ok(0), |(term, _)| frequency(self, segments, term));
            let known = frequency_of(&lowered)?;
            if known >= KNOWN {
                continue;
            }
            looked_up += 1;
            // Of the names that are close to it, the one that most packages have as a word.
            let mut best: Option<(u64, String)> = None;
            for segment in segments {
                let mut near = self.mistyped(&segment.reader, &lowered, 1)?;
                let mut names = Vec::new();
                visit(&segment.reader, &mut near, &mut [], NEAR, |doc| {
                    if segment.standing(doc).bucket() >= FAMILIAR {
                        names.push(segment.name(doc));
                    }
                });
                for name in names {
                    let name = name?;
                    // Names have separators, which words have not.
                    if name.bytes().all(|byte| byte.is_ascii_lowercase()) && name != lowered {
                        best = best.max(Some((frequency_of(&name)?, name)));
                    }
                }
            }
            if let Some((frequency, correction)) = best
                && frequency >= KNOWN * known.max(1)
            {
                words.pop();
                words.push(correction);
                mistaken = true;
            }
        }
        Ok(mistaken.then(|| words.join(" ")))
    }

    /// Words that several of the best hits have in their names or keywords, and other packages less often.
    pub(crate) fn related<'a>(
        &self,
        segments: &[Segment],
        query: &Query,
        best: impl Iterator<Item = (&'a Segment, DocId)>,
    ) -> tantivy::Result<Vec<String>> {
        let Some(mut analyzer) = self.inner.tokenizers().get("prose") else { return Ok(Vec::new()) };
        let mut term = |word: &str| tokens::terms(&mut analyzer, word).into_iter().map(|(term, _)| term).collect::<Vec<_>>().join(" ");
        let mut taken: HashSet<String> = query.text.split(|c: char| !c.is_alphanumeric()).map(&mut term).collect();
        if query.text.is_empty() {
            return Ok(Vec::new());
        }
        let mut shared: HashMap<String, usize> = HashMap::new();
        for (segment, doc) in best {
            let mut words: HashSet<String> = tokens::name_words(&segment.name(doc)?).into_iter().collect();
            if let Some(column) = &segment.keywords {
                for ordinal in column.term_ords(doc).take(20) {
                    let mut keyword = String::new();
                    if column.ord_to_str(ordinal, &mut keyword)? {
                        words.insert(keyword);
                    }
                }
            }
            for word in words.into_iter().filter(|word| word.chars().count() > 2 && tokens::is_telling(word) && !tokens::is_stop_word(word))
            {
                *shared.entry(word).or_default() += 1;
            }
        }
        let all: u64 = segments.iter().map(|segment| u64::from(segment.reader.max_doc())).sum();
        let mut words = Vec::new();
        for (word, count) in shared.into_iter().filter(|(_, count)| *count >= SHARED) {
            let stem = term(&word);
            let frequency = frequency(self, segments, &stem)?.max(count as u64);
            words.push((count as f64 * (all as f64 / frequency as f64).ln(), word, stem));
        }
        words.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        // Once a word is taken, neither its plural nor itself in several words is.
        words.retain(|(_, _, stem)| {
            let is_new = stem.split(' ').any(|stem| !taken.contains(stem));
            taken.extend(stem.split(' ').map(str::to_owned));
            is_new
        });
        Ok(words.into_iter().take(RELATED).map(|(_, word, _)| word).collect())
    }

    /// Ids of packages like another, by the most telling words of its name, keywords and description; best first.
    pub fn similar(&self, like: Like<'_>, size: usize) -> Result<Vec<i64>, Error> {
        self.like(like, size).map_err(|source| self.failed(source))
    }

    fn like(&self, like: Like<'_>, size: usize) -> tantivy::Result<Vec<i64>> {
        let (Some(mut prose), Some(mut names)) = (self.inner.tokenizers().get("prose"), self.inner.tokenizers().get("name")) else {
            return Ok(Vec::new());
        };
        let view = self.view();
        let segments = &view.segments;
        let bare = like.name.strip_prefix('@').and_then(|rest| rest.split_once('/')).map_or(like.name, |(_, bare)| bare);
        let mut weights: HashMap<String, f32> = HashMap::new();
        let mut add = |terms: Vec<(String, String)>, weight: f32| {
            for (term, typed) in terms {
                if tokens::is_telling(&typed) && !tokens::is_stop_word(&typed) && typed.chars().count() > 1 {
                    let known = weights.entry(term).or_default();
                    *known = known.max(weight) + known.min(weight) / 2.0;
                }
            }
        };
        add(tokens::terms(&mut names, bare), 1.0);
        for keyword in like.keywords.iter().take(12) {
            add(tokens::terms(&mut prose, keyword), 0.9);
        }
        if let Some(description) = like.description {
            let mut terms = tokens::terms(&mut prose, description);
            terms.truncate(30);
            add(terms, 0.5);
        }
        let name: HashSet<String> = tokens::terms(&mut names, bare).into_iter().map(|(term, _)| term).collect();
        let words = Words::weighted(self, segments, weights, TERMS)?;
        let mut found: Vec<(f32, i64)> = Vec::new();
        for segment in segments {
            words.visit_each(self, &segment.reader, LIKE, |doc, text| {
                let (id, standing) = (segment.id(doc), segment.standing(doc));
                if id != like.id && !standing.is_unpublished() && text.score > 0.0 {
                    found.push((text.score * alternative(standing, text.named, &name), id));
                }
            })?;
        }
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        found.truncate(size);
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }
}
