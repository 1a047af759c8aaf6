//! What stands inside the axes, and the axes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::{Day, DayRange, Step};

use super::axis::{DayTick, ValueAxis, day_ticks};
use super::{ChartFormat, ChartKind, ChartPoint, ChartScale, ChartSpec, Covers, period_name};
use crate::escape_into;
use crate::glyphs::text_width;

/// The font size of the axes, pixels.
pub(super) const LETTERS: f64 = 12.0;
/// Signs on a line, about, where it has more points.
const SIGNS: usize = 5;
/// All points have their sign when there are so few.
const FEW: usize = 14;
/// Lines of more points have a fine pen.
const FINE: usize = 700;
/// Bars are not narrower than this, pixels; then areas say it better.
const BAR: f64 = 5.0;
/// A layer is thick enough for its sign, pixels.
const SIGN_ROOM: f64 = 15.0;
/// Periods that have their values as a text each.
const HITS: usize = 62;

/// The signs of the series: outlines around the origin, and whether they are hollow.
const SIGNS_OF_SERIES: [(&str, bool); super::MAX_SERIES] = [
    ("M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", false),
    ("M-3.6-3.6h7.2v7.2h-7.2z", false),
    ("M0-4.8L4.6 3.6h-9.2z", false),
    ("M0-5.2L5.2 0L0 5.2L-5.2 0z", false),
    ("M0 4.8L4.6-3.6h-9.2z", false),
    ("M-1.7-4.8h3.4v3.1h3.1v3.4h-3.1v3.1h-3.4v-3.1h-3.1v-3.4h3.1z", false),
    ("M-3.9 0a3.9 3.9 0 1 0 7.8 0a3.9 3.9 0 1 0-7.8 0z", true),
    ("M-3.4-3.4h6.8v6.8h-6.8z", true),
    ("M0-4.6L4.5 3.4h-9z", true),
    ("M0-5L5 0L0 5L-5 0z", true),
];

/// A number with at most one decimal.
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A share of the width.
fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The sign of a series in a legend.
pub(super) fn swatch(out: &mut String, number: usize, kind: ChartKind) {
    let (outline, is_open) = SIGNS_OF_SERIES[number % SIGNS_OF_SERIES.len()];
    let open = if is_open { " open" } else { "" };
    match kind {
        ChartKind::Lines => {
            let _ = write!(out, "<path class=\"line\" d=\"M-14 0h28\"/><path class=\"mark{open}\" d=\"{outline}\"/>");
        }
        ChartKind::Stacked => {
            let _ = write!(
                out,
                "<rect class=\"bar\" x=\"-14\" y=\"-7\" width=\"28\" height=\"14\" rx=\"2\"/><path class=\"sign\" d=\"{outline}\"/>"
            );
        }
    }
}

/// The periods of all series: what each has in them.
type Rows = BTreeMap<Day, (DayRange, Vec<Option<(f64, Covers)>>)>;

/// A plot: from 0 to `width` units to the right and `height` pixels down.
pub(super) struct Plot<'a> {
    spec: &'a ChartSpec,
    id: String,
    axis: ValueAxis,
    rows: Rows,
    width: f64,
    height: f64,
    /// Classes of elements that are shown at a width, and that width in pixels. The first is the widest.
    widths: &'a [(&'static str, f64)],
}

