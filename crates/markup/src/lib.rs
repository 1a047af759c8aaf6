//! Text in, safe text out: READMEs as HTML, code with its tokens marked, charts, badges.
//!
//! Everything here is a pure function of its arguments, with caps on what it reads and writes. A README is hostile input: it is rendered
//! by comrak, rewritten tag by tag ([`render_readme`] says to what), and passes an allow list last.

mod badge;
mod chart;
mod glyphs;
mod highlight;
mod links;
mod readme;
mod rewrite;
mod sanitise;
mod sparkline;
mod tags;

pub use badge::{Badge, BadgeColour, BadgeStyle, badge};
pub use chart::{
    ChartFormat, ChartGap, ChartKind, ChartMarker, ChartPoint, ChartScale, ChartSeries, ChartSpec, ChartTheme, Covers, MAX_SERIES, Month,
    PALETTE, SeriesColour, chart, chart_file, day_name, legend, month_chart, period_name, short_count,
};
pub use highlight::{MAX_BLOCK, TOKEN_CLASSES, highlight};
pub use readme::{Heading, MAX_README, RENDERER, Readme, ReadmeSource, render_readme};
pub use sanitise::{ALLOWED_CLASSES, sanitise};
pub use sparkline::sparkline;

/// A text with the five characters escaped that mean something in HTML, as in text and attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    escape_into(&mut escaped, text);
    escaped
}

/// Appends `text` with the five characters escaped that mean something in HTML, in text as in attributes. Characters that are not
/// allowed in either, and those that turn the direction of a line around, are left out.
pub(crate) fn escape_into(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let plain = rest.bytes().take_while(|&b| b == b'\n' || (b.is_ascii() && !b.is_ascii_control() && !b"&<>\"'".contains(&b))).count();
        if plain > 0 {
            out.push_str(&rest[..plain]);
            rest = &rest[plain..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ if hidden(c) => {}
            _ => out.push(c),
        }
    }
}

/// Control characters and overrides of the text direction.
pub(crate) fn hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
