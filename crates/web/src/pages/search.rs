//! Results of a search.

use std::time::{Duration, Instant};

use askama::Template;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use catalog::{MAX_FROM_PLUS_SIZE, SearchPage, SearchRequest};

use super::{Frame, broken, draw, failed, message, send};
use crate::api::{Refused, reachable, run, timing};
use crate::cache::{CachePolicy, Essence};
use crate::{AppState, assets, format};

/// Results on a page.
const SIZE: usize = 20;

#[derive(Template)]
#[template(path = "search.html")]
struct Results {
    frame: Frame,
    page: SearchPage,
    /// Where the next page begins.
    next: Option<usize>,
    /// Whether the parts of every score are shown.
    explain: bool,
    /// Whether what the matches have in common is shown.
    facets: bool,
    /// The page of a package of the very text, when that is a name.
    named: Option<String>,
}

impl Results {
    /// A search like this one, for a text from a place on.
    fn at(&self, text: &str, from: impl std::borrow::Borrow<usize>) -> String {
        format!("{}{}", format::search_path(text, from), switches(self.explain, self.facets))
    }

    /// The same page with or without the parts of every score.
    fn explaining(&self, explain: bool) -> String {
        format!("{}{}", format::search_path(&self.page.text, self.page.from), switches(explain, self.facets))
    }

    /// The same page with or without what the matches have in common.
    fn counting(&self, facets: bool) -> String {
        format!("{}{}", format::search_path(&self.page.text, self.page.from), switches(self.explain, facets))
    }

    fn facet_name(qualifier: &str) -> &str {
        match qualifier {
            "keywords" => "Keyword",
            "license" => "Licence",
            "types" => "Types",
            "module" => "Module",
            "has" => "Has",
            "is" => "Is",
            other => other,
        }
    }

    fn order_name(sort: &str) -> &str {
        match sort {
            "relevance" => "Relevance",
            "downloads" => "Downloads",
            "growth" => "Growth",
            "published" => "Newest",
            "dependents" => "Dependents",
            "name" => "Name",
            other => other,
        }
    }

    fn order_meaning(sort: &str) -> &'static str {
        match sort {
            "downloads" => "The most downloaded come first, in the month counted last.",
            "growth" => "The fastest growing come first: from one count of all packages to the next, as a factor per month.",
            "published" => "Those come first whose latest version was published last.",
            "dependents" => "Those come first on which most packages depend, of those whose details are stored here.",
            _ => "In alphabetical order.",
        }
    }
}

/// What an address says after the text.
fn switches(explain: bool, facets: bool) -> &'static str {
    match (explain, facets) {
        (false, false) => "",
        (true, false) => "&explain=1",
        (false, true) => "&facets=1",
        (true, true) => "&explain=1&facets=1",
    }
}

pub(super) async fn search(state: &AppState, text: String, from: usize, explain: bool, facets: bool) -> Response {
    let began = Instant::now();
    let request = SearchRequest {
        text: text.clone(),
        from,
        size: reachable(from, SIZE, SIZE),
        now: state.clock.now(),
        highlight: true,
        explain,
        facets,
        // On the first page alone.
        others: from == 0,
    };
    let page = match run(state, request).await {
        Ok(page) => page,
        Err(Refused::Busy) => return message::busy(),
        Err(Refused::Failed(error)) => return failed(state, error),
    };
    let took = began.elapsed();
    let heading = if text.is_empty() { "Most downloaded packages".to_owned() } else { format!("{text} - npm packages") };
    let mut frame = Frame::new(format!("{heading} - pkgstats"), format!("npm packages for {text}"));
    let json = format::search_path(&text, from);
    frame.json = Some(format!("/api/v1/search{}{}", json.trim_start_matches('/'), switches(explain, facets)));
    let named = model::PackageName::parse(&text).ok().map(|name| format::package_path(name.as_str()));
    frame.query = text;
    // Every text has a page like this; search engines should list the packages.
    frame.indexed = false;
    let end = page.from + SIZE;
    let next = ((end as u64) < page.total && end < MAX_FROM_PLUS_SIZE).then_some(end);
    let Some(html) = draw(&Results { frame, page, next, explain, facets, named }) else { return broken() };
    send_timed(html, took)
}

/// The page says how long the search took. Its tag is made without that, so that the same results are not sent twice.
fn send_timed(html: Bytes, took: Duration) -> Response {
    let text = String::from_utf8_lossy(&html);
    // No text of a package holds this, because all are escaped.
    let Some((before, after)) = text.split_once("<!--took-->") else { return send(CachePolicy::Page, html) };
    let whole = format!("{before}, in {:.1} ms{after}", took.as_secs_f64() * 1e3);
    let mut response = (timing(took), send(CachePolicy::Page, whole.into())).into_response();
    response.extensions_mut().insert(Essence(html.to_vec()));
    response
}
