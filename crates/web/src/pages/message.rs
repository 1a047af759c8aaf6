//! Pages that say what is not there, and what can be done.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use catalog::SearchHit;
use model::InvalidName;
use sync::Progress;

use super::{Frame, render};
use crate::cache::CachePolicy;
use crate::{AppState, assets, format};

/// A few sentences.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Message {
    pub(super) frame: Frame,
    pub(super) heading: String,
    pub(super) texts: Vec<String>,
    pub(super) progress: Option<Progress>,
    pub(super) near_heading: &'static str,
    pub(super) near: Vec<SearchHit>,
    pub(super) links: Vec<(String, String)>,
}

impl Message {
    pub(super) fn new(heading: impl Into<String>, texts: Vec<String>) -> Self {
        let heading = heading.into();
        let mut frame = Frame::new(format!("{heading} - pkgstats"), heading.clone());
        frame.indexed = false;
        Self { frame, heading, texts, progress: None, near_heading: "Near by", near: Vec::new(), links: Vec::new() }
    }

    pub(super) fn send(&self, status: StatusCode) -> Response {
        render(status, CachePolicy::Never, self)
    }
}

pub(crate) fn not_found(why: &str) -> Response {
    let mut page = Message::new("Nothing lives at this address", vec![why.to_owned()]);
    page.links = vec![
        ("/".to_owned(), "The front page, with how to search".to_owned()),
        ("/about".to_owned(), "What this is".to_owned()),
        ("/api/openapi.json".to_owned(), "All addresses for programs".to_owned()),
    ];
    page.send(StatusCode::NOT_FOUND)
}

pub(super) fn no_name(text: &str, why: Option<InvalidName>) -> Response {
    let why = why.map_or_else(|| "It is not a version either.".to_owned(), |why| format!("{}.", capital(&why.to_string())));
    let heading = if text.is_empty() { "Which package?".to_owned() } else { "This is no package name".to_owned() };
    let shown =
        if text.is_empty() { "After pkg: stands the name of a package, as in pkg:react.".to_owned() } else { format!("{text}: {why}") };
    let mut page = Message::new(heading, vec![shown]);
    if !text.is_empty() {
        page.links = vec![(format::search_path(text, 0), "Search for it as text".to_owned())];
    }
    page.send(StatusCode::NOT_FOUND)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(super) fn bad_request(why: &str) -> Response {
    Message::new("This cannot be searched", vec![format!("{}.", capital(why))]).send(StatusCode::BAD_REQUEST)
}

pub(super) fn broken() -> Response {
    let text = "This server could not read its data. Its log says why; whoever runs it can look with pkgstats doctor.";
    Message::new("Something broke", vec![text.to_owned()]).send(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(super) fn busy() -> Response {
    let text = "More people are searching than this machine can serve at once. Try again in a few seconds.";
    Message::new("Too many searches at a time", vec![text.to_owned()]).send(StatusCode::SERVICE_UNAVAILABLE)
}

/// While there is no index: how far the filling is.
pub(super) fn filling(state: &AppState) -> Response {
    let progress = state.progress.borrow().clone();
    let texts = if progress.step.is_empty() {
        vec![
            "This server has no packages yet, and nothing is filling it.".to_owned(),
            "Whoever runs it can fill it with pkgstats fill, or from files with pkgstats fill --from DIR.".to_owned(),
        ]
    } else {
        vec![
            "The names of all packages are being read for the first time, which takes a few minutes. Load this page again to see how far it is."
                .to_owned(),
        ]
    };
    let mut page = Message::new("Being filled", texts);
    if !progress.step.is_empty() {
        page.progress = Some(progress);
        page.frame.reload = true;
    }
    page.send(StatusCode::SERVICE_UNAVAILABLE)
}
