//! Downloads over time, of packages or of a user: what a chart, its table, its CSV and JSON, and a terminal print.

use std::collections::HashMap;
use std::fmt::Write as _;

use markup::{
    ChartFormat, ChartGap, ChartKind, ChartMarker, ChartPoint, ChartScale, ChartSeries, ChartSpec, Covers, MAX_SERIES, day_name,
    period_name,
};
use model::{Day, DayCount, DayRange, PackageName, Series, Step, Sum, is_user_name};
use serde::{Serialize, Serializer};
use store::{Known, Months, WHOLE_REGISTRY};
use utoipa::ToSchema;

use crate::{Catalog, Error};

/// Releases that are marked, the newest of the highest kind.
const RELEASES: usize = 12;
/// Days of all packages together that are read for a chart; a user's months are added up already.
const MAX_DAYS: u64 = 4_000_000;
/// A year, about.
const YEAR: i32 = 365;
/// Height of the plot, CSS pixels.
const HEIGHT: u16 = 280;

/// What a chart is asked to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartRequest {
    /// Up to ten packages.
    pub packages: Vec<PackageName>,
    /// Or the packages of a user.
    pub user: Option<String>,
    /// The first day.
    pub from: Option<Day>,
    /// The last day; missing for the newest that is counted.
    pub to: Option<Day>,
    /// The length of the periods; missing for one that suits the range.
    pub step: Option<Step>,
    /// Whether the scale of values is logarithmic.
    pub log: bool,
    /// What of the downloads.
    pub show: ChartShow,
    /// Whether releases are marked, where there is one package.
    pub releases: bool,
}

/// What of the downloads a chart shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChartShow {
    /// All of them, a line a package.
    #[default]
    Total,
    /// Packages on each other.
    Stacked,
    /// By version, of one package.
    Versions,
    /// Per cent of the downloads of all packages.
    Share,
    /// By how many per cent more than in the period before.
    Growth,
    /// The first period is 100.
    Indexed,
}

impl ChartShow {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 6] = [Self::Total, Self::Stacked, Self::Versions, Self::Share, Self::Growth, Self::Indexed];

    /// Its name in addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Stacked => "stacked",
            Self::Versions => "versions",
            Self::Share => "share",
            Self::Growth => "growth",
            Self::Indexed => "indexed",
        }
    }
}

/// Why a chart cannot be asked for like this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidChart(String);

impl ChartRequest {
    /// A chart of these packages with everything else as usual.
    #[must_use]
    pub fn of(packages: Vec<PackageName>) -> Self {
        Self { packages, user: None, from: None, to: None, step: None, log: false, show: ChartShow::Total, releases: true }
    }

