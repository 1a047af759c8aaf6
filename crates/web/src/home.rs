//! A first page for whoever opens the server's address, until there are real ones.

use std::fmt::Write;

use axum::extract::State;
use axum::response::IntoResponse;

use crate::AppState;
use crate::cache::{CachePolicy, Cached};
use crate::error::Problem;

/// What this is, how far it is, and what can be asked, as plain text.
pub(crate) async fn home(State(state): State<AppState>) -> Result<impl IntoResponse, Problem> {
    let status = state.catalog.status().await?;
    let progress = state.progress.borrow().clone();
    let mut text = "pkgstats: npm packages, searched on a machine of your own\n\n".to_owned();
    let _ = writeln!(text, "{} packages stored, {} searchable", status.packages, status.indexed.unwrap_or(0));
    for snapshot in &status.snapshots {
        let _ = writeln!(text, "downloads of {} packages in {}", snapshot.packages, snapshot.month);
    }
    if !progress.step.is_empty() {
        let total = progress.total.map_or_else(String::new, |total| format!(" of {total}"));
        let _ = writeln!(text, "now: {}, {}{total}", progress.step, progress.done);
    }
    text.push_str(
        "\nGET /-/v1/search?text=date+picker   npm's search API; npm search --registry http://this-server date picker\n\
         GET /api/v1/search?q=date+picker    the same hits with their dates and sources\n\
         GET /api/v1/status                  what is stored, and from when\n\
         GET /api/openapi.json               all of this, for programs\n\
         GET /healthz, /-/ping               whether the server is up\n",
    );
    Ok(Cached(CachePolicy::Never, text))
}
