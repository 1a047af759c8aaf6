//! A trend as small as a word.

use std::fmt::Write as _;

use crate::escape_into;
use crate::short_count;

const WIDTH: f64 = 100.0;
const HEIGHT: f64 = 24.0;
/// Half a pen, and the dot at the end.
const EDGE: f64 = 2.5;
/// Most values; of more, neighbours are drawn over each other anyway.
const MOST: usize = 400;

/// A line of 100 × 24 from the first to the last value, which has a dot. Values that are not known are gaps. Its label says the same in words.
///
/// Classes: `spark` on the `svg`; `line` and `end` within. The line stands on zero.
#[must_use]
pub fn sparkline(values: &[Option<u64>]) -> String {
    let values = &values[values.len().saturating_sub(MOST)..];
    let most = values.iter().flatten().max().copied().unwrap_or_default();
    let mut svg = String::from("<svg class=\"spark\" viewBox=\"0 0 100 24\" width=\"100\" height=\"24\" role=\"img\" aria-label=\"");
    escape_into(&mut svg, &words(values, most));
    svg.push_str("\">");
    let step = (WIDTH - 2.0 * EDGE) / values.len().saturating_sub(1).max(1) as f64;
    let place = |at: usize, value: u64| {
        let share = if most == 0 { 0.0 } else { value as f64 / most as f64 };
        (EDGE + step * at as f64, HEIGHT - EDGE - share * (HEIGHT - 2.0 * EDGE))
    };
    let mut path = String::new();
    let mut last = None;
    for (at, value) in values.iter().enumerate() {
        let Some(value) = *value else { continue };
        let (x, y) = place(at, value);
        let joins = at > 0 && values[at - 1].is_some();
        let _ = write!(path, "{}{x:.1} {y:.1}", if joins { "L" } else { "M" });
        if !joins && values.get(at + 1).copied().flatten().is_none() {
            // A value between two gaps is a dot.
            path.push_str("h0");
        }
        last = Some((x, y));
    }
    if let Some((x, y)) = last {
        let _ = write!(svg, "<path class=\"line\" d=\"{path}\"/><circle class=\"end\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.2\"/>");
    }
    svg.push_str("</svg>");
    svg
}

fn words(values: &[Option<u64>], most: u64) -> String {
    let known: Vec<u64> = values.iter().flatten().copied().collect();
    let (Some(first), Some(last)) = (known.first(), known.last()) else { return "Trend not known".to_owned() };
    let missing = values.len() - known.len();
    let gaps = if missing > 0 { format!(", {missing} of {} not known", values.len()) } else { String::new() };
    format!("From {} to {}, most {}{gaps}", short_count(*first), short_count(*last), short_count(most))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sparklines() {
        insta::assert_snapshot!(
            sparkline(&[Some(1_000), Some(2_500), None, Some(500), None, Some(0), Some(4_000)]).replace("><", ">\n<"),
            @r#"
        <svg class="spark" viewBox="0 0 100 24" width="100" height="24" role="img" aria-label="From 1k to 4k, most 4k, 2 of 7 not known">
        <path class="line" d="M2.5 16.8L18.3 9.6M50.0 19.1h0M81.7 21.5L97.5 2.5"/>
        <circle class="end" cx="97.5" cy="2.5" r="2.2"/>
        </svg>
        "#
        );
        assert!(sparkline(&[]).contains("Trend not known"));
        assert!(sparkline(&[None, None]).contains("Trend not known"));
    }

    proptest! {
        #[test]
        fn always_within_its_frame(values in prop::collection::vec(any::<Option<u64>>(), 0..600)) {
            let svg = sparkline(&values);
            let path = svg.split(" d=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            for pair in path.split(['M', 'L']).filter(|pair| !pair.is_empty()) {
                let (x, y) = pair.trim_end_matches("h0").split_once(' ').expect("two numbers");
                let (x, y): (f64, f64) = (x.parse().expect("a number"), y.parse().expect("a number"));
                prop_assert!((0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y), "{x} {y}");
            }
        }
    }
}
