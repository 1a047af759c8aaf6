//! Charts and badges as files, and what sites that embed them ask for.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use catalog::{BadgePeriod, BadgeRequest, ChartData, ChartRequest, ChartShow, ChartSource, step_name};
use markup::{Badge, BadgeColour, BadgeStyle, ChartTheme, chart, chart_file, legend};
use model::{Day, PackageName, Step, is_user_name};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use utoipa::ToSchema;

use crate::ask::{look_at_downloads, queue_downloads};
use crate::cache::{CachePolicy, Cached};
use crate::error::Problem;
use crate::{AppState, format};

/// Points in a picture; more make a file that is slow to draw and no clearer.
const MAX_POINTS: usize = 12_000;
/// Periods in the table of a page, the newest; all are in the CSV.
const ROWS: usize = 400;
/// Size of a picture unless asked otherwise, pixels.
const WIDTH: u16 = 720;
const HEIGHT: u16 = 400;
/// Characters of a badge's own label.
const MAX_LABEL: usize = 60;

/// Pages of others may show it; its policy when it is opened by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared(pub(crate) &'static str);

/// A picture has its stylesheet inside, and does nothing.
const PICTURE: Shared = Shared("default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'");
/// A badge has not even that.
const BADGE: Shared = Shared("default-src 'none'; sandbox; frame-ancestors 'none'");
const TABLE: Shared = Shared("default-src 'none'; frame-ancestors 'none'");

type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

fn bad(code: &'static str, text: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, text)
}

fn pairs(parameters: Parameters) -> Result<Vec<(String, String)>, Problem> {
    parameters.map(|Query(pairs)| pairs).map_err(|error| bad("ERR_QUERY", error.body_text()))
}

fn parse(pairs: &[(String, String)]) -> Result<ChartRequest, Problem> {
    ChartRequest::parse(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
        .map_err(|error| bad("ERR_CHART", error.to_string()))
}

/// What is stored for a chart, when any of it is; what is at hand of it is not read again.
async fn data(state: &AppState, request: &ChartRequest, at_hand: Option<&ChartSource>) -> Result<ChartData, Problem> {
    let today = Day::of_seconds(state.clock.now());
    let data = match at_hand {
        Some(at_hand) => state.catalog.chart_of_page(request, today, at_hand).await?,
        None => state.catalog.chart(request, today).await?,
    };
    if data.series.is_empty() && request.show != ChartShow::Versions {
        let text = match &request.user {
            Some(user) => format!("no package is known to name {user} as a maintainer; /@{user} asks the registry"),
            None => format!("not known here: {}; the page of a package asks the registry for it", data.missing.join(", ")),
        };
        return Err(Problem::new(StatusCode::NOT_FOUND, "ERR_NOT_FOUND", text));
    }
    Ok(data)
}

/// Counts change once a day, those that are only being read any moment.
fn policy(data: &ChartData) -> CachePolicy {
    if data.as_of.is_none() || data.series.iter().any(|line| !line.coverage.is_complete()) {
        CachePolicy::Search
    } else {
        CachePolicy::Counts
    }
}

/// Downloads over time. Parameters: `p` (a package, repeated up to ten times) or `u` (a user), `from`, `to`, `step`, `scale`, `show`, `releases`.
#[utoipa::path(get, path = "/chart/downloads.json",
    params(
        ("p" = Option<Vec<String>>, Query, description = "packages, up to ten"),
        ("u" = Option<String>, Query, description = "or a user, for all of theirs; show=total or show=stacked"),
        ("from" = Option<String>, Query, description = "first day, as 2026-11-21"),
        ("to" = Option<String>, Query, description = "last day; missing for the newest that is counted"),
        ("step" = Option<String>, Query, description = "day, week, month or year"),
        ("scale" = Option<String>, Query, description = "linear or log"),
        ("show" = Option<String>, Query, description = "total, stacked, versions, share, growth or indexed"),
        ("releases" = Option<String>, Query, description = "0 for no marks at releases"),
    ),
    responses((status = 200, body = ChartData), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn json(State(state): State<AppState>, parameters: Parameters) -> Result<Response, Problem> {
    let data = data(&state, &parse(&pairs(parameters)?)?, None).await?;
    Ok(Cached(policy(&data), Json(data)).into_response())
}

/// The same as CSV.
pub(crate) async fn csv(State(state): State<AppState>, parameters: Parameters) -> Result<Response, Problem> {
    let data = data(&state, &parse(&pairs(parameters)?)?, None).await?;
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"downloads.csv\"")];
    Ok(shared(TABLE, Cached(policy(&data), (headers, data.csv()))))
}

