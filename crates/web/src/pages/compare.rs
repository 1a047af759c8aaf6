//! Packages side by side.

use askama::Template;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::Response;
use catalog::{ChartShow, ComparePage, Compared, ComparedManifest, MAX_COMPARED};
use model::PackageName;

use super::{Frame, chart_of, failed, message, oembed, pairs, render};
use crate::cache::CachePolicy;
use crate::charts::ChartView;
use crate::{AppState, assets, format};

#[derive(Template)]
#[template(path = "compare.html")]
struct Compare {
    frame: Frame,
    page: ComparePage,
    /// What is wrong with the address.
    wrong: Vec<String>,
    chart: Option<ChartView>,
    /// Addresses without one of the packages, in their order.
    without: Vec<String>,
    names: Vec<String>,
    /// How the chart was chosen to be.
    chosen: Vec<(&'static str, String)>,
    may_add: bool,
    /// What the packages say of themselves: label, and a value each, where it is known.
    facts: Vec<(&'static str, Vec<Option<String>>)>,
}

fn facts(page: &ComparePage) -> Vec<(&'static str, Vec<Option<String>>)> {
    let row = |label, value: &dyn Fn(&Compared) -> Option<String>| (label, page.packages.iter().map(value).collect());
    let of = |label, value: &dyn Fn(&ComparedManifest) -> Option<String>| row(label, &|one: &Compared| one.latest.as_ref().and_then(value));
    let yes = |is_so: bool| Some(if is_so { "yes" } else { "no" }.to_owned());
    vec![
        row("Licence", &|one| one.license.clone()),
        of("Versions", &|latest| Some(format::count_of(latest.versions))),
        of("Versions in the last year", &|latest| Some(format::count_of(latest.versions_in_a_year))),
        of("Unpacked size", &|latest| latest.unpacked_bytes.as_ref().map(format::bytes)),
        of("Files", &|latest| latest.files.as_ref().map(format::count)),
        of("Dependencies", &|latest| Some(format::count_of(latest.dependencies))),
        of("Peer dependencies", &|latest| Some(format::count_of(latest.peer_dependencies))),
        of("Types included", &|latest| yes(latest.has_types)),
        of("Module", &|latest| {
            Some(match (latest.is_esm, latest.is_commonjs) {
                (true, true) => "ESM and CommonJS".to_owned(),
                (true, false) => "ESM".to_owned(),
                (false, true) => "CommonJS".to_owned(),
                (false, false) => "no entry".to_owned(),
            })
        }),
        of("Node.js", &|latest| Some(latest.node.clone().unwrap_or_else(|| "not stated".to_owned()))),
        of("Runs scripts when installed", &|latest| yes(latest.runs_scripts)),
        of("Provenance", &|latest| Some(if latest.has_provenance { "attested" } else { "not stated" }.to_owned())),
    ]
}

/// The packages that parameters name, and what in them is no name.
pub(super) fn names(pairs: &[(String, String)]) -> (Vec<PackageName>, Vec<String>) {
    let (mut names, mut wrong): (Vec<PackageName>, Vec<String>) = (Vec::new(), Vec::new());
    let texts = pairs.iter().filter(|(key, _)| key == "p").flat_map(|(_, value)| value.split([',', ' '])).map(str::trim);
    for text in texts.filter(|text| !text.is_empty()) {
        match PackageName::parse(text.strip_prefix("pkg:").unwrap_or(text)) {
            Ok(name) if names.contains(&name) => {}
            Ok(name) => names.push(name),
            Err(why) => {
                let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
                wrong.push(format!("{shown} is no name of a package: {why}."));
            }
        }
    }
    (names, wrong)
}

/// `/compare`
pub(crate) async fn compare(State(state): State<AppState>, OriginalUri(uri): OriginalUri) -> Response {
    let pairs = pairs(uri.query());
    let (names, mut wrong) = names(&pairs);
    let page = match state.catalog.compare(&names, state.clock.now()).await {
        Ok(page) => page,
        Err(error) => return failed(&state, error),
    };
    let stored: Vec<(&'static str, String)> = page.packages.iter().map(|one| ("p", one.name.clone())).collect();
    let mut chart = if stored.is_empty() { None } else { chart_of(&state, &stored, &pairs, ChartShow::Total, "/compare", None).await };
    wrong.extend(chart.as_mut().and_then(|view| view.refused.take()).map(|why| format!("{why}.")));
    if names.len() > MAX_COMPARED {
        wrong.push(format!("At most {MAX_COMPARED} packages stand side by side."));
    }
    let listed: Vec<&str> = page.packages.iter().map(|one| one.name.as_str()).collect();
    let title = if listed.is_empty() {
        "Compare npm packages".to_owned()
    } else {
        format!("{} - compared", format::some(&listed.iter().map(ToString::to_string).collect::<Vec<_>>(), 4))
    };
    let mut frame = Frame::new(title, "Downloads, sizes, dependencies, types and dates of npm packages side by side.");
    frame.json = (!listed.is_empty()).then(|| format!("/api/v1{}", format::compare_path(listed.iter().copied())));
    frame.oembed = chart.as_ref().map(|view| oembed(&format!("/compare?{}", view.query)));
    frame.indexed = wrong.is_empty() && page.unknown.is_empty();
    let chosen: Vec<(&'static str, String)> =
        chart.iter().flat_map(|view| view.request.parameters()).filter(|(key, _)| *key != "p").collect();
    let without = (0..listed.len()).map(|place| {
        let rest = stored.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, pair)| pair.clone());
        let query = format::query(&rest.chain(chosen.iter().cloned()).collect::<Vec<_>>());
        if query.is_empty() { "/compare".to_owned() } else { format!("/compare?{query}") }
    });
    let without = without.collect();
    let is_bad = !wrong.is_empty() && page.packages.is_empty() && page.unknown.is_empty();
    let names = page.packages.iter().map(|one| one.name.clone()).collect();
    let may_add = page.packages.len() < MAX_COMPARED;
    let facts = facts(&page);
    let view = Compare { frame, page, wrong, chart, without, names, chosen, may_add, facts };
    if is_bad {
        return message::bad_request(&view.wrong.join(" "));
    }
    render(StatusCode::OK, CachePolicy::Page, &view)
}
