//! A chart in words, for those who do not see it.

use std::fmt::Write as _;

use super::draw::finite;
use super::{ChartFormat, ChartKind, ChartPoint, ChartScale, ChartSeries, ChartSpec, Covers, day_name, period_name};

/// What differs by less stays level.
const LEVEL: f64 = 0.05;
/// Gaps that are named one by one.
const GAPS: usize = 3;

/// What a reader would see: the range, how every series goes, what is missing.
pub(super) fn describe(spec: &ChartSpec) -> String {
    let mut text = String::new();
    let mut measure = spec.measure.chars();
    let capital: String = measure.next().map_or_else(String::new, |first| first.to_uppercase().chain(measure).collect());
    let _ = write!(text, "{capital}, {} to {}", day_name(spec.range.first), day_name(spec.range.last));
    if spec.scale == ChartScale::Log && spec.kind == ChartKind::Lines {
        text.push_str(", on a logarithmic scale");
    }
    text.push('.');
    let series = spec.drawn();
    for one in series {
        text.push(' ');
        text.push_str(&trend(spec, one, series.len() > 1));
    }
    if spec.series.len() > series.len() {
        let _ = write!(text, " {} more are not drawn.", spec.series.len() - series.len());
    }
    for gap in spec.gaps.iter().take(GAPS) {
        let (first, last) = (day_name(gap.range.first), day_name(gap.range.last));
        let _ = write!(text, " {}: {}.", if first == last { first } else { format!("{first} to {last}") }, gap.why);
    }
    if spec.gaps.len() > GAPS {
        let _ = write!(text, " {} more stretches without counts.", spec.gaps.len() - GAPS);
    }
    if !spec.markers.is_empty() {
        let newest = spec.markers.iter().max_by_key(|marker| marker.day);
        let newest = newest.map_or(String::new(), |newest| format!(", the last {} on {}", newest.label, day_name(newest.day)));
        let _ = write!(text, " {} release{} marked{newest}.", spec.markers.len(), if spec.markers.len() == 1 { "" } else { "s" });
    }
    if !spec.note.is_empty() {
        let _ = write!(text, " {}.", spec.note.trim_end_matches('.'));
    }
    text
}

fn trend(spec: &ChartSpec, series: &ChartSeries, is_named: bool) -> String {
    let name = if is_named { format!("{}: ", series.name) } else { String::new() };
    let known: Vec<(&ChartPoint, f64)> = series.points.iter().filter_map(|point| Some((point, finite(point)?))).collect();
    let whole: Vec<(&ChartPoint, f64)> = known.iter().copied().filter(|(point, _)| point.covers == Covers::Whole).collect();
    let (Some(first), Some(last)) = (whole.first(), whole.last()) else {
        return if known.is_empty() { format!("{name}no counts.") } else { format!("{name}no whole period yet.") };
    };
    let value = |value: f64| spec.format.value(value);
    let period = |point: &ChartPoint| period_name(point.range, spec.step);
    let mut text = if whole.len() == 1 {
        format!("{name}{} in {}", value(first.1), the(&period(first.0)))
    } else {
        // The mean of a quarter at either end, so that one odd period makes no trend.
        let quarter = (whole.len() / 4).max(1);
        let mean = |part: &[(&ChartPoint, f64)]| part.iter().map(|(_, value)| value).sum::<f64>() / part.len() as f64;
        let (before, after) = (mean(&whole[..quarter]), mean(&whole[whole.len() - quarter..]));
        let is_level = (after - before).abs() <= LEVEL * before.abs().max(after.abs());
        let verb = match (is_level, after > before) {
            (true, _) => "level",
            (false, true) => "rising",
            (false, false) => "falling",
        };
        let mut text =
            format!("{name}{verb}, from {} in {} to {} in {}", value(first.1), the(&period(first.0)), value(last.1), the(&period(last.0)));
        if spec.format == ChartFormat::Count && before > 0.0 && !is_level {
            let _ = write!(text, " (first to last quarter {})", ChartFormat::Change.value((after / before - 1.0) * 100.0));
        }
        if let Some((most, most_value)) = whole.iter().copied().reduce(|most, other| if other.1 > most.1 { other } else { most }) {
            let _ = write!(text, "; most {} in {}", value(most_value), the(&period(most)));
        }
        text
    };
    let missing = series.points.len() - known.len();
    if missing > 0 {
        let _ = write!(text, "; {missing} of {} periods not known", series.points.len());
    }
    if let Some((point, value)) = known.last()
        && point.covers == Covers::Unfinished
    {
        let _ = write!(text, "; {} so far {}", the(&period(point)), spec.format.value(*value));
    }
    text.push('.');
    text
}

/// A week has an article.
fn the(period: &str) -> String {
    if period.starts_with("week") { format!("the {period}") } else { period.to_owned() }
}
