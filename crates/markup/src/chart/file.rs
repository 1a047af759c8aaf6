//! A chart as a picture by itself.

use std::fmt::Write as _;

use super::draw::{self, LETTERS, Plot};
use super::{BELOW, ChartKind, ChartSpec, PALETTE, words};
use crate::escape_into;
use crate::glyphs::{fit, text_width, wrap};

/// The colours of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChartTheme {
    /// Those that its reader prefers.
    #[default]
    Auto,
    /// On white.
    Light,
    /// On near black.
    Dark,
}

/// Widths and heights that make sense, pixels.
const WIDTHS: std::ops::RangeInclusive<u16> = 240..=2_000;
const HEIGHTS: std::ops::RangeInclusive<u16> = 160..=1_600;
/// Room at the edges, and for the labels of values.
const EDGE: f64 = 16.0;
const GUTTER: f64 = 56.0;
/// The plot is never lower; a long legend makes the picture higher.
const LEAST: f64 = 90.0;
const TITLE: f64 = 16.0;
/// Bold letters are wider.
const BOLD: f64 = 1.12;
const LEGEND: f64 = 13.0;
/// From the beginning of a sign in the legend to its name, from a name to the next sign, and a row.
const SWATCH: f64 = 38.0;
const BETWEEN: f64 = 20.0;
const ROW: f64 = 21.0;

/// A chart as an SVG of this width and height in pixels, cut to sensible ones; it is higher when title and legend need it.
///
/// Nothing outside of it is needed: it has its stylesheet in it, and with [`ChartTheme::Auto`] follows what the reader prefers.
#[must_use]
pub fn chart_file(spec: &ChartSpec, width: u16, height: u16, theme: ChartTheme) -> String {
    let width = f64::from(width.clamp(*WIDTHS.start(), *WIDTHS.end()));
    let asked = f64::from(height.clamp(*HEIGHTS.start(), *HEIGHTS.end()));
    let room = width - 2.0 * EDGE;
    let mut top = EDGE;
    let mut head = String::new();
    let mut lines = |class: &str, size: f64, lines: Vec<String>, top: &mut f64| {
        for line in lines {
            let _ = write!(head, "<text class=\"{class}\" x=\"{EDGE}\" y=\"{}\">", *top + size);
            escape_into(&mut head, &line);
            head.push_str("</text>");
            *top += size * 1.3;
        }
    };
    lines("title", TITLE, wrap(&spec.title, TITLE * BOLD, room, 3), &mut top);
    let words = if spec.note.is_empty() { spec.measure.clone() } else { format!("{}. {}", spec.measure, spec.note) };
    lines("note", LETTERS, wrap(&words, LETTERS, room, 3), &mut top);
    top += 8.0;
    legend(&mut head, spec, room, &mut top);
    top += spec.above();
    let plot = (asked - top - BELOW - EDGE / 2.0).max(LEAST);
    let (right, height) = (width - GUTTER - 1.5 * EDGE, top + plot + BELOW + EDGE / 2.0);
    let id = spec.id();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {width} {height:.0}\" width=\"{width}\" height=\"{height:.0}\" \
         role=\"img\" aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">"
    );
    escape_into(&mut svg, &spec.title);
    let _ = write!(svg, "</title><desc id=\"{id}-desc\">");
    escape_into(&mut svg, &words::describe(spec));
    let _ = write!(svg, "</desc><style>{}</style><rect class=\"paper\" width=\"{width}\" height=\"{height:.0}\" rx=\"6\"/>", style(theme));
    svg.push_str(&head);
    let _ = write!(svg, "<svg x=\"{GUTTER}\" y=\"{top:.1}\" width=\"{right:.1}\" height=\"{plot:.1}\" overflow=\"visible\">");
    Plot::new(spec, right, plot, &[("wide", right)]).draw(&mut svg);
    svg.push_str("</svg></svg>");
    svg
}

