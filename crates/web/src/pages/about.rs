//! What this is, and where everything comes from.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use catalog::Status;
use sync::Progress;

use super::{Frame, failed, render};
use crate::cache::CachePolicy;
use crate::{AppState, assets, format};

#[derive(Template)]
#[template(path = "about.html")]
struct About {
    frame: Frame,
    status: Status,
    progress: Progress,
}

pub(crate) async fn about(State(state): State<AppState>) -> Response {
    let status = match state.catalog.status().await {
        Ok(status) => status,
        Err(error) => return failed(&state, error),
    };
    let progress = state.progress.borrow().clone();
    let mut frame = Frame::new("About pkgstats", "What pkgstats is, where every number comes from, and what it stands on.");
    frame.json = Some("/api/v1/status".to_owned());
    render(StatusCode::OK, CachePolicy::Search, &About { frame, status, progress })
}
