//! Sets of documents: the postings of a term or of several, and how they are gone through at a bounded cost.

use tantivy::postings::{SegmentPostings, TermInfo};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, SegmentReader, TERMINATED, Term};

use crate::filter::Set;

/// Steps of a pass that finds few matches in many documents.
pub(crate) const MAX_STEPS: usize = 50_000;
/// Terms taken of those that begin with a text.
const MAX_TERMS: usize = 2_000;

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

/// All living documents that pass the filters, most popular first. Returns whether there were more.
pub(crate) fn take_all(segment: &SegmentReader, mut filters: Vec<Set>, budget: usize, mut each: impl FnMut(DocId)) -> bool {
    let (mut taken, mut doc) = (0, 0);
    for _ in 0..MAX_STEPS.max(3 * budget) {
        if doc >= segment.max_doc() {
            return false;
        }
        match filters.iter_mut().map(|filter| filter.seek(doc)).max() {
            Some(later) if later > doc => doc = later,
            _ => {
                if !segment.is_deleted(doc) {
                    if taken == budget {
                        return true;
                    }
                    each(doc);
                    taken += 1;
                }
                doc += 1;
            }
        }
    }
    true
}

/// Visits the living documents of `lead` that are in all `filters`, at most `most`. Returns whether there were more.
pub(crate) fn visit(segment: &SegmentReader, lead: &mut Union, filters: &mut [Set], most: usize, mut each: impl FnMut(DocId)) -> bool {
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
pub(crate) struct Union {
    pub(crate) sets: Vec<SegmentPostings>,
}

impl Union {
    pub(crate) fn of_term(segment: &SegmentReader, field: Field, text: &str) -> tantivy::Result<Self> {
        let postings = segment.inverted_index(field)?.read_postings(&Term::from_field_text(field, text), IndexRecordOption::Basic)?;
        Ok(Self { sets: postings.into_iter().collect() })
    }

    /// All terms that begin with a text, as far as [`MAX_TERMS`].
    pub(crate) fn of_range(segment: &SegmentReader, field: Field, start: &str) -> tantivy::Result<Self> {
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

    pub(crate) fn seek(&mut self, target: DocId) -> DocId {
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

pub(crate) fn for_terms_starting_with(
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
