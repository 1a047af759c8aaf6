//! A package, or one version of it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use catalog::{ChartShow, PackageAnswer, PackagePage, ReadmeState, VersionRow};
use model::{DistTag, PackageName, Source, State};
use sync::Answer;

use super::message::Message;
use super::{Frame, broken, chart_of, draw, failed, oembed, pairs, parameters, redirect, render, send};
use crate::api::settled;
use crate::ask::{Looked, look, look_at_advisories};
use crate::cache::CachePolicy;
use crate::charts::ChartView;
use crate::{AppState, PageKey, assets, format};

/// Versions and tags on a page unless all are asked for.
const VERSIONS: usize = 20;
const TAGS: usize = 8;
/// Parameters that change the chart.
const CHART_PARAMETERS: [&str; 6] = ["from", "to", "step", "scale", "show", "releases"];
/// Packages offered instead of one that does not exist.
const NEAR: usize = 5;

#[derive(Template)]
#[template(path = "package.html")]
struct Package<'a> {
    frame: Frame,
    now: i64,
    page: &'a PackagePage,
    is_held: bool,
    /// What has to be said about how much is known.
    state: Option<String>,
    /// Package managers and what is typed.
    install: Vec<(&'static str, String)>,
    chart: Option<String>,
    /// Whose repository it is, as `owner:` takes it.
    owner: Option<String>,
    versions: &'a [VersionRow],
    tags: &'a [DistTag],
    rest_of_tags: &'a [DistTag],
    more_tags: usize,
    dependency_count: usize,
    no_readme: &'static str,
    source: &'static str,
    has_statistics: bool,
    chart_view: Option<ChartView>,
    /// npm is being asked for its downloads by day for the first time.
    is_being_counted: bool,
    /// What has to be said of known vulnerabilities when none are stored.
    advisories_state: Option<String>,
    /// Side by side with its peers.
    compare_peers: String,
}

pub(super) async fn package(state: &AppState, name: &PackageName, version: Option<&str>, query: Option<&str>) -> Response {
    let (parameters, pairs) = (parameters(query), pairs(query));
    let all = parameters.get("versions").is_some_and(|value| value == "all");
    let key = (name.clone(), version.map(str::to_owned), all, state.catalog.tells_advisories());
    // Only pages with the usual chart are kept.
    let is_usual = !pairs.iter().any(|(key, _)| CHART_PARAMETERS.contains(&key.as_str()));
    if let Some(page) = state.pages.get(&key).filter(|_| is_usual) {
        return send(CachePolicy::Page, page);
    }
    let Looked { answer, upstream } = match look(state, name, version).await {
        Ok(looked) => looked,
        Err(error) => return failed(state, error),
    };
    match answer {
        PackageAnswer::Unknown => unknown(state, name, &upstream).await,
        PackageAnswer::Tag(version) => redirect(StatusCode::FOUND, &format::version_path(name.as_str(), &version)),
        PackageAnswer::NoSuchVersion { observed, latest } => {
            no_version(name, version.unwrap_or_default(), observed.as_deref(), &upstream, latest)
        }
        PackageAnswer::Page(page) => {
            if upstream == Answer::Missing && page.is_only_listed() {
                return gone(name, &page);
            }
            show(state, &page, &upstream, key, &pairs).await
        }
    }
}