    /// Reads the parameters of an address: `p` (repeated, or names with commas between them), `u`, `from`, `to`, `step`, `scale`, `show`,
    /// `releases`. Empty values are as good as none, and others are left to others.
    pub fn parse<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, InvalidChart> {
        let invalid = |text: String| Err(InvalidChart(text));
        let mut request = Self::of(Vec::new());
        for (key, value) in parameters {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let shown: String = value.chars().filter(|c| !c.is_control()).take(60).collect();
            match key {
                "p" => {
                    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                        match PackageName::parse(name) {
                            Ok(name) if request.packages.contains(&name) => {}
                            Ok(name) => request.packages.push(name),
                            Err(why) => return invalid(format!("p={shown} is no name of a package: {why}")),
                        }
                    }
                }
                "u" => {
                    let name = value.trim_start_matches(['@', '~']);
                    if !is_user_name(name) {
                        return invalid(format!("u={shown} is no name of a user: letters, digits, and any of - _ . ~"));
                    }
                    request.user = Some(name.to_owned());
                }
                "from" | "to" => {
                    let day =
                        Day::parse(value).map_err(|_| InvalidChart(format!("{key}={shown} is no day; days are written as 2026-11-21")))?;
                    *(if key == "from" { &mut request.from } else { &mut request.to }) = Some(day);
                }
                "step" => {
                    request.step = Some(match value {
                        "day" => Step::Day,
                        "week" => Step::Week,
                        "month" => Step::Month,
                        "year" => Step::Year,
                        _ => return invalid(format!("step={shown} is not known: day, week, month or year")),
                    });
                }
                "scale" => {
                    request.log = match value {
                        "linear" => false,
                        "log" => true,
                        _ => return invalid(format!("scale={shown} is not known: linear or log")),
                    };
                }
                "show" => match ChartShow::ALL.iter().find(|show| show.as_str() == value) {
                    Some(show) => request.show = *show,
                    None => {
                        let known = ChartShow::ALL.map(ChartShow::as_str).join(", ");
                        return invalid(format!("show={shown} is not known: one of {known}"));
                    }
                },
                "releases" => {
                    request.releases = match value {
                        "1" | "true" | "yes" | "on" => true,
                        "0" | "false" | "no" | "off" => false,
                        _ => return invalid(format!("releases={shown} is not known: 1 or 0")),
                    };
                }
                _ => {}
            }
        }
        request.check()
    }

    fn check(self) -> Result<Self, InvalidChart> {
        let invalid = |text: String| Err(InvalidChart(text));
        match (&self.user, self.packages.len()) {
            (None, 0) => return invalid("nothing to draw: name packages, as p=react&p=vue, or a user, as u=NAME".to_owned()),
            (Some(_), 1..) => return invalid("either packages (p) or a user (u), not both in one chart".to_owned()),
            (None, count) if count > MAX_SERIES => {
                return invalid(format!("{count} packages are more than can be told apart; at most {MAX_SERIES} go in a chart"));
            }
            _ => {}
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return invalid(format!("from={from} is after to={to}"));
        }
        let is_one = self.packages.len() == 1;
        match self.show {
            show if self.user.is_some() && !matches!(show, ChartShow::Total | ChartShow::Stacked) => {
                invalid(format!("show={} is of packages; of a user there are show=total and show=stacked", show.as_str()))
            }
            ChartShow::Versions if !is_one => invalid("show=versions is of one package: name one with p".to_owned()),
            ChartShow::Growth if self.log => {
                invalid("show=growth has values below zero, which scale=log cannot show; use scale=linear".to_owned())
            }
            ChartShow::Stacked | ChartShow::Versions if self.log => {
                invalid(format!("show={} is a stack, which scale=log would distort; use scale=linear", self.show.as_str()))
            }
            _ => Ok(self),
        }
    }

    /// The parameters of an address that asks for this, those that are as usual left out.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut found: Vec<(&'static str, String)> = self.packages.iter().map(|name| ("p", name.to_string())).collect();
        found.extend(self.user.iter().map(|user| ("u", user.clone())));
        found.extend(self.from.map(|day| ("from", day.to_string())));
        found.extend(self.to.map(|day| ("to", day.to_string())));
        found.extend(self.step.map(|step| ("step", step_name(step).to_owned())));
        if self.log {
            found.push(("scale", "log".to_owned()));
        }
        if self.show != ChartShow::Total {
            found.push(("show", self.show.as_str().to_owned()));
        }
        if !self.releases {
            found.push(("releases", "0".to_owned()));
        }
        found
    }
}

/// The name of a step in addresses and words.
#[must_use]
pub fn step_name(step: Step) -> &'static str {
    match step {
        Step::Day => "day",
        Step::Week => "week",
        Step::Month => "month",
        Step::Year => "year",
    }
}

/// Downloads over time. Days are written as `2026-11-21`, UTC; both ends of a range are in it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChartData {
    /// One line that says what this is.
    pub title: String,
    /// What the values are: `downloads a week`.
    pub measure: String,
    /// The newest day with a count; missing when nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub as_of: Option<Day>,
    /// The first day.
    #[schema(value_type = String)]
    pub from: Day,
    /// The last day.
    #[schema(value_type = String)]
    pub to: Day,
    /// The length of the periods.
    #[schema(value_type = String)]
    pub step: Step,
    /// `linear` or `log`.
    pub scale: &'static str,
    /// What of the downloads.
    pub show: ChartShow,
    /// The periods, in order. Every series has a value for each.
    pub periods: Vec<ChartPeriod>,
    /// One a package, version or rest.
    pub series: Vec<ChartLine>,
    /// Releases in the range, in order.
    pub releases: Vec<ChartRelease>,
    /// Days of which no series has a count, and why.
    pub gaps: Vec<ChartHole>,
    /// Packages that were asked for and are not known here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// A period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChartPeriod {
    /// Its first day.
    #[schema(value_type = String)]
    pub first: Day,
    /// Its last day.
    #[schema(value_type = String)]
    pub last: Day,
    /// Whether it is whole: not cut by the range, and counted to its last day.
    pub is_finished: bool,
}

impl ChartPeriod {
    /// Its days.
    #[must_use]
    pub fn range(&self) -> DayRange {
        DayRange { first: self.first, last: self.last }
    }
}

/// A series of a chart.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChartLine {
    /// What it is called.
    pub name: String,
    /// The package it is of, when it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// The newest day with a count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub as_of: Option<Day>,
    /// What is known of the whole range up to the newest counted day: days, known days, and days of which npm itself has no counts.
    #[schema(value_type = Object)]
    pub coverage: Sum,
    /// A value a period; `null` where nothing is known, which is not zero.
    #[serde(serialize_with = "numbers")]
    pub values: Vec<Option<f64>>,
    /// Of how many days of each period the counts are known.
    pub known_days: Vec<u32>,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChartRelease {
    /// When it was published.
    #[schema(value_type = String)]
    pub day: Day,
    /// The version.
    pub version: String,
}

