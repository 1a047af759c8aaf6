//! Which documents a query's filters leave.

use tantivy::SegmentReader;

use crate::sets::Union;
use crate::{Filter, Index, Query};

impl Index {
    /// A set for every filter; a document must be in all of them.
    pub(crate) fn filters(&self, segment: &SegmentReader, query: &Query) -> tantivy::Result<Vec<Union>> {
        query.filters.iter().map(|filter| self.filter(segment, filter)).collect()
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
}
