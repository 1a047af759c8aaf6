//! Results of a search.

use std::time::Instant;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use catalog::{SearchPage, SearchRequest};

use super::{Frame, failed, message, render};
use crate::api::{Refused, run};
use crate::cache::CachePolicy;
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
    /// Milliseconds the search took.
    took: String,
}

pub(super) async fn search(state: &AppState, text: String, from: usize) -> Response {
    let began = Instant::now();
    let page = match run(state, SearchRequest { text: text.clone(), from, size: SIZE, now: state.clock.now() }).await {
        Ok(page) => page,
        Err(Refused::Busy) => return message::busy(),
        Err(Refused::Failed(error)) => return failed(state, error),
    };
    let took = format!("{:.1}", began.elapsed().as_secs_f64() * 1e3);
    let heading = if text.is_empty() { "Most downloaded packages".to_owned() } else { format!("{text} - npm packages") };
    let mut frame = Frame::new(format!("{heading} - pkgstats"), format!("npm packages for {text}"));
    frame.json = Some(format!("/api/v1/search{}", format::search_path(&text, from).trim_start_matches('/')));
    frame.query = text;
    // Every text has a page like this; search engines should list the packages.
    frame.indexed = false;
    let end = page.from + SIZE;
    let next = ((end as u64) < page.total && end + SIZE <= 100_000).then_some(end);
    render(StatusCode::OK, CachePolicy::Page, &Results { frame, page, next, took })
}