/// Days without counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChartHole {
    /// The first of them.
    #[schema(value_type = String)]
    pub first: Day,
    /// The last of them.
    #[schema(value_type = String)]
    pub last: Day,
    /// Why.
    pub why: &'static str,
}

const NPM_HAS_NONE: &str = "npm has no counts";
const NOT_READ: &str = "not read from npm yet";

/// Whole numbers are written as such.
fn numbers<S: Serializer>(values: &[Option<f64>], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Number {
        Whole(i64),
        Fraction(f64),
    }
    let number =
        |value: f64| if value.fract() == 0.0 && value.abs() < 9e15 { Number::Whole(value as i64) } else { Number::Fraction(value) };
    serializer.collect_seq(values.iter().map(|value| value.map(number)))
}

impl ChartData {
    /// Whether nothing at all is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|line| line.values.iter().all(Option::is_none))
    }

    /// How values are written.
    #[must_use]
    pub fn format(&self) -> ChartFormat {
        match self.show {
            ChartShow::Total | ChartShow::Stacked | ChartShow::Versions => ChartFormat::Count,
            ChartShow::Share => ChartFormat::Percent,
            ChartShow::Growth => ChartFormat::Change,
            ChartShow::Indexed => ChartFormat::Index,
        }
    }

    /// From when it is, and how much of it there is.
    #[must_use]
    pub fn note(&self) -> String {
        let Some(as_of) = self.as_of else { return "No counts yet".to_owned() };
        let mut note = format!("Counts to {}", day_name(as_of));
        for line in self.series.iter().filter(|line| line.as_of.is_some_and(|day| day < as_of)).take(3) {
            if let Some(day) = line.as_of {
                let _ = write!(note, "; of {} to {}", line.name, day_name(day));
            }
        }
        let partial = self.series.iter().filter(|line| !line.coverage.is_complete()).count();
        if partial > 0 {
            let missing: u32 =
                self.series.iter().map(|line| line.coverage.days - line.coverage.known - line.coverage.holes).max().unwrap_or(0);
            let _ = write!(
                note,
                "; up to {} of {} days are not read yet",
                crate::badge::grouped(missing.into()),
                crate::badge::grouped(self.series.iter().map(|line| line.coverage.days).max().unwrap_or(0).into())
            );
        }
        note
    }

    /// The name of a period.
    #[must_use]
    pub fn period_name(&self, period: &ChartPeriod) -> String {
        if self.show == ChartShow::Versions {
            return format!("7 days to {}", day_name(period.last));
        }
        period_name(period.range(), self.step)
    }

    /// How much of its period a value of a series covers.
    #[must_use]
    pub fn covers(&self, line: &ChartLine, at: usize) -> Covers {
        match (self.periods.get(at), line.known_days.get(at)) {
            (Some(period), _) if !period.is_finished => Covers::Unfinished,
            // A share is of the same days.
            (Some(period), Some(known)) if *known < period.range().days() && self.show != ChartShow::Share => Covers::Partly,
            _ => Covers::Whole,
        }
    }

    /// The value of a series in a period as it is drawn. Of a package, a finished period of which more than a twentieth is not known is a
    /// gap: its sum would look like a fall.
    #[must_use]
    pub fn drawn(&self, line: &ChartLine, at: usize) -> Option<f64> {
        let value = line.values.get(at).copied().flatten();
        let days = self.periods.get(at).map_or(0, |period| period.range().days());
        let known = line.known_days.get(at).copied().unwrap_or(0);
        let is_gap = line.package.is_some() && self.covers(line, at) == Covers::Partly && known * 20 < days * 19;
        value.filter(|_| !is_gap)
    }

    /// What is drawn. `id` begins the ids of its elements.
    #[must_use]
    pub fn spec(&self, id: &str) -> ChartSpec {
        let points = |line: &ChartLine| {
            let point = |(at, period): (usize, &ChartPeriod)| ChartPoint {
                range: period.range(),
                value: self.drawn(line, at),
                covers: self.covers(line, at),
            };
            self.periods.iter().enumerate().map(point).collect()
        };
        ChartSpec {
            id: id.to_owned(),
            title: self.title.clone(),
            measure: self.measure.clone(),
            note: self.note(),
            format: self.format(),
            scale: if self.scale == "log" { ChartScale::Log } else { ChartScale::Linear },
            kind: if matches!(self.show, ChartShow::Stacked | ChartShow::Versions) { ChartKind::Stacked } else { ChartKind::Lines },
            step: self.step,
            range: DayRange { first: self.from, last: self.to },
            series: self.series.iter().map(|line| ChartSeries { name: line.name.clone(), href: None, points: points(line) }).collect(),
            markers: self.releases.iter().map(|release| ChartMarker { day: release.day, label: release.version.clone() }).collect(),
            gaps: self
                .gaps
                .iter()
                .map(|gap| ChartGap { range: DayRange { first: gap.first, last: gap.last }, why: gap.why.to_owned() })
                .collect(),
            height: HEIGHT,
        }
    }

    /// A value in words, in full: `1,234`, `+12%`.
    #[must_use]
    pub fn value(&self, value: f64) -> String {
        match self.format() {
            ChartFormat::Count => crate::badge::grouped(value as u64),
            format => format.value(value),
        }
    }

    /// As CSV (RFC 4180): a line a period, and for every series its value and of how many days the counts are known. What is not known is
    /// empty.
    #[must_use]
    pub fn csv(&self) -> String {
        let quoted =
            |text: &str| if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() };
        let mut csv = String::from("first,last,finished");
        for line in &self.series {
            let _ = write!(csv, ",{},{}", quoted(&line.name), quoted(&format!("{} known days", line.name)));
        }
        csv.push_str("\r\n");
        for (at, period) in self.periods.iter().enumerate() {
            let _ = write!(csv, "{},{},{}", period.first, period.last, period.is_finished);
            for line in &self.series {
                let value = line.values.get(at).copied().flatten().map_or_else(String::new, |value| value.to_string());
                let _ = write!(csv, ",{value},{}", line.known_days.get(at).copied().unwrap_or(0));
            }
            csv.push_str("\r\n");
        }
        csv
    }
}

