//! The page of search results.

use std::collections::HashMap;

use ::search::{Facet, Highlighter, MAX_TEXT, Part, Query, Sort, Total, Wanted};
use serde::Serialize;
use store::{Downloads, DownloadsFrom, Known};
use utoipa::ToSchema;

pub use ::search::{MAX_FROM_PLUS_SIZE, qualified};

use crate::{Catalog, Error};

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchRequest {
    /// Free text with qualifiers, 1 to 512 characters; empty lists the most popular packages.
    pub text: String,
    /// How many hits to pass over.
    pub from: usize,
    /// How many hits to give; `from + size` is at most 100,000.
    pub size: usize,
    /// What time it is, for "younger than a year": seconds since 1970, UTC.
    pub now: i64,
    /// Say where the words stand.
    pub highlight: bool,
    /// Say what every score is the product of.
    pub explain: bool,
    /// Count what the matches have in common.
    pub facets: bool,
    /// Say what else might be searched for.
    pub others: bool,
}

/// One page of search results.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SearchPage {
    /// The text that was searched.
    pub text: String,
    /// Parts of the text that do not do what they seem to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<SearchNote>,
    /// The words and phrases alone.
    pub words: String,
    /// What narrows the search down, and the text without it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<AppliedFilter>,
    /// In which order the hits are: `relevance`, `downloads`, `growth`, `published`, `dependents` or `name`.
    pub sort: &'static str,
    /// The same search in every order.
    pub orders: Vec<Order>,
    /// How many hits were passed over.
    pub from: usize,
    /// How many hits were asked for.
    pub size: usize,
    /// How many packages match; a lower bound when `total_is_exact` is false.
    pub total: u64,
    /// Whether `total` is the very number.
    pub total_is_exact: bool,
    /// No name fitted, so names a typing mistake away were tried.
    pub corrected: bool,
    /// The text without typing mistakes, when that was asked for and there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
    /// Searches that narrow this one down by a word that its best hits have in common, when that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_try: Vec<String>,
    /// What the matches have in common, when that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facets: Option<Vec<SearchFacet>>,
    /// Best first.
    pub hits: Vec<SearchHit>,
}

/// One way to narrow a search down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SearchFacet {
    /// The qualifier: `keywords`, `license`, `types`, `module`, `has` or `is`.
    pub qualifier: &'static str,
    /// Its values, those of most matches first.
    pub values: Vec<FacetCount>,
}

/// A value that one may narrow a search down to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FacetCount {
    /// The value.
    pub value: String,
    /// How many of the matches that were looked at have it: the most popular ones where there are very many.
    pub packages: u64,
    /// The search narrowed down to them.
    pub text: String,
}

/// A part of the text that was not understood, or changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SearchNote {
    /// The part, as it was typed.
    pub part: String,
    /// Why, and what became of it.
    pub why: String,
}

/// A qualifier, or a word that must not be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AppliedFilter {
    /// As it can be typed.
    pub text: String,
    /// What finds the same without it.
    pub without: String,
}

/// A search in one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Order {
    /// The order.
    pub sort: &'static str,
    /// What finds the same in this order.
    pub text: String,
}

/// One part of a score. A score is the product of its parts.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ScorePart {
    /// Which: `words`, `coverage`, `name`, `downloads` and so on.
    pub name: &'static str,
    /// What the other parts are multiplied with.
    pub value: f32,
    /// What it comes from.
    pub about: String,
}

/// One package as a search result shows it. What is not known is left out.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SearchHit {
    /// The name.
    pub name: String,
    /// The latest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its keywords.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// When that version was published, RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Its licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Who published that version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// The users who may publish.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<String>,
    /// Web address of its repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Its home page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Where to report bugs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bugs: Option<String>,
    /// Why it should not be used any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// Recent downloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<DownloadCount>,
    /// When these words were seen, RFC 3339, UTC.
    pub observed: String,
    /// The name is the very text.
    pub exact: bool,
    /// Only orders the hits of one answer.
    pub score: f32,
    /// What the score is the product of, when that was asked for; missing as well where hits are not sorted by relevance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<Vec<ScorePart>>,
    /// Where the words stand that were asked for, when that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highlights: Option<Highlights>,
}

