//! What is printed: results to standard output, everything else to standard error.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};
use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use serde::Serialize;
use sync::{Progress, Unit};
use tokio::sync::watch;

/// Lines of progress where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);
/// Columns where there is no terminal.
const WIDTH: usize = 100;
/// How often the bar is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// Prints a line of a result. A reader that has gone away, as `head` does, is no error.
pub(crate) fn line(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}

/// Prints a remark.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// Prints a result that ends its own lines.
pub(crate) fn raw(bytes: &[u8]) {
    let _ = stdout().write_all(bytes);
}

/// Whether colours may be used there: on a terminal that knows them, unless the user wants none.
pub(crate) fn colours(place: &impl IsTerminal) -> bool {
    let is = |name: &str, meant: fn(&std::ffi::OsStr) -> bool| std::env::var_os(name).is_some_and(|value| meant(&value));
    place.is_terminal() && !is("NO_COLOR", |value| !value.is_empty()) && !is("TERM", |value| value == "dumb")
}

/// How many columns results may have.
pub(crate) fn width() -> usize {
    Table::new().width().map_or(WIDTH, usize::from)
}

/// Prints a result as JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints an error with its causes, each once.
pub(crate) fn error(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    remark(&format!("pkgstats: {text}"));
}

/// A count as people read it: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// ` (+12 %)`, of 0.12; nothing where that is not known.
pub(crate) fn change(change: Option<f64>) -> String {
    change.map_or_else(String::new, |change| format!(" ({:+.0} %)", change * 100.0))
}

/// Downloads of a period with what they cover: `1,234 (+12 %)`, `1,234 (5 of 7 days)`.
pub(crate) fn period(period: &catalog::PeriodDownloads) -> String {
    match period.known {
        0 => "–".to_owned(),
        _ if !period.is_complete() => format!("{} ({} of {} days)", count(period.downloads), period.known, period.days),
        _ => format!("{}{}", count(period.downloads), change(period.change)),
    }
}

/// A table without lines, as wide as the terminal; columns named in `right` are aligned to the right, and the last column wraps.
pub(crate) fn table(header: &[&str], right: &[usize], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header.iter().map(|text| Cell::new(*text)));
    if !stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for row in rows {
        table.add_row(row.into_iter().map(Cell::new));
    }
    for index in right {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(12)));
    }
    table
}

