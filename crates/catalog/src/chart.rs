//! Downloads over time, of packages or of a user: what a chart, its table, its CSV and JSON, and a terminal print.

mod values;

use std::fmt::Write as _;

use markup::{
    ChartFormat, ChartGap, ChartKind, ChartMarker, ChartPoint, ChartScale, ChartSeries, ChartSpec, Covers, MAX_SERIES, day_name,
    period_name,
};
use model::{Day, DayRange, PackageName, Step, Sum, is_user_name};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

pub use values::ChartSource;
pub(crate) use values::released;

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

    fn marks_releases(&self) -> bool {
        self.releases && self.user.is_none() && self.packages.len() == 1
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
    /// Of how many days of each period npm itself has no counts.
    pub hole_days: Vec<u32>,
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

    /// The value of a series in a period as it is drawn. A finished period of which more than a twentieth is not known is a gap: its sum
    /// would look like a fall. Of packages together, and of what stands on each other, only days that npm lost make a gap, and that of all
    /// alike: what was not read yet of some leaves the others as they are, and is said.
    #[must_use]
    pub fn drawn(&self, line: &ChartLine, at: usize) -> Option<f64> {
        let value = line.values.get(at).copied().flatten();
        let days = self.periods.get(at).map_or(0, |period| period.range().days());
        let of = |days: &[u32]| days.get(at).copied().unwrap_or(0);
        let is_together = line.package.is_none() || self.show == ChartShow::Stacked;
        let lacks = if is_together {
            self.series.iter().map(|line| of(&line.hole_days)).max().unwrap_or(0)
        } else {
            days.saturating_sub(of(&line.known_days))
        };
        let is_gap = self.covers(line, at) == Covers::Partly && lacks * 20 > days;
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

    /// As CSV (RFC 4180): a line a period, and for every series its value, of how many days the counts are known, and of how many npm
    /// itself has none. What is not known is empty.
    #[must_use]
    pub fn csv(&self) -> String {
        let quoted =
            |text: &str| if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() };
        let mut csv = String::from("first,last,finished");
        for line in &self.series {
            let _ = write!(
                csv,
                ",{},{},{}",
                quoted(&line.name),
                quoted(&format!("{} known days", line.name)),
                quoted(&format!("{} lost days", line.name))
            );
        }
        csv.push_str("\r\n");
        for (at, period) in self.periods.iter().enumerate() {
            let _ = write!(csv, "{},{},{}", period.first, period.last, period.is_finished);
            for line in &self.series {
                let value = line.values.get(at).copied().flatten().map_or_else(String::new, |value| value.to_string());
                let of = |days: &[u32]| days.get(at).copied().unwrap_or(0);
                let _ = write!(csv, ",{value},{},{}", of(&line.known_days), of(&line.hole_days));
            }
            csv.push_str("\r\n");
        }
        csv
    }
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
}
