//! A user's packages, and those of the scope and of the repositories of the same name.

use std::collections::HashMap;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use catalog::{UserPage, UserRequest, UserSort};
use sync::Answer;

use super::message::Message;
use super::{Frame, failed, number, render};
use crate::ask::look_at_user;
use crate::cache::CachePolicy;
use crate::{AppState, assets, format};

/// Packages on a page.
const SIZE: usize = 100;

#[derive(Template)]
#[template(path = "user.html")]
struct User {
    frame: Frame,
    page: UserPage,
    sort: &'static str,
    /// How many packages the registry counts, when that can be: fewer than are known it cannot.
    registry_total: Option<u64>,
    /// From when most of the counts are.
    as_of: String,
    /// What has to be said about how much is known.
    state: Option<String>,
}

pub(super) async fn user(state: &AppState, name: &str, parameters: &HashMap<String, String>) -> Response {
    let sort = parameters.get("sort").and_then(|sort| UserSort::parse(sort)).unwrap_or_default();
    let request = UserRequest { name: name.to_owned(), sort, from: number(parameters, "from"), size: SIZE };
    let (page, upstream) = match look_at_user(state, &request).await {
        Ok(looked) => looked,
        Err(error) => return failed(state, error),
    };
    if page.is_empty() && upstream != Answer::Waiting {
        return nobody(state, &page, &upstream);
    }
    let said = match &upstream {
        Answer::Waiting => Some("The registry is being asked for this user's packages. Load the page again in a moment.".to_owned()),
        Answer::Unavailable { .. } if state.upstream.is_offline() && page.asked.is_none() => {
            Some("This server is offline, so the registry was not asked for this user's packages.".to_owned())
        }
        Answer::Unavailable { why } if page.asked.is_none() => Some(format!("The registry could not be asked: {why}.")),
        _ => None,
    };
    let mut frame = Frame::new(
        format!("@{name} - npm packages"),
        format!("{} npm packages maintained by {name}, with their downloads and dates.", page.total),
    );
    frame.query = format!("@{name}");
    frame.json = Some(format!("/api/v1/users/{name}"));
    frame.indexed = page.total > 0;
    let registry_total = page.registry_total.filter(|total| *total >= page.total as u64);
    let as_of = page.downloads.as_ref().map(|sum| sum.as_of.clone()).unwrap_or_default();
    let policy = if said.is_some() { CachePolicy::Never } else { CachePolicy::Page };
    render(StatusCode::OK, policy, &User { frame, sort: page.sort.as_str(), registry_total, as_of, page, state: said })
}

fn nobody(state: &AppState, page: &UserPage, upstream: &Answer) -> Response {
    let mut texts = vec![format!("No package is known whose maintainers, scope or repository name {}.", page.user)];
    match (upstream, &page.problem) {
        (Answer::Unavailable { why }, _) => texts.push(format!("The registry could not be asked: {why}.")),
        (_, Some(problem)) => texts.push(format!("The registry was asked, but {problem}.")),
        _ => {}
    }
    if !state.catalog.has_index() {
        texts.push("The search index is still being built, so scopes and repositories cannot be listed yet.".to_owned());
    }
    let mut message = Message::new(format!("@{}", page.user), texts);
    message.frame.query = format!("@{}", page.user);
    message.links = vec![(format::search_path(&page.user, 0), "Search for it as text".to_owned())];
    let unsure = matches!(upstream, Answer::Unavailable { .. }) || !state.catalog.has_index();
    message.send(if unsure { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NOT_FOUND })
}