/// The same as a picture: also `width`, `height` (pixels) and `theme` (`auto`, `light`, `dark`).
pub(crate) async fn svg(State(state): State<AppState>, parameters: Parameters) -> Result<Response, Problem> {
    let pairs = pairs(parameters)?;
    let request = parse(&pairs)?;
    let given = |key: &str| pairs.iter().find(|(name, value)| name == key && !value.trim().is_empty()).map(|(_, value)| value.trim());
    let size = |key: &str, usual: u16| match given(key) {
        None => Ok(usual),
        Some(value) => value.parse::<u16>().map_err(|_| bad("ERR_CHART", format!("'{key}' is a whole number of pixels"))),
    };
    let (width, height) = (size("width", WIDTH)?, size("height", HEIGHT)?);
    let theme = match given("theme") {
        None | Some("auto") => ChartTheme::Auto,
        Some("light") => ChartTheme::Light,
        Some("dark") => ChartTheme::Dark,
        Some(_) => return Err(bad("ERR_CHART", "'theme' is auto, light or dark")),
    };
    let data = data(&state, &request, None).await?;
    check_size(&data)?;
    let svg = chart_file(&data.spec("chart"), width, height, theme);
    Ok(shared(PICTURE, Cached(policy(&data), ([(CONTENT_TYPE, "image/svg+xml")], svg))))
}

fn check_size(data: &ChartData) -> Result<(), Problem> {
    let points = data.periods.len() * data.series.len();
    if points <= MAX_POINTS {
        return Ok(());
    }
    let text = format!(
        "{points} points are more than a picture shows, at most {MAX_POINTS}: choose a longer step, a later 'from' or fewer packages; /chart/downloads.csv has them all"
    );
    Err(bad("ERR_CHART", text))
}

fn shared(how: Shared, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(how);
    response
}

