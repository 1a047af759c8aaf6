//! The pages. Each file makes the view of one kind of page and renders its template.

mod about;
mod chart;
mod compare;
mod help;
mod home;
mod message;
mod package;
mod search;
mod trends;
mod user;

use std::collections::HashMap;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use catalog::{ChartRequest, ChartShow, ChartSource};
use model::{PackageName, Target, parse_target};
use percent_encoding::percent_decode_str;

use crate::cache::{CachePolicy, Cached};
use crate::charts::ChartView;
use crate::{AppState, format};

pub(crate) use about::about;
pub(crate) use chart::chart;
pub(crate) use compare::compare;
pub(crate) use help::search_help;
pub(crate) use message::not_found;
pub(crate) use trends::{overview as trends_overview, trends};

/// What every page has around its content.
pub(crate) struct Frame {
    title: String,
    description: String,
    /// What stands in the search box.
    query: String,
    /// Whether search engines may list the page.
    indexed: bool,
    /// Whether there will soon be more to show. The script then loads the page again, unless somebody types.
    reload: bool,
    /// Address of the same as JSON.
    json: Option<String>,
    /// Address at which sites learn how to embed the chart of the page.
    oembed: Option<String>,
}

impl Frame {
    fn new(title: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            description: description.into(),
            query: String::new(),
            indexed: true,
            reload: false,
            json: None,
            oembed: None,
        }
    }
}

/// A page as HTML. The log says why when there is none; [`broken`] is the answer then.
fn draw(page: &impl Template) -> Option<Bytes> {
    page.render().map(Bytes::from).inspect_err(|error| tracing::error!(%error, "a page could not be made")).ok()
}

fn broken() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "this page could not be made; the server's log says why").into_response()
}

/// A page as an answer.
fn render(status: StatusCode, policy: CachePolicy, page: &impl Template) -> Response {
    let Some(html) = draw(page) else {
        return broken();
    };
    let mut response = (status, send(policy, html)).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

fn send(policy: CachePolicy, html: Bytes) -> Response {
    Cached(policy, ([(CONTENT_TYPE, "text/html; charset=utf-8")], html)).into_response()
}

/// Another address of the same thing, for good or for now.
fn redirect(status: StatusCode, to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => Cached(CachePolicy::Search, (status, [(LOCATION, to)])).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// The packages that the parameters of an address name, and what in them is no name.
pub(crate) fn compared_names(query: Option<&str>) -> (Vec<PackageName>, Vec<String>) {
    compare::names(&pairs(query))
}

/// The parameters of an address in their order, at most forty.
fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).take(40);
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(key, value)| (decode(key), decode(value))).collect()
}

/// The parameters of an address; of several with one name the first.
fn parameters(query: Option<&str>) -> HashMap<String, String> {
    let mut found = HashMap::new();
    for (key, value) in pairs(query) {
        found.entry(key).or_insert(value);
    }
    found
}

