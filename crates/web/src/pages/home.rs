//! The front page.

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use catalog::HomePage;
use sync::Progress;

use super::{Frame, failed, message, render};
use crate::cache::CachePolicy;
use crate::{AppState, assets, format};

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    page: Arc<HomePage>,
    /// Between which moments the new packages appeared.
    between: Option<(String, String)>,
    progress: Progress,
}

pub(super) async fn home(state: &AppState) -> Response {
    let page = match state.catalog.home(state.clock.now()).await {
        Ok(page) => page,
        Err(error) => return failed(state, error),
    };
    let progress = state.progress.borrow().clone();
    // Nothing to list yet: say how far it is, but as a page that exists.
    if page.packages == 0 && progress.step.is_empty() {
        let mut empty = message::Message::new("pkgstats", vec![
            "This server has no packages yet. It fills itself when it can reach the registry; offline, fill it with pkgstats fill --from DIR.".to_owned(),
        ]);
        empty.links = vec![("/about".to_owned(), "What this is".to_owned())];
        return empty.send(StatusCode::OK);
    }
    let mut frame = Frame::new(
        "pkgstats - find npm packages and their statistics",
        "Search all npm packages by name, words, keyword, scope or user, and see their downloads, versions and READMEs.",
    );
    frame.json = Some("/api/v1/home".to_owned());
    let policy = if progress.step.is_empty() { CachePolicy::Page } else { CachePolicy::Never };
    frame.reload = page.popular.is_empty() && !progress.step.is_empty();
    let between = page.appeared.first().map(|one| (one.not_before.clone(), one.not_after.clone()));
    render(StatusCode::OK, policy, &Home { frame, page, between, progress })
}
