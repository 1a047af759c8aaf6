//! Charts of downloads as SVG: lines or stacks over days, weeks, months or years.
//!
//! A chart is made of a [`ChartSpec`], once for a page ([`chart`] and [`legend`]: it stretches to any width with its letters as large as they
//! are, and the page's stylesheet colours it) and once as a picture by itself ([`chart_file`]: with title, legend and a stylesheet of its own).
//! Both draw the same way. What is not known is a gap, and what is not whole is dashed.

mod axis;
mod draw;
mod file;
mod palette;
mod words;

use std::fmt::Write as _;

use model::{Day, DayRange, Step};

use crate::escape_into;
use draw::Plot;

pub use axis::{day_name, period_name};
pub use file::{ChartTheme, chart_file};
pub use palette::{PALETTE, SeriesColour};

/// Most series of a chart; more would not be told apart.
pub const MAX_SERIES: usize = 10;
/// Widths between which the letters of a page's chart are placed without touching, in CSS pixels.
const WIDE: f64 = 640.0;
const NARROW: f64 = 290.0;
/// Units of a page's chart from its left to its right edge.
const UNITS: f64 = 1_000.0;
/// Room below the plot, for days and what they are part of.
const BELOW: f64 = 40.0;

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartSpec {
    /// Begins the ids of its elements and has to be unique on the page; of it, letters, digits, `-` and `_` are used.
    pub id: String,
    /// One line.
    pub title: String,
    /// What the values are, as `downloads a week`.
    pub measure: String,
    /// From when they are, as `Counts to 21 Nov 2026`.
    pub note: String,
    /// How values are written.
    pub format: ChartFormat,
    /// The scale of values.
    pub scale: ChartScale,
    /// The kind of drawing.
    pub kind: ChartKind,
    /// How long the periods are.
    pub step: Step,
    /// From the left to the right edge.
    pub range: DayRange,
    /// At most [`MAX_SERIES`]; later ones are left out.
    pub series: Vec<ChartSeries>,
    /// Releases.
    pub markers: Vec<ChartMarker>,
    /// Days without counts, and why.
    pub gaps: Vec<ChartGap>,
    /// Height of the plot on a page, CSS pixels.
    pub height: u16,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartFormat {
    /// `1.2M`.
    Count,
    /// `1.5%`.
    Percent,
    /// `+12%`.
    Change,
    /// Hundred is where all series begin.
    Index,
}

/// The scale of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartScale {
    /// From zero.
    Linear,
    /// Powers of ten, with a place for zero where there are zeros.
    Log,
}

/// The kind of drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartKind {
    /// A line a series.
    Lines,
    /// Series on each other, the first at the bottom: bars, or areas where there are many periods. Always linear.
    Stacked,
}

/// A line, or a layer of a stack.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartSeries {
    /// Its name.
    pub name: String,
    /// Where the name leads, on a page.
    pub href: Option<String>,
    /// Periods in their order.
    pub points: Vec<ChartPoint>,
}

/// A value of a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChartPoint {
    /// The days of the period.
    pub range: DayRange,
    /// `None` where nobody knows, which is not zero.
    pub value: Option<f64>,
    /// How much of the period the value covers.
    pub covers: Covers,
}

/// How much of its period a value covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covers {
    /// All of it.
    Whole,
    /// What has passed of it.
    Unfinished,
    /// Not all of its days are known.
    Partly,
}

/// A day that is pointed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartMarker {
    /// The day.
    pub day: Day,
    /// As `v3.0.0`.
    pub label: String,
}

/// Days without counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartGap {
    /// The days.
    pub range: DayRange,
    /// Why.
    pub why: String,
}

impl ChartSpec {
    /// The series that are drawn.
    fn drawn(&self) -> &[ChartSeries] {
        &self.series[..self.series.len().min(MAX_SERIES)]
    }

    fn id(&self) -> String {
        self.id.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
    }

    /// Above the plot, where releases have their names.
    fn above(&self) -> f64 {
        if self.markers.is_empty() { 10.0 } else { 24.0 }
    }
}