/// A series before it is a line: its sums by period.
struct Summed {
    /// The package's.
    id: i64,
    name: String,
    package: Option<String>,
    as_of: Option<Day>,
    coverage: Sum,
    sums: Vec<Sum>,
}

impl Catalog {
    /// Downloads over time; `today` is the day it is. Packages that are not stored stand in `missing`; those without counts are series
    /// without values.
    pub async fn chart(&self, request: &ChartRequest, today: Day) -> Result<ChartData, Error> {
        if request.show == ChartShow::Versions {
            return self.version_chart(request, today).await;
        }
        let packages = match &request.user {
            Some(user) => self.store.packages_of(user).await?,
            None => self.in_order(&request.packages).await?,
        };
        let to = request.to.unwrap_or(today).clamp(Day::FIRST_COUNTED, today.max(Day::FIRST_COUNTED));
        let step = request.step.unwrap_or_else(|| suitable(request.from, to, request.user.is_some()));
        // Whole periods are shown, or the first and the last would look like falls.
        let from = request.from.map(|from| from.min(to).period(step).first.max(Day::FIRST_COUNTED));
        let to = if request.to.is_some() { to.period(step).last.min(today).max(to) } else { to };
        let span = match step {
            Step::Day => 92,
            Step::Week => YEAR,
            Step::Month => 3 * YEAR,
            Step::Year => to - Day::FIRST_COUNTED + 1,
        };
        let is_by_month = request.user.is_some() && matches!(step, Step::Month | Step::Year);
        // What is read: also the newest day with a count, which is not known yet, and the period before the first.
        let read = DayRange { first: (from.unwrap_or(to - span - 40)).max(Day::FIRST_COUNTED).period(step).first - 370, last: to };
        let ids: Vec<i64> = packages.iter().map(|package| package.id).collect();
        if !is_by_month && ids.len() as u64 * u64::from(read.days()) > MAX_DAYS {
            let text = format!(
                "{} packages by the {} over so long are too much to add up: choose step=month, or a later 'from'",
                ids.len(),
                step_name(step)
            );
            return Err(InvalidChart(text).into());
        }
        let with_registry: Vec<i64> = ids.iter().copied().chain((request.show == ChartShow::Share).then_some(WHOLE_REGISTRY)).collect();
        let (mut days, months) = if is_by_month {
            (HashMap::new(), self.store.months_of(&ids).await?)
        } else {
            (self.store.series_of(&with_registry, read).await?, HashMap::new())
        };
        let registry = days.remove(&WHOLE_REGISTRY);
        let sums = if is_by_month { self.store.download_sums(&ids).await? } else { HashMap::new() };
        let as_of_of =
            |id: i64| if is_by_month { sums.get(&id).map(|sums| sums.as_of.min(to)) } else { days.get(&id).and_then(Series::last_known) };
        let as_of = ids.iter().filter_map(|id| as_of_of(*id)).max();
        let to = if request.to.is_some() { to } else { as_of.filter(|as_of| from.is_none_or(|from| from <= *as_of)).unwrap_or(to) };
        let usual = || (to - span + 1).max(Day::FIRST_COUNTED).period(step).first.max(Day::FIRST_COUNTED);
        let range = DayRange { first: from.unwrap_or_else(usual), last: to };
        let cut: Vec<(DayRange, DayRange)> = range.periods(step).into_iter().map(|whole| (whole, whole.intersection(range))).collect();
        let periods = cut.iter().map(|(whole, cut)| ChartPeriod {
            first: cut.first,
            last: cut.last,
            is_finished: (whole == cut || whole.first < Day::FIRST_COUNTED && cut.last == whole.last)
                && as_of.is_some_and(|as_of| whole.last <= as_of),
        });
        let periods: Vec<ChartPeriod> = periods.collect();

        let mut lines: Vec<Summed> = Vec::new();
        for package in &packages {
            let sum = |range: DayRange| match (is_by_month, days.get(&package.id), months.get(&package.id)) {
                (true, _, Some(months)) => months_sum(months, range),
                (false, Some(series), _) => series.sum(range),
                _ => Sum { days: range.days(), ..Sum::default() },
            };
            let as_of = as_of_of(package.id);
            let known = as_of.map_or(range, |as_of| DayRange { first: range.first, last: range.last.min(as_of).max(range.first) });
            lines.push(Summed {
                id: package.id,
                name: package.name.clone(),
                package: Some(package.name.clone()),
                as_of,
                coverage: sum(known),
                sums: periods.iter().map(|period| sum(period.range())).collect(),
            });
        }
        let gaps = if is_by_month { Vec::new() } else { gaps(&packages, &days, DayRange { last: as_of.unwrap_or(to), ..range }) };
        if let Some(user) = &request.user {
            lines = of_user(user, lines, request.show);
        } else if request.show == ChartShow::Stacked {
            lines.sort_by_key(|line| std::cmp::Reverse(line.coverage.downloads));
        }
        let series: Vec<ChartLine> = lines
            .iter()
            .map(|line| {
                let own = days.get(&line.id);
                let values = match request.show {
                    ChartShow::Share => shares(own, registry.as_ref(), &periods),
                    ChartShow::Growth => growth(own, step, &periods, &line.sums),
                    ChartShow::Indexed => indexed(&line.sums, &periods),
                    ChartShow::Total | ChartShow::Stacked | ChartShow::Versions => line.sums.iter().map(count).collect(),
                };
                let known_days = line.sums.iter().map(|sum| sum.known).collect();
                ChartLine {
                    name: line.name.clone(),
                    package: line.package.clone(),
                    as_of: line.as_of,
                    coverage: line.coverage,
                    values,
                    known_days,
                }
            })
            .collect();
        let releases = match packages.as_slice() {
            [package] if request.releases && request.user.is_none() => self.releases(package.id, range).await?,
            _ => Vec::new(),
        };
        let missing = request.packages.iter().filter(|name| !packages.iter().any(|package| package.name == name.as_str()));
        let names = names(request, &packages);
        let a = step_name(step);
        let (title, measure) = match request.show {
            ChartShow::Total | ChartShow::Versions => (format!("Downloads of {names}"), format!("downloads a {a}")),
            ChartShow::Stacked => (format!("Downloads of {names}, on each other"), format!("downloads a {a}")),
            ChartShow::Share => (format!("Share of all npm downloads: {names}"), format!("per cent of all npm downloads in a {a}")),
            ChartShow::Growth => (format!("Growth of {names}"), format!("per cent more or fewer downloads a day than in the {a} before")),
            ChartShow::Indexed => (format!("Downloads of {names}, indexed"), format!("downloads a {a}, those of the first = 100")),
        };
        Ok(ChartData {
            title,
            measure,
            as_of,
            from: range.first,
            to: range.last,
            step,
            scale: if request.log { "log" } else { "linear" },
            show: request.show,
            missing: missing.map(ToString::to_string).collect(),
            periods,
            series,
            releases,
            gaps,
        })
    }

