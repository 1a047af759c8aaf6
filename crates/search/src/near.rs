//! How close together the words of a query stand in the best hits.

use tantivy::postings::{Postings, SegmentPostings};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet, SegmentReader, Term};

use crate::Index;
use crate::words::{Words, searched};

/// Words of a query that are looked at.
const WORDS: usize = 6;

impl Words {
    /// For documents in ascending order, how many of the neighbouring words of the query stand side by side in one field: 0 none, 1 all.
    /// Neighbours in the other order, or with up to two words between them, count for a part.
    pub(crate) fn closeness(&self, index: &Index, segment: &SegmentReader, documents: &[DocId]) -> tantivy::Result<Vec<f32>> {
        let words = &self.words[..self.words.len().min(WORDS)];
        if words.len() < 2 {
            return Ok(vec![0.0; documents.len()]);
        }
        let mut fields: Vec<Vec<Option<SegmentPostings>>> = Vec::new();
        for (_, field, _) in &searched(index)[..3] {
            let inverted = segment.inverted_index(*field)?;
            let postings =
                |term: &str| inverted.read_postings(&Term::from_field_text(*field, term), IndexRecordOption::WithFreqsAndPositions);
            fields.push(words.iter().map(|word| Ok(postings(&word.term)?)).collect::<tantivy::Result<_>>()?);
        }
        let mut places: Vec<Vec<u32>> = vec![Vec::new(); words.len()];
        let closeness = documents.iter().map(|doc| {
            let mut best = vec![0.0_f32; words.len() - 1];
            for field in &mut fields {
                for (postings, places) in field.iter_mut().zip(&mut places) {
                    places.clear();
                    if let Some(postings) = postings {
                        let at = if postings.doc() < *doc { postings.seek(*doc) } else { postings.doc() };
                        if at == *doc {
                            postings.positions(places);
                        }
                    }
                }
                for (best, pair) in best.iter_mut().zip(places.windows(2)) {
                    *best = best.max(side_by_side(&pair[0], &pair[1]));
                }
            }
            best.iter().sum::<f32>() / best.len() as f32
        });
        Ok(closeness.collect())
    }
}

/// How close one of the places of a word is to one of those of the next word.
fn side_by_side(first: &[u32], next: &[u32]) -> f32 {
    let mut best = 0.0_f32;
    for place in first.iter().take(8) {
        for other in next.iter().take(8) {
            best = best.max(match i64::from(*other) - i64::from(*place) {
                1 => 1.0,
                -1 => 0.6,
                2 | 3 => 0.4,
                _ => 0.0,
            });
        }
    }
    best
}
