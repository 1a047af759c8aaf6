//! How to search: the description of the query language, as it stands in the documentation.

use std::sync::LazyLock;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use markup::{ReadmeSource, render_readme};

use super::{Frame, render};
use crate::assets;
use crate::cache::CachePolicy;

/// The one place where the language is described.
const LANGUAGE: &str = include_str!("../../../../docs/query-language.md");

static HTML: LazyLock<String> = LazyLock::new(|| {
    let source = ReadmeSource {
        text: LANGUAGE,
        filename: Some("query-language.md"),
        package: "The query language",
        repository: None,
        directory: None,
        image: &|_| String::new(),
    };
    render_readme(&source).html
});

#[derive(Template)]
#[template(path = "help.html")]
struct Help {
    frame: Frame,
    html: &'static str,
}

pub(crate) async fn search_help() -> Response {
    let frame = Frame::new("How to search - pkgstats", "The query language of pkgstats: words, phrases, qualifiers, ranges and orders.");
    render(StatusCode::OK, CachePolicy::Program, &Help { frame, html: &HTML })
}
