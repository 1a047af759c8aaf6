//! What is popular, rises, falls and is new, of all packages and of a keyword.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{OriginalUri, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use catalog::{TrendsPage, trend_list, trend_name};

use super::message::Message;
use super::{Frame, failed, not_found, parameters, render};
use crate::cache::CachePolicy;
use crate::{AppState, assets, format};

/// The lists, in the order in which they are offered, with their headings.
const LISTS: [(&str, &str); 4] = [("popular", "Popular"), ("rising", "Rising"), ("falling", "Falling"), ("newest", "Newly appeared")];
/// Packages of a list in the overview.
const FIRST: usize = 10;

#[derive(Template)]
#[template(path = "trends.html")]
struct Trends {
    frame: Frame,
    page: Arc<TrendsPage>,
    name: &'static str,
    heading: &'static str,
    about: &'static str,
    /// `?keyword=…`, or nothing.
    query: String,
}

#[derive(Template)]
#[template(path = "trends_overview.html")]
struct Overview {
    frame: Frame,
    /// Name, heading, what it is, and the list.
    lists: Vec<(&'static str, &'static str, &'static str, Arc<TrendsPage>)>,
}

fn about(name: &str) -> &'static str {
    match name {
        "popular" => "The most downloaded npm packages.",
        "rising" => "npm packages whose downloads grew most, of those with at least 50,000 a month, and 1,000 before.",
        "falling" => "npm packages that lost most downloads, of those that had at least 50,000 a month.",
        _ => "npm packages that appeared between the two newest lists of all names, the most downloaded first.",
    }
}

/// `/trends`
pub(crate) async fn overview(State(state): State<AppState>) -> Response {
    let mut lists = Vec::new();
    for (name, heading) in LISTS {
        let Some(list) = trend_list(name) else { continue };
        match state.catalog.trends(list, None).await {
            Ok(Some(page)) => lists.push((name, heading, about(name), page)),
            Ok(None) => {}
            Err(error) => return failed(&state, error),
        }
    }
    let mut frame = Frame::new("Trends - npm packages", "npm packages that are popular, rise, fall and are new.");
    frame.json = Some("/api/v1/trends/rising".to_owned());
    render(StatusCode::OK, CachePolicy::Page, &Overview { frame, lists })
}

/// `/trends/LIST`
pub(crate) async fn trends(
    State(state): State<AppState>,
    list: Result<Path<String>, PathRejection>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let list = list.ok().and_then(|Path(list)| LISTS.into_iter().find(|(name, _)| *name == list));
    let Some((name, heading)) = list else { return not_found("The lists are popular, rising, falling and newest.") };
    let Some(list) = trend_list(name) else { return not_found("The lists are popular, rising, falling and newest.") };
    let keyword = parameters(uri.query()).remove("keyword").filter(|keyword| !keyword.trim().is_empty());
    let page = match state.catalog.trends(list, keyword.as_deref().map(str::trim)).await {
        Ok(Some(page)) => page,
        Ok(None) => return no_keyword(name, keyword.unwrap_or_default()),
        Err(error) => return failed(&state, error),
    };
    let (title, mut description) = match &page.keyword {
        Some(keyword) => (format!("{heading}: {keyword} - npm packages"), format!("With the keyword {keyword}: ")),
        None => (format!("{heading} npm packages"), String::new()),
    };
    description.push_str(about(name));
    let mut frame = Frame::new(title, description);
    let query = page.keyword.as_ref().map_or_else(String::new, |keyword| format!("?{}", format::query(&[("keyword", keyword.clone())])));
    frame.json = Some(format!("/api/v1/trends/{}{query}", trend_name(list)));
    render(StatusCode::OK, CachePolicy::Page, &Trends { frame, page, name, heading, about: about(name), query })
}

fn no_keyword(name: &str, keyword: String) -> Response {
    let shown: String = keyword.chars().filter(|c| !c.is_control()).take(80).collect();
    let text = format!("There are no lists of the keyword {shown}: they are made of the thousand keywords that most packages have.");
    let mut page = Message::new("No such list", vec![text]);
    page.links = vec![
        (format::keyword_path(&keyword), format!("Packages with the keyword {shown}")),
        (format!("/trends/{name}"), "The list of all packages".to_owned()),
    ];
    page.send(StatusCode::NOT_FOUND)
}