/// The names of the series in rows.
fn legend(out: &mut String, spec: &ChartSpec, room: f64, top: &mut f64) {
    let series = spec.drawn();
    if series.len() < 2 {
        return;
    }
    let mut entries: Vec<(usize, &str)> = series.iter().enumerate().map(|(number, one)| (number, one.name.as_str())).collect();
    if spec.kind == ChartKind::Stacked {
        entries.reverse();
    }
    let mut x = 0.0;
    *top += ROW;
    for (number, name) in entries {
        let name = fit(name, LEGEND, room - SWATCH);
        let width = SWATCH + text_width(&name, LEGEND);
        if x > 0.0 && x + width > room {
            x = 0.0;
            *top += ROW;
        }
        let (left, line) = (EDGE + x, *top - 5.0);
        let _ = write!(out, "<g class=\"s{}\"><svg x=\"{:.1}\" y=\"{:.1}\" overflow=\"visible\">", number + 1, left + 15.0, line - 4.5);
        draw::swatch(out, number, spec.kind);
        let _ = write!(out, "</svg><text class=\"name\" x=\"{:.1}\" y=\"{line:.1}\">", left + SWATCH - 3.0);
        escape_into(out, &name);
        out.push_str("</text></g>");
        x += width + BETWEEN;
    }
    *top += 6.0;
}

struct Inks {
    paper: &'static str,
    text: &'static str,
    dim: &'static str,
    grid: &'static str,
    gap: &'static str,
}

const LIGHT: Inks = Inks { paper: "#ffffff", text: "#1d2327", dim: "#5a6469", grid: "#e4e1d9", gap: "#f1efe9" };
const DARK: Inks = Inks { paper: "#14181b", text: "#e4e7e9", dim: "#a0abb1", grid: "#2c343a", gap: "#20272c" };

fn style(theme: ChartTheme) -> String {
    let mut css = String::from(
        "text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",\"Noto Sans\",\"DejaVu Sans\",Arial,sans-serif;font-size:12px}\
         .title{font-size:16px;font-weight:600}.name{font-size:13px}.none{font-size:14px}.release text{font-size:11px}\
         .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.fine{stroke-width:1}.line.part{stroke-dasharray:2 5}\
         .area{fill:currentColor;fill-opacity:.12;stroke:none}.bar{fill:currentColor;stroke-width:1}.bar.part{fill-opacity:.35;stroke:currentColor;stroke-dasharray:3 3}\
         .mark{fill:currentColor;stroke-width:1}.mark.open{stroke:currentColor;stroke-width:1.8}.hit{fill:none;pointer-events:all}\
         .release line{stroke-dasharray:1 3}",
    );
    match theme {
        ChartTheme::Light => inks(&mut css, &LIGHT, |colour| colour.light),
        ChartTheme::Dark => inks(&mut css, &DARK, |colour| colour.dark),
        ChartTheme::Auto => {
            inks(&mut css, &LIGHT, |colour| colour.light);
            css.push_str("@media (prefers-color-scheme:dark){");
            inks(&mut css, &DARK, |colour| colour.dark);
            css.push('}');
        }
    }
    css
}

fn inks(css: &mut String, inks: &Inks, series: fn(&super::SeriesColour) -> &'static str) {
    let Inks { paper, text, dim, grid, gap } = inks;
    let _ = write!(
        css,
        ".paper,.mark.open,.sign{{fill:{paper}}}.mark{{stroke:{paper}}}.sheet{{stroke:{paper}}}.title,.name{{fill:{text}}}\
         .tick,.note,.none,.release text{{fill:{dim}}}.grid{{stroke:{grid}}}.axis,.base{{stroke:{dim}}}.release line{{stroke:{dim}}}.gap{{fill:{gap}}}"
    );
    for (number, colour) in PALETTE.iter().enumerate() {
        let _ = write!(css, ".s{}{{color:{}}}", number + 1, series(colour));
    }
}
