//! Charts as SVG, drawn with class names so that the page's stylesheet colours them.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 8.0;
const TOP: f64 = 24.0;
const BASELINE: f64 = 168.0;
/// Most months drawn; of a longer series the last ones are.
const MAX_MONTHS: usize = 240;

/// The downloads of one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month<'a> {
    /// `2026-03`.
    pub label: &'a str,
    /// Downloads; `None` when nobody knows, which is not zero.
    pub count: Option<u64>,
}

/// A bar chart of monthly downloads as one `<svg>` of 640 × 200. `id` begins the ids of its title and description and has to be unique on
/// the page; of it, letters, digits, `-` and `_` are used. Months that are not known, given as `None` or left out between two labels, are
/// gaps over a dashed baseline.
///
/// Classes: `chart` on the `svg`; `bar`, `axis`, `gap` (also an axis, of an unknown month), `label` and `value` within.
#[must_use]
pub fn month_chart(id: &str, title: &str, months: &[Month<'_>]) -> String {
    let id: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let months = with_gaps(months);
    let most = months.iter().filter_map(|month| month.1).max().unwrap_or_default();
    let known = months.iter().filter(|month| month.1.is_some()).count();
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 640 200\" width=\"640\" height=\"200\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\
         <title id=\"{id}-title\">"
    );
    crate::escape_into(&mut svg, title);
    let _ = write!(svg, "</title><desc id=\"{id}-desc\">");
    describe(&mut svg, &months, known);
    svg.push_str("</desc>");
    let step = (WIDTH - 2.0 * LEFT) / months.len().max(1) as f64;
    let gap = (step * 0.2).min(4.0);
    let every = months.len().div_ceil(8).max(1);
    // Values above every bar only where they have room.
    let room = step >= 40.0;
    for (at, (label, count)) in months.iter().enumerate() {
        let x = LEFT + step * at as f64;
        let middle = x + step / 2.0;
        let class = if count.is_some() { "axis" } else { "axis gap" };
        let dashes = if count.is_some() { "" } else { " stroke-dasharray=\"3 3\"" };
        let _ = write!(
            svg,
            "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{BASELINE:.1}\" x2=\"{:.1}\" y2=\"{BASELINE:.1}\" stroke=\"currentColor\"{dashes}/>",
            x + step
        );
        if let Some(count) = *count {
            let share = if most == 0 { 0.0 } else { count as f64 / most as f64 };
            let height = if count == 0 { 0.0 } else { (share * (BASELINE - TOP)).max(1.0) };
            let _ = write!(
                svg,
                "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>",
                x + gap / 2.0,
                BASELINE - height,
                step - gap
            );
            crate::escape_into(&mut svg, label);
            let _ = write!(svg, ": {count}</title></rect>");
            let highest = count == most && months.iter().position(|month| month.1 == Some(most)) == Some(at);
            if room || highest {
                let x = middle.clamp(24.0, WIDTH - 24.0);
                let y = BASELINE - height - 6.0;
                let _ = write!(svg, "<text class=\"value\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>", short_count(count));
            }
        }
        if at % every == 0 {
            let x = middle.clamp(28.0, WIDTH - 28.0);
            let _ = write!(svg, "<text class=\"label\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">", HEIGHT - 12.0);
            crate::escape_into(&mut svg, label);
            svg.push_str("</text>");
        }
    }
    svg.push_str("</svg>");
    svg
}

fn describe(svg: &mut String, months: &[(String, Option<u64>)], known: usize) {
    let (Some((first, _)), Some((last, _))) = (months.first(), months.last()) else {
        svg.push_str("No month is known.");
        return;
    };
    crate::escape_into(svg, first);
    svg.push_str(" to ");
    crate::escape_into(svg, last);
    let _ = write!(svg, ", {known} of {} months known.", months.len());
    if let Some((label, Some(most))) = months.iter().rev().max_by_key(|month| month.1) {
        svg.push_str(" Most in ");
        crate::escape_into(svg, label);
        let _ = write!(svg, ": {most}.");
    }
    if let Some((label, Some(count))) = months.iter().rev().find(|month| month.1.is_some()) {
        svg.push_str(" Latest, ");
        crate::escape_into(svg, label);
        let _ = write!(svg, ": {count}.");
    }
}

/// The months with the missing ones between two that follow each other as labels.
fn with_gaps(months: &[Month<'_>]) -> Vec<(String, Option<u64>)> {
    let mut found: Vec<(String, Option<u64>)> = Vec::new();
    let mut previous: Option<u32> = None;
    for month in &months[months.len().saturating_sub(MAX_MONTHS)..] {
        let number = number(month.label);
        if let (Some(before), Some(now)) = (previous, number)
            && now.saturating_sub(before) as usize <= MAX_MONTHS
        {
            for missing in before + 1..now {
                found.push((format!("{:04}-{:02}", missing / 12, missing % 12 + 1), None));
            }
        }
        found.push((month.label.to_owned(), month.count));
        previous = number;
    }
    found.split_off(found.len().saturating_sub(MAX_MONTHS))
}

/// Months since the year 0.
fn number(label: &str) -> Option<u32> {
    let (year, month) = label.split_once('-')?;
    let (year, month): (u32, u32) = (year.parse().ok()?, month.parse().ok()?);
    (year < 10_000 && (1..=12).contains(&month)).then(|| year * 12 + month - 1)
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_counts() {
        let check = |count: u64, expected: &str| assert_eq!(short_count(count), expected, "{count}");
        check(0, "0");
        check(999, "999");
        check(1_234, "1.2k");
        check(1_999, "1.9k");
        check(10_500, "10k");
        check(999_999, "999k");
        check(1_000_000, "1M");
        check(351_327_975, "351M");
        check(4_200_000_000, "4.2B");
        check(u64::MAX, "18446744T");
    }

    #[test]
    fn a_chart() {
        let month = |label, count| Month { label, count };
        let months = [month("2025-11", Some(1_200_000)), month("2025-12", Some(0)), month("2026-02", None), month("2026-03", Some(900))];
        insta::assert_snapshot!(month_chart("downloads", "Downloads of <sample>", &months).replace("><", ">\n<"));
        assert!(month_chart("none", "Nothing", &[]).contains("No month is known."));
    }

    proptest! {
        #[test]
        fn always_within_its_frame(
            title in any::<String>(),
            months in prop::collection::vec(("[0-9]{4}-[0-9]{2}|.{0,12}", any::<Option<u64>>()), 0..300),
        ) {
            let months: Vec<Month<'_>> = months.iter().map(|(label, count)| Month { label, count: *count }).collect();
            let svg = month_chart("x\"><script>", &title, &months);
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf\"") && !svg.contains("style") || title.contains("style"));
            for (name, most) in [("x", WIDTH), ("x1", WIDTH), ("x2", WIDTH), ("y", HEIGHT), ("y1", HEIGHT), ("y2", HEIGHT), ("width", WIDTH), ("height", HEIGHT)] {
                for rest in svg.split(&format!(" {name}=\"")).skip(1) {
                    let number: f64 = rest.split('"').next().unwrap_or_default().parse().expect("a number");
                    prop_assert!((0.0..=most).contains(&number), "{name} {number}");
                }
            }
            let known = ["svg", "title", "desc", "line", "rect", "text"];
            for tag in svg.split('<').skip(1) {
                let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap_or_default();
                prop_assert!(known.contains(&name), "{name}");
            }
        }
    }
}