/// A chart as part of a page: a `div` with an `<svg>` in it that is as wide as there is room and always as high.
///
/// Classes: `plot` on the `div` (its padding is the room for the labels of values, and it is the container that `wide` and `narrow` depend
/// on), `chart` on the `svg`; within `grid`, `axis`, `base`, `tick`, `wide`, `narrow`, `gap`, `release`, `s1` to `s10` (each sets `color`),
/// `line`, `fine`, `area`, `bar`, `sheet`, `mark`, `open`, `sign`, `part` (what is not whole), `hit` (a period, with its values as `<title>`), `none`.
#[must_use]
pub fn chart(spec: &ChartSpec) -> String {
    let id = spec.id();
    let (above, height) = (spec.above(), f64::from(spec.height));
    let mut svg = format!(
        "<div class=\"plot\"><svg class=\"chart\" width=\"100%\" height=\"{}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">",
        above + height + BELOW
    );
    escape_into(&mut svg, &spec.title);
    let _ = write!(svg, "</title><desc id=\"{id}-desc\">");
    escape_into(&mut svg, &words::describe(spec));
    let _ = write!(svg, "</desc><svg y=\"{above}\" width=\"100%\" height=\"{height}\" overflow=\"visible\">");
    Plot::new(spec, UNITS, height, &[("wide", WIDE), ("narrow", NARROW)]).draw(&mut svg);
    svg.push_str("</svg></svg></div>");
    svg
}

/// The names of the series as an HTML list of the class `legend`, each with the sign it is drawn with. Empty for one series.
#[must_use]
pub fn legend(spec: &ChartSpec) -> String {
    let series = spec.drawn();
    if series.len() < 2 {
        return String::new();
    }
    let mut html = String::from("<ul class=\"legend\">");
    let mut entries: Vec<(usize, &ChartSeries)> = series.iter().enumerate().collect();
    if spec.kind == ChartKind::Stacked {
        // From top to bottom, as they lie.
        entries.reverse();
    }
    for (number, one) in entries {
        let _ = write!(
            html,
            "<li class=\"s{}\"><svg class=\"swatch\" width=\"30\" height=\"14\" viewBox=\"-15 -7 30 14\" aria-hidden=\"true\">",
            number + 1
        );
        draw::swatch(&mut html, number, spec.kind);
        html.push_str("</svg> <span>");
        if let Some(href) = &one.href {
            html.push_str("<a href=\"");
            escape_into(&mut html, href);
            html.push_str("\">");
        }
        escape_into(&mut html, &one.name);
        html.push_str(if one.href.is_some() { "</a></span></li>" } else { "</span></li>" });
    }
    html.push_str("</ul>");
    html
}

/// The downloads of one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month<'a> {
    /// `2026-03`.
    pub label: &'a str,
    /// Downloads; `None` when nobody knows, which is not zero.
    pub count: Option<u64>,
}

/// Bars of monthly downloads, small enough for a margin. Months that are not known, given as `None` or left out between two, are gaps; what
/// is no month is left out.
#[must_use]
pub fn month_chart(id: &str, title: &str, months: &[Month<'_>]) -> String {
    let period = |label: &str| Day::parse(&format!("{label}-01")).ok().map(|day| day.period(Step::Month));
    let mut points: Vec<ChartPoint> = months
        .iter()
        .filter_map(|month| {
            Some(ChartPoint { range: period(month.label)?, value: month.count.map(|count| count as f64), covers: Covers::Whole })
        })
        .collect();
    points.sort_by_key(|point| point.range.first);
    points.dedup_by_key(|point| point.range.first);
    let (first, last) = (points.first().map(|point| point.range.first), points.last().map(|point| point.range.last));
    chart(&ChartSpec {
        id: id.to_owned(),
        title: title.to_owned(),
        measure: "downloads a month".to_owned(),
        note: String::new(),
        format: ChartFormat::Count,
        scale: ChartScale::Linear,
        kind: ChartKind::Stacked,
        step: Step::Month,
        range: DayRange { first: first.unwrap_or_default(), last: last.unwrap_or_default() },
        series: vec![ChartSeries { name: "downloads".to_owned(), href: None, points }],
        markers: Vec::new(),
        gaps: Vec::new(),
        height: 130,
    })
}

/// A count in at most five characters: `999`, `1.2k`, `351M`, `2.3B` (billions). Cut, not rounded, so that it never says more than there is.
#[must_use]
pub fn short_count(count: u64) -> String {
    let (unit, name) = match count {
        0..1_000 => return count.to_string(),
        1_000..1_000_000 => (1_000, "k"),
        1_000_000..1_000_000_000 => (1_000_000, "M"),
        1_000_000_000..1_000_000_000_000 => (1_000_000_000, "B"),
        _ => (1_000_000_000_000, "T"),
    };
    let (whole, tenth) = (count / unit, count % unit * 10 / unit);
    if whole < 10 && tenth > 0 { format!("{whole}.{tenth}{name}") } else { format!("{whole}{name}") }
}

#[cfg(test)]
mod tests;
