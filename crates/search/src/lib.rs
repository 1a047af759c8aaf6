//! The one crate that knows tantivy: schema, tokenizers, query language, ranking.
//!
//! The index holds no texts, only ids to look up in the store, and may be deleted at any time. Its documents lie in falling popularity,
//! so whoever reads the first matches of any term reads the most popular ones: that bounds the cost of every query.

mod builder;
mod error;
mod explain;
mod facets;
mod filter;
mod generations;
mod highlight;
mod index;
mod listing;
mod near;
mod query;
mod rank;
mod related;
mod schema;
mod sets;
mod suggest;
mod tokens;
mod words;
mod writer;

pub use builder::{Builder, PartBuilder, Stretch};
pub use error::Error;
pub use explain::Part;
pub use facets::{Facet, FacetValue};
pub use highlight::{Highlighter, pieces};
pub use index::{Index, Payload};
pub use query::{Condition, Filter, MAX_FROM_PLUS_SIZE, MAX_TEXT, Note, Numbers, Query, QueryError, Sort, Times, qualified};
pub use rank::{Found, Hit, Total, Wanted};
pub use related::Like;
pub use schema::Document;
pub use suggest::{Suggested, SuggestionLimits, Suggestions};
pub use writer::{IndexChange, Writer};