async fn show(state: &AppState, page: &PackagePage, upstream: &Answer, key: PageKey, chosen: &[(String, String)]) -> Response {
    let (_, _, all, _) = key;
    let advisories = look_at_advisories(state, page).await;
    let chart = match page.unpublished {
        Some(_) => None,
        None => {
            chart_of(
                state,
                &[("p", page.name.clone())],
                chosen,
                ChartShow::Total,
                &format::version_path_or(&page.name, page),
                Some(&page.source_of_chart),
            )
            .await
        }
    };
    let is_being_counted = chart.as_ref().is_some_and(|view| !view.being_read.is_empty());
    let chart = chart.filter(|view| !view.data.is_empty());
    let name = &page.name;
    let title = match &page.version {
        Some(version) if !page.is_latest => format!("{name} {version} - npm package"),
        _ => format!("{name} - npm package"),
    };
    let description =
        page.description.clone().unwrap_or_else(|| format!("Version, downloads, dependencies and README of the npm package {name}."));
    let mut frame = Frame::new(title, description);
    frame.query = format!("pkg:{name}");
    frame.json = Some(api_path(page));
    frame.oembed = chart.as_ref().map(|_| oembed(&format::package_path(name)));
    let is_held = page.state == State::SecurityHolding;
    frame.indexed = page.details_observed.is_some() && page.is_latest && page.unpublished.is_none() && !is_held;
    let said = match (upstream, page.details_observed.is_some()) {
        (Answer::Waiting, false) => {
            Some("The registry is being asked for the details of this package. Load the page again in a moment.".to_owned())
        }
        (Answer::Unavailable { .. }, false) if state.upstream.is_offline() => {
            Some("This server is offline. It shows what the published lists tell about this package.".to_owned())
        }
        (Answer::Unavailable { why }, false) => Some(format!("The registry could not be asked for the details of this package: {why}.")),
        _ => None,
    };
    let shown = if all { page.versions.len() } else { page.versions.len().min(VERSIONS) };
    let (tags, rest_of_tags) = page.dist_tags.split_at(page.dist_tags.len().min(TAGS));
    let status = if page.unpublished.is_some() { StatusCode::GONE } else { StatusCode::OK };
    let are_advisories_read = matches!(advisories, Some(Answer::Waiting | Answer::Stored));
    frame.reload |= are_advisories_read;
    let policy = if is_being_counted || are_advisories_read { CachePolicy::Never } else { settled(page, upstream) };
    let manifest = page.manifest.as_ref();
    let statistics = &page.statistics;
    let view = Package {
        has_statistics: chart.is_some() || statistics.versions.is_some() || (page.is_latest && page.details_observed.is_some()),
        chart_view: chart,
        is_being_counted,
        advisories_state: advisories.map(|answer| match answer {
            Answer::Unavailable { why } => format!("Not known: {why}."),
            Answer::Missing => "Not known: this registry does not tell of known vulnerabilities.".to_owned(),
            _ => "The registry is being asked; load the page again in a moment.".to_owned(),
        }),
        compare_peers: format::compare_path(std::iter::once(page.name.as_str()).chain(statistics.peers.iter().map(String::as_str))),
        frame,
        now: state.clock.now(),
        page,
        is_held,
        state: said,
        install: install(page),
        chart: page.month_chart(),
        owner: page.repository.as_deref().and_then(owner),
        versions: &page.versions[..shown],
        tags,
        rest_of_tags,
        more_tags: rest_of_tags.len(),
        dependency_count: manifest.map_or(0, |manifest| {
            manifest.dependencies.len()
                + manifest.peer_dependencies.len()
                + manifest.optional_dependencies.len()
                + manifest.dev_dependencies.len()
        }),
        no_readme: match (page.readme_state, page.unpublished.is_some()) {
            (_, true) => "What is unpublished has no README any more.",
            (ReadmeState::None, _) => "This version has no README.",
            _ if state.upstream.is_offline() => "The README was not read before this server went offline.",
            _ => "The README was not read yet.",
        },
        source: match page.source {
            Source::DataSet => "the published lists of names",
            Source::SearchHit => "the registry's search",
            Source::Packument => "the registry",
        },
    };
    if status != StatusCode::OK || policy != CachePolicy::Page {
        return render(status, policy, &view);
    }
    let Some(html) = draw(&view) else {
        return broken();
    };
    if !chosen.iter().any(|(key, _)| CHART_PARAMETERS.contains(&key.as_str())) {
        state.pages.insert(key, html.clone());
    }
    send(policy, html)
}

fn api_path(page: &PackagePage) -> String {
    let path = format::version_path_or(&page.name, page);
    format!("/api/v1/packages/{}", path.trim_start_matches("/pkg:"))
}