impl<'a> Plot<'a> {
    pub(super) fn new(spec: &'a ChartSpec, width: f64, height: f64, widths: &'a [(&'static str, f64)]) -> Self {
        let mut rows = Rows::new();
        let series = spec.drawn();
        for (number, one) in series.iter().enumerate() {
            for point in one.points.iter().filter(|point| !point.range.intersection(spec.range).is_empty()) {
                let row = rows.entry(point.range.first).or_insert_with(|| (point.range, vec![None; series.len()]));
                row.1[number] = finite(point).map(|value| (value, point.covers));
            }
        }
        let scale = if spec.kind == ChartKind::Stacked { ChartScale::Linear } else { spec.scale };
        let values: Vec<f64> = match spec.kind {
            ChartKind::Lines => rows.values().flat_map(|row| row.1.iter().flatten().map(|(value, _)| *value)).collect(),
            ChartKind::Stacked => rows.values().map(|row| row.1.iter().flatten().map(|(value, _)| value.max(0.0)).sum()).collect(),
        };
        let axis = ValueAxis::new(values.iter().copied(), scale, spec.format);
        Self { spec, id: spec.id(), axis, rows, width, height, widths }
    }

    pub(super) fn draw(&self, out: &mut String) {
        self.signs(out);
        for gap in &self.spec.gaps {
            self.gap(out, gap.range, &gap.why);
        }
        let is_empty = self.rows.values().all(|row| row.1.iter().all(Option::is_none));
        if !is_empty {
            self.values(out);
        }
        self.days(out);
        self.releases(out);
        match self.spec.kind {
            _ if is_empty => {
                let _ = write!(
                    out,
                    "<text class=\"none\" x=\"50%\" y=\"{}\" text-anchor=\"middle\">No counts in this range</text>",
                    short(self.height / 2.0)
                );
            }
            ChartKind::Stacked => self.stack(out),
            ChartKind::Lines => self.lines(out),
        }
        self.hits(out);
    }

    /// Outlines that are used again and again.
    fn signs(&self, out: &mut String) {
        out.push_str("<defs>");
        for (number, (outline, _)) in SIGNS_OF_SERIES.iter().enumerate().take(self.spec.drawn().len()) {
            let _ = write!(out, "<path id=\"{}-{}\" d=\"{outline}\"/>", self.id, number + 1);
        }
        out.push_str("</defs>");
    }

    /// Where a day begins, as a share of the width.
    fn at(&self, day: Day) -> f64 {
        let days = f64::from(self.spec.range.days().max(1));
        (f64::from(day - self.spec.range.first) / days).clamp(0.0, 1.0)
    }

    fn middle(&self, range: DayRange) -> f64 {
        f64::midpoint(self.at(range.first), self.at(range.last + 1))
    }

    fn y(&self, value: f64) -> f64 {
        self.height * (1.0 - self.axis.place(value))
    }

    fn gap(&self, out: &mut String, range: DayRange, why: &str) {
        if range.intersection(self.spec.range).is_empty() {
            return;
        }
        let (start, end) = (self.at(range.first), self.at(range.last + 1));
        let _ = write!(
            out,
            "<rect class=\"gap\" x=\"{}\" y=\"0\" width=\"{}\" height=\"{}\"><title>",
            percent(start),
            percent((end - start).max(0.0015).min(1.0 - start)),
            short(self.height)
        );
        escape_into(out, why);
        out.push_str("</title></rect>");
    }

    fn values(&self, out: &mut String) {
        for tick in &self.axis.ticks {
            let y = self.y(tick.value);
            let class = if tick.is_base { "base" } else { "grid" };
            let _ = write!(
                out,
                "<line class=\"{class}\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/><text class=\"tick\" x=\"-8\" y=\"{}\" text-anchor=\"end\">{}</text>",
                short(y + 4.0),
                tick.label,
                y = short(y),
            );
        }
    }

    fn days(&self, out: &mut String) {
        let bottom = self.height;
        let _ = write!(out, "<line class=\"axis\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>", y = short(bottom));
        for (class, pixels) in self.widths {
            let ticks = day_ticks(self.spec.range, *pixels, self.spec.step);
            let _ = write!(out, "<g class=\"{class}\">");
            for tick in ticks {
                self.day(out, &tick);
            }
            out.push_str("</g>");
        }
    }

    fn day(&self, out: &mut String, tick: &DayTick) {
        let bottom = self.height;
        let x = tick.period.map_or_else(
            || if self.spec.step == Step::Day { self.middle(tick.day.period(Step::Day)) } else { self.at(tick.day) },
            |period| self.middle(period),
        );
        let x = percent(x);
        if tick.period.is_none() {
            let _ = write!(out, "<line class=\"axis\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{}\"/>", short(bottom), short(bottom + 5.0));
        }
        let _ = write!(out, "<text class=\"tick\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>", short(bottom + 19.0), tick.label);
        if let Some(below) = &tick.below {
            let _ = write!(out, "<text class=\"tick\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{below}</text>", short(bottom + 34.0));
        }
    }

    /// Lines down from the names of releases; names that would touch are left out, those of newer releases last.
    fn releases(&self, out: &mut String) {
        let mut markers: Vec<_> = self.spec.markers.iter().filter(|marker| self.spec.range.contains(marker.day)).collect();
        markers.sort_by_key(|marker| std::cmp::Reverse(marker.day));
        for marker in &markers {
            let x = percent(self.middle(marker.day.period(Step::Day)));
            let _ = write!(out, "<g class=\"release\"><title>");
            escape_into(out, &format!("{}, {}", marker.label, super::day_name(marker.day)));
            let _ = write!(out, "</title><line x1=\"{x}\" x2=\"{x}\" y1=\"-4\" y2=\"{}\"/></g>", short(self.height));
        }
        for (class, pixels) in self.widths {
            let mut free_to = f64::MAX;
            let _ = write!(out, "<g class=\"{class} release\">");
            for marker in &markers {
                let share = self.middle(marker.day.period(Step::Day));
                let width = text_width(&marker.label, LETTERS - 1.0);
                let (anchor, start) = match share * pixels {
                    x if x < width / 2.0 => ("start", x),
                    x if x > pixels - width / 2.0 => ("end", x - width),
                    x => ("middle", x - width / 2.0),
                };
                if start + width + 6.0 > free_to || width > pixels / 2.0 {
                    continue;
                }
                free_to = start;
                let _ = write!(out, "<text x=\"{}\" y=\"-9\" text-anchor=\"{anchor}\">", percent(share));
                escape_into(out, &marker.label);
                out.push_str("</text>");
            }
            out.push_str("</g>");
        }
    }

    /// Begins what is drawn in units to the right.
    fn stretched(&self, out: &mut String) {
        let _ = write!(
            out,
            "<svg width=\"100%\" height=\"{h}\" viewBox=\"0 0 {} {h}\" preserveAspectRatio=\"none\" overflow=\"visible\">",
            short(self.width),
            h = short(self.height)
        );
    }

    fn lines(&self, out: &mut String) {
        let series = self.spec.drawn();
        let mut places: Vec<Vec<Option<(f64, f64, bool)>>> = Vec::new();
        for one in series {
            let mut line = Vec::new();
            let mut next = None;
            for point in one.points.iter().filter(|point| !point.range.intersection(self.spec.range).is_empty()) {
                // A period that is not there is as unknown as one without a value.
                if next.is_some_and(|next| next != point.range.first) {
                    line.push(None);
                }
                next = Some(point.range.last + 1);
                line.push(finite(point).map(|value| (self.middle(point.range), self.y(value), point.covers == Covers::Whole)));
            }
            places.push(line);
        }
        self.stretched(out);
        for (number, line) in places.iter().enumerate() {
            let mut paths = [String::new(), String::new()];
            let mut area = String::new();
            let mut end: Option<(f64, f64, bool)> = None;
            let point = |x: f64, y: f64| format!("{} {}", short(x * self.width), short(y));
            for (at, place) in line.iter().enumerate() {
                let Some((x, y, is_whole)) = *place else { continue };
                let Some((before_x, before_y, before_whole)) = at.checked_sub(1).and_then(|before| line[before]) else { continue };
                let is_dashed = !(is_whole && before_whole);
                let path = &mut paths[usize::from(is_dashed)];
                if end != Some((before_x, before_y, is_dashed)) {
                    let _ = write!(path, "M{}", point(before_x, before_y));
                }
                let _ = write!(path, "L{}", point(x, y));
                end = Some((x, y, is_dashed));
            }
            if series.len() == 1 && self.spec.scale == ChartScale::Linear && self.spec.format == ChartFormat::Count {
                for run in line.split(Option::is_none).filter(|run| run.len() > 1) {
                    let mut places = run.iter().flatten();
                    let (Some(first), Some(last)) = (run.first().copied().flatten(), run.last().copied().flatten()) else { continue };
                    let _ = write!(area, "M{}", point(first.0, self.height));
                    places.by_ref().for_each(|(x, y, _)| {
                        let _ = write!(area, "L{}", point(*x, *y));
                    });
                    let _ = write!(area, "L{}z", point(last.0, self.height));
                }
            }
            let _ = write!(out, "<g class=\"s{}\">", number + 1);
            let line_class = if line.len() > FINE { "line fine" } else { "line" };
            for (class, path) in [("area", &area), (line_class, &paths[0]), ("line part", &paths[1])] {
                if !path.is_empty() {
                    let _ = write!(out, "<path class=\"{class}\" vector-effect=\"non-scaling-stroke\" d=\"{path}\"/>");
                }
            }
            out.push_str("</g>");
        }
        out.push_str("</svg>");
        for (number, line) in places.iter().enumerate() {
            self.marks(out, number, line, series.len());
        }
    }

    /// Signs along a line, at its end, and where a point has no neighbours.
    fn marks(&self, out: &mut String, number: usize, line: &[Option<(f64, f64, bool)>], of: usize) {
        let known: Vec<usize> = line.iter().enumerate().filter(|(_, place)| place.is_some()).map(|(at, _)| at).collect();
        let Some(last) = known.last() else { return };
        let every = (known.len() / SIGNS).max(1);
        let shift = every * number / of.max(1);
        let is_alone =
            |at: usize| at.checked_sub(1).and_then(|before| line[before]).is_none() && line.get(at + 1).copied().flatten().is_none();
        let _ = write!(out, "<g class=\"s{}\">", number + 1);
        for (order, at) in known.iter().enumerate() {
            let in_turn = of > 1 && (known.len() <= FEW || order % every == shift && order + every / 2 < known.len());
            let Some((x, y, is_whole)) = line[*at] else { continue };
            if at == last || in_turn || is_alone(*at) {
                let is_open = SIGNS_OF_SERIES[number].1;
                let class = if is_whole && !is_open { "mark" } else { "mark open" };
                let _ =
                    write!(out, "<use class=\"{class}\" href=\"#{}-{}\" x=\"{}\" y=\"{}\"/>", self.id, number + 1, percent(x), short(y));
            }
        }
        out.push_str("</g>");
    }

    /// Bars, or areas where there are many.
    fn stack(&self, out: &mut String) {
        let count = self.spec.drawn().len();
        // Lower and upper edge of every layer, by period.
        let mut layers: Vec<Vec<Option<(f64, f64)>>> = vec![Vec::new(); count];
        let mut columns = Vec::new();
        for (range, values) in self.rows.values() {
            let range = range.intersection(self.spec.range);
            let is_known = values.iter().any(Option::is_some);
            let is_whole = values.iter().all(|value| value.is_some_and(|(_, covers)| covers == Covers::Whole));
            columns.push((self.at(range.first), self.at(range.last + 1), is_whole));
            let mut sum = 0.0;
            for (number, value) in values.iter().enumerate() {
                let below = sum;
                sum += value.map_or(0.0, |(value, _)| value.max(0.0));
                layers[number].push(is_known.then(|| (self.y(below), self.y(sum))));
            }
        }
        let pixels = self.widths.first().map_or(self.width, |(_, pixels)| *pixels);
        let is_bars = f64::from(self.spec.range.days()) / f64::from(self.step_days()) * BAR <= pixels;
        self.stretched(out);
        for (number, layer) in layers.iter().enumerate() {
            let mut paths = [String::new(), String::new()];
            if is_bars {
                for ((start, end, is_whole), edges) in columns.iter().zip(layer) {
                    let Some((low, high)) = edges.filter(|(low, high)| low > high) else { continue };
                    let between = ((end - start) * 0.22).min(0.006);
                    let (left, right) = ((start + between / 2.0) * self.width, (end - between / 2.0) * self.width);
                    let path = &mut paths[usize::from(!is_whole)];
                    let _ = write!(path, "M{} {}V{}H{}V{}z", short(left), short(low), short(high), short(right), short(low));
                }
            } else {
                let point = |at: usize, y: f64| format!("{} {}", short(f64::midpoint(columns[at].0, columns[at].1) * self.width), short(y));
                // From each period to the next, as far as both are known and equally whole: up, along the top, and back along the bottom.
                let is_part = |at: usize| !(columns[at].2 && columns[at + 1].2);
                let joins = |at: usize| {
                    let is_next = columns.get(at + 1).is_some_and(|next| next.0 - columns[at].1 < 1e-9);
                    is_next && layer[at].is_some() && layer[at + 1].is_some()
                };
                let mut start = 0;
                while start < layer.len() {
                    let mut end = start;
                    while joins(end) && is_part(end) == is_part(start) {
                        end += 1;
                    }
                    if end == start {
                        start += 1;
                        continue;
                    }
                    let path = &mut paths[usize::from(is_part(start))];
                    let edges = (start..=end).filter_map(|at| Some((at, layer[at]?)));
                    for (order, (at, (_, high))) in edges.clone().enumerate() {
                        let _ = write!(path, "{}{}", if order == 0 { "M" } else { "L" }, point(at, high));
                    }
                    for (at, (low, _)) in edges.rev() {
                        let _ = write!(path, "L{}", point(at, low));
                    }
                    path.push('z');
                    start = end;
                }
            }
            let _ = write!(out, "<g class=\"s{}\">", number + 1);
            for (class, path) in [("bar", &paths[0]), ("bar part", &paths[1])] {
                if !path.is_empty() {
                    let class = if is_bars { class.to_owned() } else { format!("{class} sheet") };
                    let _ = write!(out, "<path class=\"{class}\" vector-effect=\"non-scaling-stroke\" d=\"{path}\"/>");
                }
            }
            out.push_str("</g>");
        }
        out.push_str("</svg>");
        if count < 2 {
            return;
        }
        for (number, layer) in layers.iter().enumerate() {
            let thickness = |edges: &Option<(f64, f64)>| edges.map_or(0.0, |(low, high)| low - high);
            let thickest = layer.iter().enumerate().max_by(|(_, a), (_, b)| thickness(a).total_cmp(&thickness(b)));
            let Some((at, Some((low, high)))) = thickest.map(|(at, edges)| (at, *edges)) else { continue };
            if low - high < SIGN_ROOM || (is_bars && (columns[at].1 - columns[at].0) * pixels < SIGN_ROOM) {
                continue;
            }
            let x = f64::midpoint(columns[at].0, columns[at].1).clamp(0.015, 0.985);
            let _ = write!(
                out,
                "<use class=\"sign\" href=\"#{}-{}\" x=\"{}\" y=\"{}\"/>",
                self.id,
                number + 1,
                percent(x),
                short(f64::midpoint(low, high))
            );
        }
    }

    fn step_days(&self) -> u16 {
        match self.spec.step {
            Step::Day => 1,
            Step::Week => 7,
            Step::Month => 30,
            Step::Year => 365,
        }
    }

    /// Values to read by pointing at a period, where there are few enough.
    fn hits(&self, out: &mut String) {
        if self.rows.len() > HITS {
            return;
        }
        for (range, values) in self.rows.values() {
            let (start, end) = (self.at(range.first), self.at(range.last + 1));
            let _ = write!(
                out,
                "<rect class=\"hit\" x=\"{}\" y=\"0\" width=\"{}\" height=\"{}\"><title>",
                percent(start),
                percent(end - start),
                short(self.height)
            );
            let mut text = format!("{}: ", period_name(*range, self.spec.step));
            for (number, value) in values.iter().enumerate() {
                text.push_str(if number > 0 { "; " } else { "" });
                if values.len() > 1 {
                    let _ = write!(text, "{} ", self.spec.drawn()[number].name);
                }
                match value {
                    None => text.push_str("not known"),
                    Some((value, covers)) => {
                        text.push_str(&self.spec.format.value(*value));
                        text.push_str(match covers {
                            Covers::Whole => "",
                            Covers::Unfinished => ", not finished",
                            Covers::Partly => ", some days missing",
                        });
                    }
                }
            }
            escape_into(out, &text);
            out.push_str("</title></rect>");
        }
    }
}

/// The value, when it is a number that can be drawn.
pub(super) fn finite(point: &ChartPoint) -> Option<f64> {
    point.value.filter(|value| value.is_finite())
}
