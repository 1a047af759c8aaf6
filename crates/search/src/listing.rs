//! Answers in another order than relevance: documents that have all words and pass all filters, sorted by a value.
//!
//! Documents lie in falling order of downloads, so those that are looked at are the most downloaded ones.

use std::cmp::Reverse;

use tantivy::DocId;

use crate::filter::{Set, all_words};
use crate::index::Segment;
use crate::query::{Condition, MAX_FROM_PLUS_SIZE};
use crate::rank::{EXACT_TOTAL, Found, Hit, Total, Wanted};
use crate::words::completions_of_last;
use crate::{Index, Query, Sort, facets};

/// Matches that are sorted.
const SORTED: usize = 200_000;
/// Looks into lists of documents, about 15 nanoseconds each.
const LOOKS: usize = 6_000_000;

/// A match, and by what it is sorted: the larger, the earlier. Of equals, the more popular first.
type Keyed = (Option<u64>, Reverse<usize>, Reverse<DocId>);

impl Index {
    pub(crate) fn listed(&self, query: &Query, wanted: Wanted) -> tantivy::Result<Found> {
        let Wanted { from, size, .. } = wanted;
        let view = self.view();
        let completions = completions_of_last(self, &view.segments, &query.text)?;
        let mut keyed: Vec<Keyed> = Vec::new();
        let mut budget = SORTED;
        let mut cut = false;
        for (number, segment) in view.segments.iter().enumerate() {
            let mut sets = self.filters(segment, query)?;
            sets.extend(all_words(self, segment, &query.text, &completions)?);
            let key = key(segment, query.sort);
            let shown = shows_unpublished(query);
            let (taken, more) = take(segment, sets, budget, |doc| {
                if shown || !segment.standing(doc).is_unpublished() {
                    keyed.push((key(doc), Reverse(number), Reverse(doc)));
                }
            });
            // Small segments hold what changed lately, of any popularity, and come first.
            budget = budget.saturating_sub(taken);
            cut |= more;
        }
        let facets = if wanted.facets {
            let of = |number: usize| keyed.iter().filter(move |(_, of, _)| of.0 == number).map(|(_, _, doc)| doc.0).collect();
            Some(facets::count(view.segments.iter().enumerate().map(|(number, segment)| (segment, of(number))).collect())?)
        } else {
            None
        };
        let total = keyed.len();
        let wanted = from + size;
        if query.sort == Sort::Name {
            by_name(&view.segments, &mut keyed, wanted)?;
        } else {
            if wanted < keyed.len() {
                keyed.select_nth_unstable_by(wanted, |a, b| b.cmp(a));
                keyed.truncate(wanted);
            }
            keyed.sort_unstable_by(|a, b| b.cmp(a));
        }
        let named = self.named(&view.segments, &query.text)?;
        let places = keyed.iter().enumerate().skip(from).take(size);
        let hits = places.map(|(place, (_, segment, doc))| {
            let id = view.segments[segment.0].id(doc.0);
            Hit { id, score: (MAX_FROM_PLUS_SIZE - place) as f32, exact: named == Some(id), parts: None }
        });
        let hits = hits.collect();
        let total = if cut || total > EXACT_TOTAL { Total::AtLeast(total as u64) } else { Total::Exactly(total as u64) };
        Ok(Found { hits, total, corrected: false, facets, instead: None, related: Vec::new() })
    }
}

/// Leaves the first `wanted` by name. Within a segment the ordinals of the names are in order; across segments the names are compared.
fn by_name(segments: &[Segment], keyed: &mut Vec<Keyed>, wanted: usize) -> tantivy::Result<()> {
    let mut found: Vec<(String, Keyed)> = Vec::new();
    for (number, segment) in segments.iter().enumerate() {
        let mut own: Vec<Keyed> = keyed.iter().filter(|(_, of, _)| of.0 == number).copied().collect();
        own.sort_unstable_by_key(|(ordinal, ..)| *ordinal);
        own.truncate(wanted);
        let Some(column) = &segment.names else { continue };
        for keyed in own {
            let mut name = String::new();
            column.ord_to_str(keyed.0.unwrap_or_default(), &mut name)?;
            found.push((name, (None, keyed.1, keyed.2)));
        }
    }
    found.sort();
    found.truncate(wanted);
    *keyed = found.into_iter().map(|(_, keyed)| keyed).collect();
    Ok(())
}

/// Packages of which every version was taken back are shown to those who ask for them.
pub(crate) fn shows_unpublished(query: &Query) -> bool {
    query
        .filters
        .iter()
        .any(|filter| matches!(&filter.condition, Condition::Fact(facts) if !filter.excluded && facts.contains(&model::Fact::Unpublished)))
}

/// By what a document is sorted. What is not known comes last.
fn key(segment: &Segment, sort: Sort) -> impl Fn(DocId) -> Option<u64> + '_ {
    let column = match sort {
        Sort::Relevance | Sort::Downloads => Some(&segment.downloads),
        Sort::Growth => Some(&segment.growth),
        Sort::Published => Some(&segment.published),
        Sort::Dependents => Some(&segment.dependents),
        Sort::Name => segment.names.as_ref().map(|names| names.ords()),
    };
    move |doc| column.and_then(|column| column.first(doc))
}

/// Living documents that are in all sets, at most `most`. Returns how many, and whether there may be more.
fn take(segment: &Segment, mut sets: Vec<Set>, most: usize, mut each: impl FnMut(DocId)) -> (usize, bool) {
    let lists: usize = sets.iter().map(|set| set.lists().max(1)).sum();
    let (mut taken, mut doc) = (0, 0);
    for _ in 0..LOOKS / lists.max(1) {
        if doc >= segment.reader.max_doc() {
            return (taken, false);
        }
        match sets.iter_mut().map(|set| set.seek(doc)).max() {
            Some(later) if later > doc => doc = later,
            _ => {
                if !segment.reader.is_deleted(doc) {
                    if taken == most {
                        return (taken, true);
                    }
                    each(doc);
                    taken += 1;
                }
                doc += 1;
            }
        }
    }
    (taken, true)
}
