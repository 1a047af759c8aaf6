//! Which documents a query's filters leave.

use tantivy::schema::Field;
use tantivy::{DocId, SegmentReader};

use crate::sets::Union;
use crate::{Condition, Filter, Index, Query};

/// A set of documents that are asked for in ascending order.
pub(crate) enum Set {
    /// Documents of any of several terms.
    Any(Union),
    /// All others.
    Not(Box<Set>),
}

impl Set {
    /// `target` when it is in the set; else a later document, before which there is none.
    pub(crate) fn seek(&mut self, target: DocId) -> DocId {
        match self {
            Self::Any(union) => union.seek(target),
            Self::Not(others) => target + DocId::from(others.seek(target) == target),
        }
    }
}

impl Index {
    /// A set for every filter; a document must be in all of them.
    pub(crate) fn filters(&self, segment: &SegmentReader, query: &Query) -> tantivy::Result<Vec<Set>> {
        query.filters.iter().map(|filter| self.filter(segment, filter)).collect()
    }

    fn filter(&self, segment: &SegmentReader, filter: &Filter) -> tantivy::Result<Set> {
        let fields = &self.fields;
        let set = match &filter.condition {
            Condition::Scope(values) => any(segment, fields.scope, values)?,
            Condition::Keyword(values) => any(segment, fields.keyword, values)?,
            Condition::Maintainer(values) => any(segment, fields.maintainer, values)?,
            Condition::Owner(values) => any(segment, fields.owner, values)?,
            _ => Set::Any(Union::default()),
        };
        Ok(if filter.excluded { Set::Not(Box::new(set)) } else { set })
    }
}

fn any(segment: &SegmentReader, field: Field, values: &[String]) -> tantivy::Result<Set> {
    let mut union = Union::default();
    for value in values {
        union.sets.extend(Union::of_term(segment, field, value)?.sets);
    }
    Ok(Set::Any(union))
}