    /// The packages of these names that are stored, in the order of the names.
    async fn in_order(&self, names: &[PackageName]) -> Result<Vec<Known>, Error> {
        let mut found = self.store.by_names(names).await?;
        found.sort_by_key(|package| names.iter().position(|name| name.as_str() == package.name));
        Ok(found)
    }

    /// Releases that deserve a mark: majors, then minors, then patches as long as there is room, and no prereleases.
    async fn releases(&self, id: i64, range: DayRange) -> Result<Vec<ChartRelease>, Error> {
        let Some(stored) = self.store.details(id).await? else { return Ok(Vec::new()) };
        let mut found: Vec<(u8, ChartRelease)> = Vec::new();
        for line in stored.details.versions {
            let (Some(day), Some(kind)) = (line.published_at.map(Day::of_seconds), kind(&line.version)) else { continue };
            if range.contains(day) {
                found.push((kind, ChartRelease { day, version: line.version }));
            }
        }
        found.sort_by_key(|(kind, release)| (*kind, std::cmp::Reverse(release.day)));
        let mut releases: Vec<ChartRelease> = found.into_iter().take(RELEASES).map(|(_, release)| release).collect();
        releases.sort_by_key(|release| release.day);
        Ok(releases)
    }

    /// The weekly downloads of versions, as they were archived; of many versions those of one major together.
    async fn version_chart(&self, request: &ChartRequest, today: Day) -> Result<ChartData, Error> {
        let packages = self.in_order(&request.packages).await?;
        let to = request.to.unwrap_or(today).min(today);
        let from = request.from.unwrap_or(Day::FIRST_COUNTED).min(to);
        let mut weeks = match packages.first() {
            Some(package) => self.store.version_downloads(package.id).await?,
            None => Vec::new(),
        };
        weeks.retain(|week| week.last <= to && week.last - 6 >= from);
        // The newest first: weeks that reach into one that was taken are left out, or days would be counted twice.
        let mut free_to = to + 1;
        weeks.retain(|week| {
            let is_free = week.last < free_to;
            if is_free {
                free_to = week.last - 6;
            }
            is_free
        });
        weeks.reverse();
        let versions: std::collections::HashSet<&str> =
            weeks.iter().flat_map(|week| week.counts.iter().map(|(version, _)| version.as_str())).collect();
        let is_by_major = versions.len() > MAX_SERIES;
        let group = |version: &str| match version.split_once('.') {
            Some((major, _)) if is_by_major => format!("{major}.x"),
            _ => version.to_owned(),
        };
        let mut groups: HashMap<String, Vec<u64>> = HashMap::new();
        for (at, week) in weeks.iter().enumerate() {
            for (version, downloads) in &week.counts {
                let counts = groups.entry(group(version)).or_insert_with(|| vec![0; weeks.len()]);
                counts[at] = counts[at].saturating_add(*downloads);
            }
        }
        let periods: Vec<ChartPeriod> =
            weeks.iter().map(|week| ChartPeriod { first: week.last - 6, last: week.last, is_finished: true }).collect();
        let as_of = weeks.last().map(|week| week.last);
        let mut lines: Vec<Summed> = groups
            .into_iter()
            .map(|(name, counts)| {
                let sums: Vec<Sum> = counts.into_iter().map(|downloads| Sum { downloads, days: 7, known: 7, holes: 0 }).collect();
                Summed { id: 0, name, package: None, as_of, coverage: together(&sums), sums }
            })
            .collect();
        lines.sort_by(|a, b| b.coverage.downloads.cmp(&a.coverage.downloads).then_with(|| a.name.cmp(&b.name)));
        let lines = with_others(lines, if is_by_major { "majors" } else { "versions" });
        let series = lines.into_iter().map(|line| ChartLine {
            values: line.sums.iter().map(count).collect(),
            known_days: line.sums.iter().map(|sum| sum.known).collect(),
            name: line.name,
            package: None,
            as_of,
            coverage: line.coverage,
        });
        let first = periods.first().map_or(from.max(to - YEAR + 1), |period| period.first);
        Ok(ChartData {
            title: format!("Versions of {} in use", names(request, &packages)),
            measure: "downloads in 7 days".to_owned(),
            as_of,
            from: first,
            to: as_of.unwrap_or(to),
            step: Step::Week,
            scale: "linear",
            show: request.show,
            series: series.collect(),
            periods,
            releases: Vec::new(),
            gaps: Vec::new(),
            missing: if packages.is_empty() { request.packages.iter().map(ToString::to_string).collect() } else { Vec::new() },
        })
    }
}