/// A chart as a page shows it: drawing, legend, controls, table, and where it can be had as a file.
pub(crate) struct ChartView {
    pub(crate) request: ChartRequest,
    pub(crate) data: ChartData,
    pub(crate) svg: String,
    pub(crate) legend: String,
    /// Why the chart is not the one that was asked for.
    pub(crate) refused: Option<String>,
    /// Packages whose downloads are being read for the first time.
    pub(crate) being_read: Vec<String>,
    /// Where the controls lead.
    pub(crate) action: String,
    /// What the controls keep: names and values.
    pub(crate) hidden: Vec<(&'static str, String)>,
    /// Ranges to choose from: name, address, whether it is the one shown.
    pub(crate) ranges: Vec<(&'static str, String, bool)>,
    /// The parameters of the same chart as a file.
    pub(crate) query: String,
    /// What can be shown of it.
    pub(crate) shows: Vec<(&'static str, &'static str)>,
    pub(crate) steps: [&'static str; 4],
    /// The newest periods, the newest first.
    pub(crate) rows: Vec<ChartRow>,
}

/// A period in the table of a chart.
pub(crate) struct ChartRow {
    pub(crate) period: String,
    pub(crate) is_finished: bool,
    /// A value a series, when it is known, and of how many days when not of all.
    pub(crate) cells: Vec<(Option<String>, Option<String>)>,
}

fn row(data: &ChartData, at: usize) -> ChartRow {
    let period = &data.periods[at];
    let cells = data.series.iter().map(|line| {
        let (known, days) = (line.known_days[at], period.range().days());
        let value = line.values[at].map(|value| data.value(value));
        let part = (value.is_some() && known < days).then(|| format!("{known} of {days} days"));
        (value, part)
    });
    ChartRow { period: data.period_name(period), is_finished: period.is_finished, cells: cells.collect() }
}

impl ChartView {
    /// The chart of a request on a page at `action`, whose parameters are those of the chart, but for packages and users that stand in
    /// its path.
    pub(crate) async fn new(state: &AppState, request: ChartRequest, action: &str, at_hand: Option<&ChartSource>) -> Result<Self, Problem> {
        let data = data(state, &request, at_hand).await?;
        check_size(&data)?;
        let being_read = look_at_downloads(state, &data).await;
        let mut spec = data.spec("chart");
        for (series, line) in spec.series.iter_mut().zip(&data.series) {
            series.href = line.package.as_deref().map(format::package_path);
        }
        let (svg, legend) = (chart(&spec), legend(&spec));
        let in_path = action.starts_with("/pkg:") || action.starts_with("/@");
        let is_of_page = |key: &str| !in_path || !matches!(key, "p" | "u");
        let hidden = request.parameters().into_iter().filter(|(key, _)| matches!(*key, "p" | "u") && is_of_page(key)).collect();
        let ranges = [("3 months", Some(91)), ("1 year", Some(365)), ("3 years", Some(3 * 365)), ("All", None)].map(|(name, days)| {
            let from = days.map_or(Day::FIRST_COUNTED, |days| data.as_of.unwrap_or(data.to) - days + 1).max(Day::FIRST_COUNTED);
            let other = ChartRequest { from: Some(from), to: None, step: None, ..request.clone() };
            let parameters = other.parameters().into_iter().filter(|(key, _)| is_of_page(key)).collect::<Vec<_>>();
            (name, format!("{action}?{}#chart", format::query(&parameters)), request.from == Some(from) && request.to.is_none())
        });
        let shows = [
            ("total", "Downloads"),
            ("stacked", "Downloads, stacked"),
            ("versions", "By version"),
            ("share", "Share of all npm"),
            ("growth", "Growth"),
            ("indexed", "Indexed to 100"),
        ];
        let can = |show: &&(&str, &str)| match show.0 {
            "total" => true,
            "stacked" => request.user.is_some() || request.packages.len() > 1,
            "versions" => request.packages.len() == 1,
            _ => request.user.is_none(),
        };
        Ok(Self {
            svg,
            legend,
            refused: None,
            being_read,
            hidden,
            ranges: ranges.into(),
            query: format::query(&request.parameters()),
            shows: shows.iter().filter(can).copied().collect(),
            steps: [Step::Day, Step::Week, Step::Month, Step::Year].map(step_name),
            rows: (0..data.periods.len()).rev().take(ROWS).map(|at| row(&data, at)).collect(),
            action: action.to_owned(),
            data,
            request,
        })
    }

    pub(crate) fn is_step(&self, step: &str) -> bool {
        self.request.step.is_some_and(|chosen| step_name(chosen) == step)
    }

    pub(crate) fn is_show(&self, show: &str) -> bool {
        self.data.show.as_str() == show
    }

    pub(crate) fn has_scale(&self) -> bool {
        matches!(self.data.show, ChartShow::Total | ChartShow::Share | ChartShow::Indexed)
    }
}

/// What a site that embeds a chart has to know (oEmbed 1.0, type `rich`).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Embed {
    version: &'static str,
    r#type: &'static str,
    title: String,
    provider_name: &'static str,
    provider_url: String,
    cache_age: u32,
    width: u16,
    height: u16,
    html: String,
}

/// How to embed the chart at an address of ours: `url`, `maxwidth`, `maxheight`, `format=json`.
#[utoipa::path(get, path = "/oembed",
    params(("url" = String, Query, description = "address of a chart, package, user or comparison on this server"),
        ("maxwidth" = Option<u16>, Query), ("maxheight" = Option<u16>, Query), ("format" = Option<String>, Query, description = "json")),
    responses((status = 200, body = Embed), (status = 404, body = Problem), (status = 501, body = Problem)))]