/// The chart of a page; `None` when nothing is known that could be drawn, and nothing is being read either. `named` are the packages or
/// the user that the page is of, `chosen` the parameters of its address, of which those that make no sense are told and left out. What is
/// at hand need not be read again.
async fn chart_of(
    state: &AppState,
    named: &[(&'static str, String)],
    chosen: &[(String, String)],
    usual: ChartShow,
    action: &str,
    at_hand: Option<&ChartSource>,
) -> Option<ChartView> {
    let named = named.iter().map(|(key, value)| (*key, value.as_str()));
    let show = [("show", usual.as_str())];
    let chosen = chosen.iter().map(|(key, value)| (key.as_str(), value.as_str())).filter(|(key, _)| !matches!(*key, "p" | "u"));
    let own: Vec<(&str, &str)> = named.chain(show).collect();
    let draw = async |request: ChartRequest| ChartView::new(state, request, action, at_hand).await;
    let asked = match ChartRequest::parse(own.iter().copied().chain(chosen)) {
        Ok(request) => draw(request).await.map_err(|problem| problem.text().to_owned()),
        Err(error) => Err(error.to_string()),
    };
    let view = match asked {
        Ok(view) => Some(view),
        Err(why) => {
            let usual = draw(ChartRequest::parse(own.iter().copied()).ok()?).await.ok();
            usual.map(|view| ChartView { refused: Some(why), ..view })
        }
    };
    view.filter(|view| !view.data.is_empty() || !view.being_read.is_empty())
}

/// Where sites learn how to embed the chart at a path of ours.
fn oembed(path: &str) -> String {
    format!("/oembed?{}", format::query(&[("url", path.to_owned())]))
}

fn number(parameters: &HashMap<String, String>, key: &str) -> usize {
    parameters.get(key).and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// `/` and `/search`: the front page, results, or the way to what was typed.
pub(crate) async fn home_or_search(State(state): State<AppState>, OriginalUri(uri): OriginalUri) -> Response {
    let parameters = parameters(uri.query());
    let Some(typed) = parameters.get("q").filter(|typed| !typed.trim().is_empty() || parameters.contains_key("from")) else {
        return home::home(&state).await;
    };
    match parse_target(typed) {
        Target::Package { name, version: None } => redirect(StatusCode::SEE_OTHER, &format::package_path(name.as_str())),
        Target::Package { name, version: Some(version) } => redirect(StatusCode::SEE_OTHER, &format::version_path(name.as_str(), &version)),
        Target::User(user) => redirect(StatusCode::SEE_OTHER, &format!("/@{user}")),
        Target::Text(text) => {
            let switch = |name: &str| parameters.get(name).is_some_and(|value| matches!(value.as_str(), "" | "1" | "true"));
            search::search(&state, text, number(&parameters, "from"), switch("explain"), switch("facets")).await
        }
    }
}

/// Addresses that no pattern of a router describes: `/pkg:NAME`, `/@USER` and their kin. `None` when it is none of these.
pub(crate) async fn by_path(state: &AppState, path: &str, query: Option<&str>) -> Option<Response> {
    let Ok(path) = percent_decode_str(path.strip_prefix('/')?).decode_utf8() else { return Some(not_found("This address is not text.")) };
    let no_package = |text: &str| {
        // What turns the direction of a line around would make the words after it unreadable.
        let is_hidden = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let shown: String = text.chars().filter(|c| !is_hidden(*c)).take(80).collect();
        message::no_name(&shown, PackageName::parse(text).err())
    };
    if let Some(rest) = path.strip_prefix("pkg:") {
        return Some(match parse_target(&format!("pkg:{rest}")) {
            Target::Package { name, version } => package::package(state, &name, version.as_deref(), query).await,
            _ => no_package(rest),
        });
    }
    if let Some(rest) = path.strip_prefix("package/") {
        return Some(match parse_target(&format!("npmjs.com/package/{rest}")) {
            Target::Package { name, version: None } => redirect(StatusCode::PERMANENT_REDIRECT, &format::package_path(name.as_str())),
            Target::Package { name, version: Some(version) } => {
                redirect(StatusCode::PERMANENT_REDIRECT, &format::version_path(name.as_str(), &version))
            }
            _ => no_package(rest),
        });
    }
    let user = path.strip_prefix(['@', '~'])?;
    let scoped = path.starts_with('@') && user.contains('/');
    Some(match parse_target(&path) {
        Target::Package { name, version: None } if scoped => redirect(StatusCode::PERMANENT_REDIRECT, &format::package_path(name.as_str())),
        Target::Package { name, version: Some(version) } if scoped => {
            redirect(StatusCode::PERMANENT_REDIRECT, &format::version_path(name.as_str(), &version))
        }
        Target::User(name) if path.starts_with('~') || user != name => redirect(StatusCode::PERMANENT_REDIRECT, &format!("/@{name}")),
        Target::User(name) => user::user(state, &name, query).await,
        _ => not_found("No user has a name like this: letters, digits, and any of - _ . ~"),
    })
}

/// What went wrong with reading, as a page.
fn failed(state: &AppState, error: catalog::Error) -> Response {
    match error {
        catalog::Error::NoIndex => message::filling(state),
        catalog::Error::Query(error) => message::bad_request(&error.to_string()),
        error => {
            tracing::error!(%error, "a request failed");
            message::broken()
        }
    }
}