/// Where words that were asked for stand in the texts of a hit: in order, without overlaps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Highlights {
    /// In the name.
    pub name: Vec<Span>,
    /// In the description.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub description: Vec<Span>,
    /// In the keywords, a list for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<Vec<Span>>,
}

/// A place in a text, counted in bytes of UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Span {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// A text as pieces that are marked or not, in order; together they are the text.
#[must_use]
pub fn pieces<'a>(text: &'a str, spans: &[Span]) -> Vec<(bool, &'a str)> {
    ::search::pieces(text, spans.iter().map(|span| span.start..span.end))
}

impl Highlights {
    fn new(highlighter: &mut Highlighter, hit: &SearchHit) -> Self {
        let spans =
            |places: Vec<std::ops::Range<usize>>| places.into_iter().map(|place| Span { start: place.start, end: place.end }).collect();
        Self {
            name: spans(highlighter.in_name(&hit.name)),
            description: hit.description.as_deref().map(|text| spans(highlighter.in_text(text))).unwrap_or_default(),
            keywords: hit.keywords.iter().map(|keyword| spans(highlighter.in_keyword(keyword))).collect(),
        }
    }
}

/// Recent downloads, with their date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DownloadCount {
    /// In the 7 days before `as_of`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<u64>,
    /// In the 30 days before `as_of`, or in the month of the snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<u64>,
    /// From when the counts are: a date, or `snapshot 2026-03`.
    pub as_of: String,
}

/// A moment as RFC 3339.
pub(crate) fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "unknown".to_owned(), |time| time.to_string())
}

impl From<Downloads> for DownloadCount {
    fn from(downloads: Downloads) -> Self {
        let as_of = match &downloads.from {
            DownloadsFrom::SearchHit => rfc3339(downloads.counted_at).chars().take(10).collect(),
            DownloadsFrom::Snapshot(month) => format!("snapshot {month}"),
        };
        Self { weekly: downloads.weekly, monthly: downloads.monthly, as_of }
    }
}

impl SearchHit {
    pub(crate) fn new(known: Known, exact: bool, score: f32) -> Self {
        let summary = known.summary.unwrap_or_default();
        Self {
            name: known.name,
            version: summary.version,
            description: summary.description,
            keywords: summary.keywords,
            published: summary.published_at.map(rfc3339),
            license: summary.license,
            publisher: summary.publisher,
            maintainers: summary.maintainers,
            repository: known.repository,
            homepage: summary.homepage,
            bugs: summary.bugs,
            deprecated: summary.deprecated,
            downloads: known.downloads.map(DownloadCount::from),
            observed: rfc3339(known.observed_at),
            exact,
            score,
            parts: None,
            highlights: None,
        }
    }
}

fn applied_filters(query: &Query) -> Vec<AppliedFilter> {
    let excluded = query.excluded.iter().enumerate().map(|(number, text)| {
        let mut without = query.clone();
        without.excluded.remove(number);
        let text = if text.contains(char::is_whitespace) { format!("-\"{text}\"") } else { format!("-{text}") };
        AppliedFilter { text, without: without.to_string() }
    });
    let filters = query.filters.iter().enumerate().map(|(number, filter)| {
        let mut without = query.clone();
        without.filters.remove(number);
        AppliedFilter { text: filter.to_string(), without: without.to_string() }
    });
    excluded.chain(filters).collect()
}