pub(crate) async fn oembed(State(state): State<AppState>, headers: HeaderMap, parameters: Parameters) -> Result<Response, Problem> {
    let pairs = pairs(parameters)?;
    let given = |key: &str| pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.trim());
    if !matches!(given("format"), None | Some("" | "json")) {
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "ERR_FORMAT", "only format=json is answered"));
    }
    let no_chart = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "ERR_NOT_FOUND",
            "'url' is the address of a chart, a package, a user or a comparison on this server",
        )
    };
    let url: Uri = given("url").unwrap_or_default().parse().map_err(|_| no_chart())?;
    let host: Option<Authority> = match headers.get(HOST) {
        Some(host) => Some(host.to_str().ok().and_then(|host| host.parse().ok()).ok_or_else(no_chart)?),
        None => None,
    };
    let base = match (url.scheme_str(), url.authority()) {
        (Some(scheme @ ("http" | "https")), Some(authority)) if host.as_ref() == Some(authority) => format!("{scheme}://{authority}"),
        (None, None) => host.map_or_else(String::new, |host| format!("//{host}")),
        _ => return Err(no_chart()),
    };
    let request = embedded(&url).ok_or_else(no_chart)??;
    let size = |key: &str, usual: u16| match given(key) {
        None | Some("") => Ok(usual),
        Some(value) => value
            .parse::<u16>()
            .map(|most| most.clamp(1, usual))
            .map_err(|_| bad("ERR_QUERY", format!("'{key}' is a whole number of pixels"))),
    };
    let (width, height) = (size("maxwidth", WIDTH)?, size("maxheight", HEIGHT)?);
    let data = data(&state, &request, None).await?;
    let query = format::query(&request.parameters()).replace('&', "&amp;");
    let at = markup::escape(&base);
    let html = format!(
        "<a href=\"{at}/chart?{query}\"><img src=\"{at}/chart/downloads.svg?{query}&amp;width={width}&amp;height={height}\" \
         width=\"{width}\" height=\"{height}\" alt=\"{}\"></a>",
        markup::escape(&data.title)
    );
    let embed = Embed {
        version: "1.0",
        r#type: "rich",
        title: data.title.clone(),
        provider_name: "pkgstats",
        provider_url: format!("{base}/"),
        cache_age: 600,
        width,
        height,
        html,
    };
    Ok(Cached(policy(&data), Json(embed)).into_response())
}

/// The chart that a page of ours shows.
fn embedded(url: &Uri) -> Option<Result<ChartRequest, Problem>> {
    let path = percent_decode_str(url.path()).decode_utf8().ok()?;
    if let Some(name) = path.strip_prefix("/pkg:") {
        let name = name.get(1..).and_then(|rest| rest.find('@')).map_or(name, |at| &name[..=at]);
        return Some(of_page("p", name, url.query()));
    }
    if let Some(user) = path.strip_prefix("/@").or_else(|| path.strip_prefix("/~")) {
        return Some(if user.contains('/') { of_page("p", &path[1..], url.query()) } else { of_page("u", user, url.query()) });
    }
    let has_chart = matches!(&*path, "/chart" | "/compare" | "/chart/downloads.svg" | "/chart/downloads.csv" | "/chart/downloads.json");
    has_chart.then(|| pairs(Query::try_from_uri(url)).and_then(|pairs| parse(&pairs)))
}

/// The chart on the page of one package (`p`) or user (`u`), whose parameters stand in the page's own query.
pub(crate) fn of_page(key: &'static str, name: &str, query: Option<&str>) -> Result<ChartRequest, Problem> {
    let uri: Uri =
        format!("/?{}", query.unwrap_or_default()).parse().map_err(|_| bad("ERR_QUERY", "the parameters of this address are not text"))?;
    let mut pairs = pairs(Query::try_from_uri(&uri))?;
    pairs.retain(|(key, _)| !matches!(key.as_str(), "p" | "u"));
    pairs.push((key.to_owned(), name.to_owned()));
    parse(&pairs)
}

