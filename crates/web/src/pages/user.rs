//! A user's packages, and those of the scope and of the repositories of the same name.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use catalog::{ChartShow, UserPage, UserRequest, UserSort};
use model::Day;
use sync::Answer;

use super::message::Message;
use super::{Frame, chart_of, failed, number, oembed, pairs, parameters, render};
use crate::ask::{look_at_user, look_at_user_advisories};
use crate::cache::CachePolicy;
use crate::charts::ChartView;
use crate::{AppState, assets, format};

/// Packages on a page, and on one that is asked to have all.
const SIZE: usize = 100;
const ALL: usize = 10_000;
/// The orders, in words.
const ORDERS: [(&str, &str); 8] = [
    ("attention", "needs attention"),
    ("downloads", "downloads"),
    ("change", "growth"),
    ("week", "7 days"),
    ("year", "365 days"),
    ("published", "published"),
    ("dependents", "dependents"),
    ("name", "name"),
];

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
    orders: [(&'static str, &'static str); 8],
    /// The newest day that any package is counted to.
    newest: Day,
    chart: Option<ChartView>,
    /// What has to be said of how known vulnerabilities are asked for.
    advisories: Option<String>,
}

pub(super) async fn user(state: &AppState, name: &str, query: Option<&str>) -> Response {
    let parameters = parameters(query);
    let sort = parameters.get("sort").and_then(|sort| UserSort::parse(sort)).unwrap_or_default();
    let size = if parameters.get("size").is_some_and(|size| size == "all") { ALL } else { SIZE };
    let request = UserRequest { name: name.to_owned(), sort, from: number(&parameters, "skip"), size, now: state.clock.now() };
    let (page, upstream) = match look_at_user(state, &request).await {
        Ok(looked) => looked,
        Err(error) => return failed(state, error),
    };
    let advisories = look_at_user_advisories(state, &page).await;
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
    let policy = if said.is_some() || advisories == Some(Answer::Waiting) { CachePolicy::Never } else { CachePolicy::Page };
    let chart = match &page.daily {
        Some(_) => {
            chart_of(state, &[("u", name.to_owned())], &pairs(query), ChartShow::Stacked, &format!("/@{name}"), Some(&page.source_of_chart))
                .await
        }
        None => None,
    };
    let advisories = match (advisories, page.advisories.as_ref().map(|told| told.packages)) {
        (Some(Answer::Unavailable { why }), Some(0)) => Some(format!("Nothing is known of vulnerabilities: {why}.")),
        (Some(Answer::Missing), Some(0)) => Some("This registry does not tell of known vulnerabilities.".to_owned()),
        (Some(Answer::Waiting), _) => {
            Some("The registry is being asked for known vulnerabilities; load the page again in a while.".to_owned())
        }
        _ => None,
    };
    frame.oembed = chart.as_ref().map(|_| oembed(&format!("/@{name}")));
    let newest = page.daily.as_ref().map(|daily| daily.as_of).unwrap_or_default();
    render(
        StatusCode::OK,
        policy,
        &User { frame, sort: page.sort.as_str(), registry_total, as_of, page, state: said, orders: ORDERS, newest, chart, advisories },
    )
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
