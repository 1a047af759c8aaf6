//! A chart by itself.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use catalog::ChartRequest;

use super::message::Message;
use super::{Frame, oembed, render};
use crate::cache::CachePolicy;
use crate::charts::ChartView;
use crate::error::Problem;
use crate::{AppState, assets, format};

#[derive(Template)]
#[template(path = "chart.html")]
struct Chart {
    frame: Frame,
    view: ChartView,
}

/// `/chart`: the parameters are those of the files.
pub(crate) async fn chart(State(state): State<AppState>, parameters: Result<Query<Vec<(String, String)>>, QueryRejection>) -> Response {
    let Ok(Query(pairs)) = parameters else { return refused("the parameters of this address are not text") };
    let request = match ChartRequest::parse(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))) {
        Ok(request) => request,
        Err(error) => return refused(&error.to_string()),
    };
    let view = match ChartView::new(&state, request, "/chart", None).await {
        Ok(view) => view,
        Err(problem) => return failed(&problem),
    };
    let mut frame = Frame::new(format!("{} - pkgstats", view.data.title), format!("{}: {}.", view.data.title, view.data.measure));
    frame.json = Some(format!("/chart/downloads.json?{}", view.query));
    frame.oembed = Some(oembed(&format!("/chart?{}", view.query)));
    frame.indexed = false;
    frame.reload = !view.being_read.is_empty();
    let policy = if frame.reload { CachePolicy::Never } else { CachePolicy::Page };
    render(StatusCode::OK, policy, &Chart { frame, view })
}

fn refused(why: &str) -> Response {
    let mut page = Message::new("This chart cannot be drawn", vec![sentence(why)]);
    page.links = vec![("/chart?p=react&p=vue&from=2024-01-01&step=month".to_owned(), "A chart of two packages by month".to_owned())];
    page.send(StatusCode::BAD_REQUEST)
}

fn failed(problem: &Problem) -> Response {
    if problem.status() == StatusCode::BAD_REQUEST {
        return refused(problem.text());
    }
    Message::new("No chart of this", vec![sentence(problem.text())]).send(problem.status())
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let begun: String = letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect());
    format!("{begun}.")
}