/// A step that gives some fifty to a hundred and fifty periods.
fn suitable(from: Option<Day>, to: Day, is_user: bool) -> Step {
    match from.map(|from| to - from) {
        None if is_user => Step::Month,
        Some(0..=100) => Step::Day,
        None | Some(..=1_150) => Step::Week,
        Some(_) => Step::Month,
    }
}

fn names(request: &ChartRequest, packages: &[Known]) -> String {
    if let Some(user) = &request.user {
        return format!("the packages of @{user}");
    }
    let names: Vec<&str> = match packages {
        [] => request.packages.iter().map(PackageName::as_str).collect(),
        packages => packages.iter().map(|package| package.name.as_str()).collect(),
    };
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [some @ .., last] if names.len() <= 4 => format!("{} and {last}", some.join(", ")),
        _ => format!("{} and {} more", names[..3].join(", "), names.len() - 3),
    }
}

/// The downloads, unless no day of the period is known of any package.
fn count(sum: &Sum) -> Option<f64> {
    (sum.known > 0 || sum.downloads > 0).then_some(sum.downloads as f64)
}

/// Sums of several periods as one.
fn together(sums: &[Sum]) -> Sum {
    sums.iter().fold(Sum::default(), |all, sum| Sum {
        downloads: all.downloads.saturating_add(sum.downloads),
        days: all.days + sum.days,
        known: all.known + sum.known,
        holes: all.holes + sum.holes,
    })
}

/// The same period of several packages: known as far as all of them are.
fn beside(all: Option<Sum>, sum: Sum) -> Sum {
    let Some(all) = all else { return sum };
    Sum {
        downloads: all.downloads.saturating_add(sum.downloads),
        days: all.days.max(sum.days),
        known: all.known.min(sum.known),
        holes: all.holes.min(sum.holes),
    }
}