fn install(page: &PackagePage) -> Vec<(&'static str, String)> {
    let version = page.version.as_deref().filter(|_| !page.is_latest).map_or_else(String::new, |version| format!("@{version}"));
    let name = format!("{}{version}", page.name);
    let (npm, others) = if page.name.starts_with("@types/") { (" --save-dev", " -D") } else { ("", "") };
    // A name that begins with a hyphen would be taken for an option.
    let end = if name.starts_with('-') { " --" } else { "" };
    vec![
        ("npm", format!("npm install{npm}{end} {name}")),
        ("pnpm", format!("pnpm add{others}{end} {name}")),
        ("yarn", format!("yarn add{others}{end} {name}")),
        ("bun", format!("bun add{}{end} {name}", if others.is_empty() { "" } else { " --dev" })),
    ]
}

/// `jane` of `https://github.com/jane/tool`, `gitlab.com/jane` elsewhere.
fn owner(repository: &str) -> Option<String> {
    let (host, path) = repository.strip_prefix("https://")?.split_once('/')?;
    let (owner, _) = path.split_once('/')?;
    Some(if host == "github.com" { owner.to_owned() } else { format!("{host}/{owner}") })
}

async fn near(state: &AppState, name: &PackageName) -> Vec<catalog::SearchHit> {
    let request = catalog::near_request(name, state.clock.now());
    let hits = crate::api::run(state, request).await.map(|page| page.hits).unwrap_or_default();
    hits.into_iter().filter(|hit| catalog::is_near(name.as_str(), &hit.name)).take(NEAR).collect()
}

async fn unknown(state: &AppState, name: &PackageName, upstream: &Answer) -> Response {
    let near = near(state, name).await;
    let with_near = |mut page: Message| {
        page.frame.query = format!("pkg:{name}");
        page.near_heading = "Did you mean";
        page.near = near;
        page
    };
    match upstream {
        Answer::Missing => {
            let text = format!("The registry has no package {name}, or hides it.");
            with_near(Message::new("No such package", vec![text])).send(StatusCode::NOT_FOUND)
        }
        Answer::Unavailable { why } => {
            let text = format!("{name} is not among the packages stored here, and the registry cannot be asked whether it exists: {why}.");
            with_near(Message::new("Not known here", vec![text])).send(StatusCode::SERVICE_UNAVAILABLE)
        }
        Answer::Stored | Answer::Waiting => {
            let mut page = Message::new(
                "Asking the registry",
                vec![format!(
                    "{name} is not among the packages stored here. The registry is being asked; load this page again in a moment."
                )],
            );
            page.frame.reload = true;
            with_near(page).send(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

fn gone(name: &PackageName, page: &PackagePage) -> Response {
    let texts = vec![
        format!("The registry has no package {name} any more, or hides it."),
        format!("It stands in a list of names that was seen on {}.", format::date(&page.observed)),
    ];
    Message::new("No such package", texts).send(StatusCode::NOT_FOUND)
}

fn no_version(name: &PackageName, version: &str, observed: Option<&str>, upstream: &Answer, latest: Option<String>) -> Response {
    let certain = matches!(upstream, Answer::Stored | Answer::Missing);
    let text = match (certain, observed) {
        (true, _) => format!("{name} has no version or tag {version}."),
        (false, Some(observed)) => {
            format!(
                "On {} {name} had no version or tag {version}. The registry has not said whether there is one now.",
                format::date(observed)
            )
        }
        (false, None) => format!("Of {name} only the latest version is known here, so whether there is a {version} cannot be said."),
    };
    let mut page = Message::new("No such version", vec![text]);
    page.links =
        vec![(format::package_path(name.as_str()), latest.map_or_else(|| name.to_string(), |latest| format!("{name}, latest {latest}")))];
    page.send(if certain { StatusCode::NOT_FOUND } else { StatusCode::SERVICE_UNAVAILABLE })
}