/// The lines of a table, without blanks at their ends.
pub(crate) fn text(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Names and values below each other, values wrapped where there is a terminal.
pub(crate) fn facts(facts: Vec<(&str, String)>) -> String {
    let mut table = Table::new();
    let arrangement = if stdout().is_terminal() { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
    table.load_style(NOTHING).set_content_arrangement(arrangement);
    let colours = colours(&stdout());
    for (name, value) in facts {
        let name = Cell::new(name);
        table.add_row([if colours { name.add_attribute(Attribute::Dim) } else { name }, Cell::new(value)]);
    }
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    text(&table)
}

/// A text that stands out where there are colours. `code` is the number of a style, as 1 for bold.
pub(crate) fn styled(code: &str, text: &str) -> String {
    if colours(&stdout()) { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Stands behind every character that is marked, until a table is laid out. It is as wide as nothing and stays with its character.
const MARK: char = '\u{34f}';

/// A text of others, without what would move the cursor or change colours.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().filter(|c| *c != MARK).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text of others, with marks where pieces are marked, for [`with_marks`].
pub(crate) fn marked<'a>(pieces: impl IntoIterator<Item = (bool, &'a str)>) -> String {
    let mut text = String::new();
    for (is_marked, piece) in pieces {
        for c in harmless(piece).chars() {
            text.push(c);
            text.extend(is_marked.then_some(MARK));
        }
    }
    text
}

/// What was laid out, its marked characters bold and underlined where there are colours.
pub(crate) fn with_marks(text: &str) -> String {
    styled_marks(text, colours(&stdout()))
}

fn styled_marks(text: &str, colours: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut is_on = false;
    let mut characters = text.chars().filter(|c| colours || *c != MARK).peekable();
    while let Some(c) = characters.next() {
        if c == MARK {
            continue;
        }
        let is_marked = characters.next_if_eq(&MARK).is_some();
        if is_marked != is_on {
            shown.push_str(if is_marked { "\u{1b}[1;4m" } else { "\u{1b}[0m" });
            is_on = is_marked;
        }
        shown.push(c);
    }
    shown.push_str(if is_on { "\u{1b}[0m" } else { "" });
    shown
}

/// An amount of bytes as people read it.
pub(crate) fn bytes(number: u64) -> String {
    HumanBytes(number).to_string()
}

/// `1 package`, `2 packages`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// How long ago a moment was, in words; both in seconds since 1970.
pub(crate) fn ago(now: i64, then: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let passed = now - then;
    let (number, unit) = match passed {
        ..0 => return "in the future".to_owned(),
        0..MINUTE => return "just now".to_owned(),
        MINUTE..HOUR => (passed / MINUTE, "minute"),
        HOUR..DAY => (passed / HOUR, "hour"),
        _ => match passed / DAY {
            days @ ..14 => (days, "day"),
            days @ ..60 => (days / 7, "week"),
            days @ ..730 => (days * 12 / 365, "month"),
            days => (days * 100 / 36_525, "year"),
        },
    };
    format!("{} ago", counted(number.unsigned_abs(), unit))
}

/// A day with how long ago it was; times are RFC 3339.
pub(crate) fn day_and_ago(now: i64, time: &str) -> String {
    let day: String = time.chars().take(10).collect();
    time.parse::<jiff::Timestamp>().map_or(day.clone(), |then| format!("{day}, {}", ago(now, then.as_second())))
}

/// Says what is waited for, on a terminal, until `work` ends.
pub(crate) async fn waiting<T>(what: String, work: impl Future<Output = T>) -> T {
    let bar = stderr().is_terminal().then(|| ProgressBar::new_spinner().with_message(what));
    if let Some(bar) = &bar {
        bar.enable_steady_tick(DRAW_EVERY);
    }
    let result = work.await;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    result
}

/// Shows progress until `work` ends: a bar on a terminal, lines otherwise.
pub(crate) async fn with_progress<T>(progress: watch::Receiver<Progress>, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut shown = Shown::new();
    let mut draw = tokio::time::interval(DRAW_EVERY);
    loop {
        tokio::select! {
            result = &mut work => {
                shown.end();
                return result;
            }
            _ = draw.tick() => shown.show(&progress.borrow()),
        }
    }
}

struct Shown {
    bar: Option<ProgressBar>,
    step: String,
    began: Instant,
    last_line: Option<Instant>,
}

impl Shown {
    fn new() -> Self {
        let bar = stderr().is_terminal().then(|| ProgressBar::new(0));
        Self { bar, step: String::new(), began: Instant::now(), last_line: None }
    }

    fn show(&mut self, now: &Progress) {
        if now.step.is_empty() {
            return;
        }
        let new_step = now.step != self.step;
        match &self.bar {
            Some(bar) => {
                if new_step {
                    bar.reset();
                    bar.set_style(style(now));
                    bar.set_message(now.step.clone());
                }
                bar.set_length(now.total.unwrap_or(now.done));
                bar.set_position(now.done);
            }
            None => {
                if new_step || self.last_line.is_none_or(|last| last.elapsed() >= PLAIN_EVERY) {
                    remark(&format!("{:>4} s  {}", self.began.elapsed().as_secs(), plain(now)));
                    self.last_line = Some(Instant::now());
                }
            }
        }
        if new_step {
            self.step.clone_from(&now.step);
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            if !self.step.is_empty() {
                remark(&format!("done in {}", HumanDuration(self.began.elapsed())));
            }
        }
    }
}

fn plain(now: &Progress) -> String {
    let amount = |number: u64| match now.unit {
        Unit::Bytes => HumanBytes(number).to_string(),
        Unit::Packages => format!("{} packages", HumanCount(number)),
    };
    match now.total {
        Some(total) => format!("{}: {} of {}", now.step, amount(now.done), amount(total)),
        None if now.done > 0 => format!("{}: {}", now.step, amount(now.done)),
        None => now.step.clone(),
    }
}

fn style(now: &Progress) -> ProgressStyle {
    let template = match (now.unit, now.total.is_some()) {
        (Unit::Bytes, true) => "{msg:<34!} {wide_bar} {bytes:>10}/{total_bytes} {bytes_per_sec:>12} {eta:>4}",
        (Unit::Packages, true) => "{msg:<34!} {wide_bar} {human_pos:>9}/{human_len} {per_sec:>14} {eta:>4}",
        (Unit::Bytes, false) => "{msg:<34!} {spinner} {bytes:>10}",
        (Unit::Packages, false) => "{msg:<34!} {spinner} {human_pos:>9} {per_sec:>14}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_hostile_texts() {
        let text = marked([(false, "react-"), (true, "date"), (false, " \u{1b}[31mred\u{34f}")]);
        assert_eq!(styled_marks(&text, true), "react-\u{1b}[1;4mdate\u{1b}[0m  [31mred");
        assert_eq!(styled_marks(&text, false), "react-date  [31mred");
        let mut table = Table::new();
        table.load_style(NOTHING).add_row([Cell::new(marked([(true, "date")])), Cell::new("x")]).add_row(["longer", "x"]);
        let lines: Vec<String> = table.lines().map(|line| styled_marks(&line, false).trim_end().to_owned()).collect();
        assert_eq!(lines, [" date    x", " longer  x"], "marks take no room");
    }

    #[test]
    fn how_long_ago() {
        const DAY: i64 = 24 * 3600;
        let now = 1_800_000_000;
        for (passed, words) in [
            (-5, "in the future"),
            (0, "just now"),
            (60, "1 minute ago"),
            (7_199, "1 hour ago"),
            (DAY, "1 day ago"),
            (13 * DAY, "13 days ago"),
            (14 * DAY, "2 weeks ago"),
            (60 * DAY, "1 month ago"),
            (365 * DAY, "12 months ago"),
            (731 * DAY, "2 years ago"),
            (3_653 * DAY, "10 years ago"),
        ] {
            assert_eq!(ago(now, now - passed), words, "{passed}");
        }
        assert_eq!(day_and_ago(now, "unknown"), "unknown");
    }
}
