//! What the matches of a query have in common: how many have a keyword, a license, types and so on, for narrowing a search down.

use std::collections::HashMap;

use model::Fact;
use tantivy::DocId;
use tantivy::columnar::StrColumn;

use crate::index::Segment;

/// Matches that are counted: the most popular ones.
const COUNTED: usize = 50_000;
/// Values given of each facet.
const VALUES: usize = 12;

/// One way to narrow a search down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// The qualifier: `keywords`, `license`, `types`, `module`, `has` or `is`.
    pub qualifier: &'static str,
    /// Its values, those of most matches first.
    pub values: Vec<FacetValue>,
}

/// A value of a qualifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetValue {
    /// As it is typed after the qualifier's colon, without quotes.
    pub value: String,
    /// How many of the matches have it: of all up to 50,000, else of the 50,000 most popular of a segment.
    pub packages: u64,
}

/// Counts over the matches in each segment; documents in ascending order.
pub(crate) fn count(matches: Vec<(&Segment, Vec<DocId>)>) -> tantivy::Result<Vec<Facet>> {
    let (mut keywords, mut licenses, mut facts) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (segment, mut documents) in matches {
        documents.sort_unstable();
        documents.truncate(COUNTED);
        documents.retain(|doc| !segment.standing(*doc).is_unpublished());
        terms(segment.keywords.as_ref(), &documents, &mut keywords)?;
        terms(segment.licenses.as_ref(), &documents, &mut licenses)?;
        for doc in &documents {
            let standing = segment.standing(*doc);
            for (fact, ..) in Fact::ALL.iter().filter(|(fact, ..)| standing.has(*fact)) {
                *facts.entry(*fact).or_insert(0_u64) += 1;
            }
        }
    }
    let mut found = vec![facet("keywords", keywords), facet("license", licenses)];
    for qualifier in ["types", "module", "has", "is"] {
        let of = facts.iter().filter(|(fact, _)| fact.words().0 == qualifier);
        found.push(facet(qualifier, of.map(|(fact, count)| (fact.words().1.to_owned(), *count)).collect()));
    }
    found.retain(|facet| !facet.values.is_empty());
    Ok(found)
}

fn terms(column: Option<&StrColumn>, documents: &[DocId], counts: &mut HashMap<String, u64>) -> tantivy::Result<()> {
    let Some(column) = column else { return Ok(()) };
    let mut by_ordinal: HashMap<u64, u64> = HashMap::new();
    for doc in documents {
        for ordinal in column.term_ords(*doc) {
            *by_ordinal.entry(ordinal).or_default() += 1;
        }
    }
    // Only those can be among the first in all segments that are among the first many here.
    let mut most: Vec<(u64, u64)> = by_ordinal.into_iter().map(|(ordinal, count)| (count, ordinal)).collect();
    most.sort_unstable_by(|a, b| b.cmp(a));
    for (count, ordinal) in most.into_iter().take(10 * VALUES) {
        let mut text = String::new();
        if column.ord_to_str(ordinal, &mut text)? {
            *counts.entry(text).or_default() += count;
        }
    }
    Ok(())
}

fn facet(qualifier: &'static str, counts: HashMap<String, u64>) -> Facet {
    let mut values: Vec<FacetValue> = counts.into_iter().map(|(value, packages)| FacetValue { value, packages }).collect();
    values.sort_unstable_by(|a, b| b.packages.cmp(&a.packages).then_with(|| a.value.cmp(&b.value)));
    values.truncate(VALUES);
    Facet { qualifier, values }
}