/// Lines as one of this name. Those without any count are passed over.
fn joined(lines: &[Summed], name: String) -> Summed {
    let counted: Vec<&Summed> = lines.iter().filter(|line| line.as_of.is_some()).collect();
    let periods = lines.first().map_or(0, |line| line.sums.len());
    let sums =
        (0..periods).map(|at| counted.iter().fold(None, |all, line| Some(beside(all, line.sums[at]))).unwrap_or_else(|| lines[0].sums[at]));
    Summed {
        id: 0,
        name,
        package: None,
        as_of: counted.iter().filter_map(|line| line.as_of).max(),
        coverage: counted.iter().fold(None, |all, line| Some(beside(all, line.coverage))).unwrap_or_default(),
        sums: sums.collect(),
    }
}

/// As many lines as can be told apart; what is left is one line.
fn with_others(mut lines: Vec<Summed>, what: &str) -> Vec<Summed> {
    if lines.len() > MAX_SERIES {
        let others = lines.split_off(MAX_SERIES - 1);
        lines.push(joined(&others, format!("{} other {what}", others.len())));
    }
    lines
}

/// The packages of a user: together, or the most downloaded and the rest.
fn of_user(user: &str, mut lines: Vec<Summed>, show: ChartShow) -> Vec<Summed> {
    if lines.is_empty() {
        return lines;
    }
    if show == ChartShow::Stacked {
        lines.sort_by(|a, b| b.coverage.downloads.cmp(&a.coverage.downloads).then_with(|| a.name.cmp(&b.name)));
        return with_others(lines, "packages");
    }
    let counted = lines.iter().filter(|line| line.as_of.is_some()).count();
    let of = if counted < lines.len() { format!("{counted} of {}", lines.len()) } else { counted.to_string() };
    vec![joined(&lines, format!("@{user}, {of} package{}", if lines.len() == 1 { "" } else { "s" }))]
}

/// The whole months that a range touches.
fn months_sum(months: &Months, range: DayRange) -> Sum {
    let number = |day: Day| i64::from(day.year()) * 12 + i64::from(day.month());
    let first = number(months.first);
    let place = |number: i64| usize::try_from(number - first).unwrap_or(0).min(months.sums.len());
    let (from, to) = (place(number(range.first)), place(number(range.last) + 1));
    let sum = together(months.sums.get(from..to).unwrap_or_default());
    Sum { days: range.days(), known: sum.known.min(range.days()), ..sum }
}

/// Per cent of the whole registry, over the days of which both are known.
fn shares(own: Option<&Series>, registry: Option<&Series>, periods: &[ChartPeriod]) -> Vec<Option<f64>> {
    let (Some(own), Some(registry)) = (own, registry) else { return vec![None; periods.len()] };
    let share = |period: &ChartPeriod| {
        let (mut part, mut all) = (0.0, 0.0);
        for day in period.range().iter() {
            if let (DayCount::Known(one), DayCount::Known(of)) = (own.get(day), registry.get(day)) {
                part += one as f64;
                all += of as f64;
            }
        }
        (all > 0.0).then(|| part / all * 100.0)
    };
    periods.iter().map(share).collect()
}

/// Per cent more than in the period before. What is not finished is not compared: its days are not those of a whole period.
fn growth(own: Option<&Series>, step: Step, periods: &[ChartPeriod], sums: &[Sum]) -> Vec<Option<f64>> {
    let Some(own) = own else { return vec![None; periods.len()] };
    let grown = |(period, sum): (&ChartPeriod, &Sum)| {
        let before = own.sum((period.first - 1).period(step));
        if period.is_finished { sum.growth(&before).map(|growth| growth * 100.0) } else { None }
    };
    periods.iter().zip(sums).map(grown).collect()
}

/// Per cent of the first finished period with downloads.
fn indexed(sums: &[Sum], periods: &[ChartPeriod]) -> Vec<Option<f64>> {
    let mut finished = sums.iter().zip(periods).filter(|(sum, period)| period.is_finished && sum.known > 0 && sum.downloads > 0);
    let first = finished.next().map(|(sum, _)| sum.downloads as f64);
    sums.iter().map(|sum| Some(count(sum)? / first? * 100.0)).collect()
}