/// A badge: `/badge/downloads/{day|week|month|year}/NAME.svg`, `/badge/user/{day|week|month|year}/USER.svg`, `/badge/version/NAME.svg`,
/// `/badge/rank/NAME.svg`, `/badge/trend/NAME.svg`; `label`, `colour` and `style` change how it looks.
pub(crate) async fn badge(
    State(state): State<AppState>,
    path: Result<Path<(String, String)>, PathRejection>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let Path((kind, rest)) = path?;
    let pairs = pairs(parameters)?;
    let mut style = BadgeStyle::default();
    let (mut label, mut colour) = (None, None);
    for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        match key.as_str() {
            "label" if value.chars().count() > MAX_LABEL => {
                return Err(bad("ERR_BADGE", format!("'label' has at most {MAX_LABEL} characters")));
            }
            "label" => label = Some(value.as_str()),
            "colour" | "color" => {
                let text = "'colour' is grey, teal, blue, green, orange, red, purple, or three or six hexadecimal digits";
                colour = Some(BadgeColour::parse(value.trim_start_matches('#')).ok_or_else(|| bad("ERR_BADGE", text))?);
            }
            "style" => style = BadgeStyle::parse(value).ok_or_else(|| bad("ERR_BADGE", "'style' is flat, square or large"))?,
            _ => {}
        }
    }
    let request = badge_request(&kind, &rest)?;
    let text = state.catalog.badge(&request, Day::of_seconds(state.clock.now())).await?;
    // Whoever shows it has it asked for; nobody waits.
    if let (Some(None), BadgeRequest::Downloads(_, name) | BadgeRequest::Trend(name)) = (text.as_ref().map(|text| &text.value), &request) {
        queue_downloads(&state, vec![name.clone()]).await;
    }
    let status = if text.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let (own_label, value, own_colour) = match text {
        Some(text) => (text.label, text.value, text.colour),
        None => ("npm".to_owned(), Some("not found".to_owned()), BadgeColour::Grey),
    };
    let policy = match (&value, status) {
        (Some(_), StatusCode::OK) => CachePolicy::Counts,
        _ => CachePolicy::Search,
    };
    // What is not known is grey, whatever colour was asked for.
    let colour = if value.is_some() && status == StatusCode::OK { colour.unwrap_or(own_colour) } else { BadgeColour::Grey };
    let value = value.as_deref().unwrap_or("unknown");
    let svg = markup::badge(&Badge { label: label.unwrap_or(&own_label), value, colour, style });
    Ok(shared(BADGE, (status, Cached(policy, ([(CONTENT_TYPE, "image/svg+xml")], svg)))))
}

fn badge_request(kind: &str, rest: &str) -> Result<BadgeRequest, Problem> {
    let help = "badges are /badge/downloads/week/NAME.svg (day, week, month, year), /badge/user/week/USER.svg, /badge/version/NAME.svg, \
        /badge/rank/NAME.svg and /badge/trend/NAME.svg";
    let not_found = || Problem::new(StatusCode::NOT_FOUND, "ERR_NOT_FOUND", help);
    let rest = rest.strip_suffix(".svg").ok_or_else(not_found)?;
    let package = |name: &str| PackageName::parse(name).map_err(|why| bad("ERR_NAME", format!("this is no name of a package: {why}")));
    let by_period = |rest: &str| {
        let (period, name) = rest.split_once('/').ok_or_else(not_found)?;
        Ok::<_, Problem>((BadgePeriod::parse(period).ok_or_else(not_found)?, name.to_owned()))
    };
    Ok(match kind {
        "downloads" => {
            let (period, name) = by_period(rest)?;
            BadgeRequest::Downloads(period, package(&name)?)
        }
        "user" => {
            let (period, name) = by_period(rest)?;
            let name = name.trim_start_matches(['@', '~']);
            if !is_user_name(name) {
                return Err(bad("ERR_NAME", "this is no name of a user: letters, digits, and any of - _ . ~"));
            }
            BadgeRequest::User(period, name.to_owned())
        }
        "version" => BadgeRequest::Version(package(rest)?),
        "rank" => BadgeRequest::Rank(package(rest)?),
        "trend" => BadgeRequest::Trend(package(rest)?),
        _ => return Err(not_found()),
    })
}