/// A facet with the searches that it leads to. Values that the search is narrowed down to already lead nowhere.
fn facet(query: &Query, now: i64, facet: Facet) -> SearchFacet {
    let narrowed = |value: &str| {
        let added = Query::parse(&qualified(facet.qualifier, value), now).ok()?;
        let [filter] = added.filters.as_slice() else { return None };
        let mut query = query.clone();
        if query.filters.contains(filter) {
            return None;
        }
        query.filters.push(filter.clone());
        Some(query.to_string()).filter(|text| text.chars().count() <= MAX_TEXT)
    };
    let values = facet.values.iter().filter_map(|one| {
        let text = narrowed(&one.value)?;
        Some(FacetCount { value: one.value.clone(), packages: one.packages, text })
    });
    SearchFacet { qualifier: facet.qualifier, values: values.collect() }
}

/// The same query with other words in the place of its own.
fn reworded(query: &Query, text: &str) -> String {
    let mut other = Query { text: String::new(), phrases: Vec::new(), ..query.clone() }.to_string();
    if !other.is_empty() {
        other.insert(0, ' ');
    }
    format!("{text}{other}")
}

/// Those whose text is not too long to be asked.
fn orders(query: &Query) -> Vec<Order> {
    let orders = Sort::ALL.into_iter().map(|(sort, word)| Order { sort: word, text: Query { sort, ..query.clone() }.to_string() });
    orders.filter(|order| order.text.chars().count() <= MAX_TEXT).collect()
}

impl Catalog {
    /// Searches. The ranking runs on a thread of its own, because it computes for milliseconds.
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchPage, Error> {
        let query = Query::parse(&request.text, request.now)?;
        let index = self.index().ok_or(Error::NoIndex)?;
        let asked = query.clone();
        let wanted =
            Wanted { explain: request.explain, facets: request.facets, others: request.others, ..Wanted::page(request.from, request.size) };
        let found = tokio::task::spawn_blocking(move || index.search(&asked, wanted)).await.map_err(|_| Error::Task)???;
        let ids: Vec<i64> = found.hits.iter().map(|hit| hit.id).collect();
        let known = if ids.is_empty() { Vec::new() } else { self.store.by_ids(&ids).await? };
        let mut known: HashMap<i64, Known> = known.into_iter().map(|known| (known.id, known)).collect();
        let (total, total_is_exact) = match found.total {
            Total::Exactly(total) => (total, true),
            Total::AtLeast(total) => (total, false),
        };
        let mut highlighter = request.highlight.then(|| Highlighter::new(&query));
        let hits = found.hits.into_iter().filter_map(|found| {
            let mut hit = SearchHit::new(known.remove(&found.id)?, found.exact, found.score);
            let part = |part: Part| ScorePart { name: part.name, value: part.value, about: part.about };
            hit.parts = found.parts.map(|parts| parts.into_iter().map(part).collect());
            hit.highlights = highlighter.as_mut().map(|highlighter| Highlights::new(highlighter, &hit));
            Some(hit)
        });
        let hits: Vec<SearchHit> = hits.collect();
        // One mistyped name was corrected by the search itself.
        let is_name = !query.text.is_empty() && !query.text.contains(char::is_whitespace);
        let corrected = hits.first().filter(|_| request.others && found.corrected && is_name).map(|hit| hit.name.clone());
        Ok(SearchPage {
            did_you_mean: corrected.or(found.instead).map(|text| reworded(&query, &text)),
            also_try: found.related.iter().map(|word| reworded(&query, &format!("{} {word}", query.text))).collect(),
            facets: found.facets.map(|facets| facets.into_iter().map(|one| facet(&query, request.now, one)).collect()),
            text: request.text.clone(),
            words: Query { text: query.text.clone(), phrases: query.phrases.clone(), ..Query::default() }.to_string(),
            filters: applied_filters(&query),
            sort: query.sort.word(),
            orders: orders(&query),
            notes: query.notes.into_iter().map(|note| SearchNote { part: note.part, why: note.why }).collect(),
            from: request.from,
            size: request.size,
            total,
            total_is_exact,
            corrected: found.corrected,
            hits,
        })
    }
}