/// Stretches of which no series has a count, long enough to be seen.
fn gaps(packages: &[Known], days: &HashMap<i64, Series>, range: DayRange) -> Vec<ChartHole> {
    let series: Vec<&Series> = packages.iter().filter_map(|package| days.get(&package.id)).collect();
    let mut gaps: Vec<ChartHole> = Vec::new();
    if series.is_empty() {
        return gaps;
    }
    for day in range.iter() {
        let mut why = NPM_HAS_NONE;
        let mut is_known = false;
        for one in &series {
            match one.get(day) {
                DayCount::Known(_) => is_known = true,
                DayCount::Unknown => why = NOT_READ,
                DayCount::Hole => {}
            }
        }
        match gaps.last_mut() {
            _ if is_known => {}
            Some(gap) if gap.last + 1 == day && gap.why == why => gap.last = day,
            _ => gaps.push(ChartHole { first: day, last: day, why }),
        }
    }
    let least = range.days().cast_signed() / 700;
    gaps.retain(|gap| gap.last - gap.first >= least);
    gaps
}

/// 0 for a major release, 1 for a minor, 2 for a patch; nothing for what is before a release or no version.
fn kind(version: &str) -> Option<u8> {
    let mut parts = version.split('.').map(|part| part.parse::<u64>().ok());
    let (Some(Some(_)), Some(Some(minor)), Some(Some(patch)), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    Some(match (minor, patch) {
        (0, 0) => 0,
        (_, 0) => 1,
        _ => 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &[(&str, &str)]) -> Result<ChartRequest, String> {
        ChartRequest::parse(query.iter().copied()).map_err(|error| error.to_string())
    }

    #[test]
    fn parameters_are_read() {
        let request =
            parsed(&[("p", "react,vue"), ("p", "@types/node"), ("p", "vue"), ("from", "2024-01-01"), ("scale", "log"), ("other", "x")]);
        let request = request.expect("valid");
        assert_eq!(request.packages.iter().map(PackageName::as_str).collect::<Vec<_>>(), ["react", "vue", "@types/node"]);
        assert!(request.log && request.releases && request.from == Day::parse("2024-01-01").ok());
        let address: Vec<(&str, String)> = request.parameters();
        let again = ChartRequest::parse(address.iter().map(|(key, value)| (*key, value.as_str())));
        assert_eq!(again, Ok(request), "an address leads to what it was made of");
        assert_eq!(parsed(&[("u", "@jane"), ("show", "stacked"), ("step", "")]).expect("valid").user.as_deref(), Some("jane"));
    }

    #[test]
    fn bad_parameters_are_explained() {
        let check = |query: &[(&str, &str)], part: &str| {
            let error = parsed(query).expect_err("refused");
            assert!(error.contains(part), "{query:?}: {error}");
        };
        check(&[], "name packages, as p=react&p=vue");
        check(&[("p", "not a name")], "no name of a package");
        check(&[("p", "a,b,c,d,e,f,g,h,i,j,k")], "11 packages");
        check(&[("p", "a"), ("u", "jane")], "not both");
        check(&[("p", "a"), ("from", "2024-1-1")], "days are written as 2026-11-21");
        check(&[("p", "a"), ("from", "2024-02-01"), ("to", "2024-01-01")], "is after");
        check(&[("p", "a"), ("step", "hour")], "day, week, month or year");
        check(&[("p", "a"), ("scale", "cubic")], "linear or log");
        check(&[("p", "a"), ("show", "all")], "total, stacked, versions, share, growth, indexed");
        check(&[("p", "a,b"), ("show", "versions")], "one package");
        check(&[("p", "a"), ("show", "growth"), ("scale", "log")], "use scale=linear");
        check(&[("p", "a"), ("show", "stacked"), ("scale", "log")], "use scale=linear");
        check(&[("u", "jane"), ("show", "growth")], "show=total and show=stacked");
    }

    #[test]
    fn releases_have_kinds() {
        assert_eq!(["1.0.0", "1.2.0", "1.2.3", "1.0.0-beta.1", "1.0", "x"].map(kind), [Some(0), Some(1), Some(2), None, None, None]);
    }

    #[test]
    fn growth_passes_over_what_is_not_whole() {
        let day = Day::parse("2026-11-02").expect("a Monday");
        let counts = [vec![DayCount::Known(10); 7], vec![DayCount::Known(15); 7], vec![DayCount::Known(1); 3]].concat();
        let series = Series { first: day, days: counts };
        let weeks: Vec<DayRange> = DayRange { first: day, last: day + 16 }.periods(Step::Week);
        let periods: Vec<ChartPeriod> = weeks
            .iter()
            .map(|week| ChartPeriod { first: week.first, last: week.last.min(day + 16), is_finished: week.last <= day + 16 })
            .collect();
        let sums: Vec<Sum> = periods.iter().map(|period| series.sum(period.range())).collect();
        assert_eq!(growth(Some(&series), Step::Week, &periods, &sums), [None, Some(50.0), None]);
        assert_eq!(indexed(&sums, &periods), [Some(100.0), Some(150.0), Some(3.0 / 70.0 * 100.0)]);
        let registry = Series { first: day, days: vec![DayCount::Known(1_000); 10] };
        assert_eq!(shares(Some(&series), Some(&registry), &periods), [Some(1.0), Some(1.5), None]);
    }
}
