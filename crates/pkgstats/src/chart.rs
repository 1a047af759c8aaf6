//! Charts in the terminal: lines of dots, bars, and trends as small as a word. What is not known is a gap.

use std::fmt::Write as _;
use std::io::stdout;

use catalog::{ChartData, ChartShow};
use markup::{ChartFormat, day_name, short_count};

use crate::output::{colours, styled};

/// Rows of a chart.
const HEIGHT: usize = 12;
/// Columns of the labels of values, and the line beside them.
const GUTTER: usize = 7;
/// Fewer columns show nothing.
const LEAST: usize = 16;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same where there is only ASCII.
const PLAIN_BARS: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];
/// Signs and colours of the series; the terminal's own colours are readable on its own background.
const SIGNS: [char; 10] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
const COLOURS: [&str; 10] = ["36", "33", "35", "31", "34", "32", "96", "95", "93", "91"];
/// Bits of the dots of a braille character, by column and row.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// How a terminal can draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Canvas {
    /// Columns.
    pub(crate) width: usize,
    /// Whether it shows more than ASCII.
    pub(crate) unicode: bool,
    /// Whether it shows colours.
    pub(crate) colours: bool,
}

impl Canvas {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        Self { width: crate::output::width().min(120), unicode: is_utf8(), colours: colours(&stdout()) }
    }
}

/// Whether the locale is one of UTF-8, as the first of these that is set says; without any, systems of today are.
fn is_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()));
    locale.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// A chart with its title, scale, days and the names of its series. It has no end of line at its end.
pub(crate) fn chart(data: &ChartData, canvas: Canvas) -> String {
    let mut text = styled("1", &data.title);
    let _ = write!(text, "\n{}. {}.", data.measure, data.note());
    let width = canvas.width.saturating_sub(GUTTER + 1);
    if width < LEAST || data.is_empty() {
        text.push_str(if data.is_empty() { "\nNo counts in this range." } else { "\nThis terminal is too narrow for a chart." });
        return text;
    }
    let is_stack = matches!(data.show, ChartShow::Stacked | ChartShow::Versions);
    let drawn = |line| (0..data.periods.len()).map(|at| data.drawn(line, at)).collect::<Vec<_>>();
    let mut series: Vec<Vec<Option<f64>>> = data.series.iter().map(drawn).collect();
    if is_stack {
        // The upper edge of every layer.
        let mut sums: Vec<Option<f64>> = vec![None; data.periods.len()];
        for values in &mut series {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = value.map_or(*sum, |value| Some(sum.unwrap_or(0.0) + value));
                *value = *sum;
            }
        }
    }
    let scale = Scale::new(&series, data.scale == "log", data.format());
    let rows = if canvas.unicode { braille(data, &series, &scale, width) } else { letters(data, &series, &scale, width) };
    let (bar, corner, dash) = if canvas.unicode { ('│', '└', '─') } else { ('|', '+', '-') };
    let labels = scale.labels();
    for (row, cells) in rows.iter().enumerate() {
        let label = labels[row].as_deref().unwrap_or_default();
        let _ = write!(text, "\n{label:>GUTTER$}{bar}");
        let mut line = String::new();
        let mut colour = None;
        for (c, number) in cells {
            let next = number.filter(|_| canvas.colours && data.series.len() > 1);
            if next != colour && *c != ' ' {
                line.push_str(if colour.is_some() { "\u{1b}[0m" } else { "" });
                if let Some(number) = next {
                    let _ = write!(line, "\u{1b}[{}m", COLOURS[number % COLOURS.len()]);
                }
                colour = next;
            }
            line.push(*c);
        }
        let end = if colour.is_some() { "\u{1b}[0m" } else { "" };
        let _ = write!(text, "{}{end}", line.trim_end());
    }
    let _ = write!(text, "\n{:>GUTTER$}{corner}{}", "", dash.to_string().repeat(width));
    let (first, last) = (day_name(data.from), day_name(data.to));
    let between = width.saturating_sub(first.len() + last.len());
    let _ = write!(text, "\n{:>GUTTER$} {first}{}{last}", "", " ".repeat(between));
    if data.series.len() > 1 {
        legend(&mut text, data, canvas, is_stack);
    }
    if data.periods.last().is_some_and(|period| !period.is_finished) {
        text.push_str("\nThe last period is not finished.");
    }
    for gap in data.gaps.iter().take(3) {
        let days = if gap.first == gap.last { day_name(gap.first) } else { format!("{} to {}", day_name(gap.first), day_name(gap.last)) };
        let _ = write!(text, "\nGap: {days}, {}.", gap.why);
    }
    if data.gaps.len() > 3 {
        let _ = write!(text, "\n{} more gaps.", data.gaps.len() - 3);
    }
    text
}

/// The names with their newest finished values.
fn legend(text: &mut String, data: &ChartData, canvas: Canvas, is_stack: bool) {
    let widest = data.series.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
    let mut entries: Vec<usize> = (0..data.series.len()).collect();
    if is_stack {
        entries.reverse();
    }
    for number in entries {
        let line = &data.series[number];
        let newest = data.periods.iter().zip(&line.values).rev().find(|(period, value)| period.is_finished && value.is_some());
        let newest = newest.map_or_else(
            || "unknown".to_owned(),
            |(period, value)| format!("{} ({})", data.value(value.unwrap_or(0.0)), data.period_name(period)),
        );
        let sign = if canvas.unicode { "━━".to_owned() } else { SIGNS[number % SIGNS.len()].to_string() };
        let sign = if canvas.colours { format!("\u{1b}[{}m{sign}\u{1b}[0m", COLOURS[number % COLOURS.len()]) } else { sign };
        // Without colours the lines cannot be told apart by them, so each has its letter at its end.
        let letter = if canvas.unicode { format!(" {}", SIGNS[number % SIGNS.len()]) } else { String::new() };
        let _ = write!(text, "\n {sign}{letter} {:<widest$}  {newest}", line.name);
    }
}

/// From values to heights and back.
struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
    format: ChartFormat,
}

impl Scale {
    fn new(series: &[Vec<Option<f64>>], log: bool, format: ChartFormat) -> Self {
        let values = || series.iter().flat_map(|values| values.iter().flatten().copied()).filter(|value| value.is_finite());
        let least_positive = values().filter(|value| *value > 0.0).fold(f64::MAX, f64::min);
        let is_log = log && least_positive < f64::MAX;
        let low = if is_log { least_positive } else { values().fold(0.0, f64::min) };
        let high = values().fold(low, f64::max);
        Self { low, high: if high > low { high } else { low + 1.0 }, is_log, format }
    }

    /// 0 at the bottom, 1 at the top.
    fn place(&self, value: f64) -> f64 {
        let place = if self.is_log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// What stands beside the rows: round values, each at the row where it is.
    fn labels(&self) -> [Option<String>; HEIGHT] {
        let mut labels = [const { None }; HEIGHT];
        let mut put = |value: f64| {
            let row = ((1.0 - self.place(value)) * (HEIGHT - 1) as f64).round() as usize;
            let text = self.format.value(value);
            labels[row.min(HEIGHT - 1)] = Some(if text.chars().count() > GUTTER { short_count(value.abs() as u64) } else { text });
        };
        if self.is_log {
            for power in self.low.log10().ceil() as i32..=self.high.log10().floor() as i32 {
                put(10_f64.powi(power));
            }
            return labels;
        }
        let about = (self.high - self.low) / 5.0;
        let power = 10_f64.powf(about.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| *step >= about).unwrap_or(about);
        let first = (self.low / step).ceil();
        let mut value = first * step;
        while value <= self.high {
            put(value);
            value += step;
        }
        labels
    }
}

/// Where a period stands: 0 at the left, 1 at the right.
fn middle(data: &ChartData, at: usize) -> f64 {
    let days = f64::from(data.to - data.from) + 1.0;
    let period = data.periods[at];
    ((f64::from(period.first - data.from) + f64::from(period.last - data.from) + 1.0) / 2.0 / days).clamp(0.0, 1.0)
}

type Cells = Vec<Vec<(char, Option<usize>)>>;

/// Calls with every dot of a line on a grid of dots: columns, rows from the top, number of the series.
fn dots(
    data: &ChartData,
    series: &[Vec<Option<f64>>],
    scale: &Scale,
    columns: usize,
    rows: usize,
    mut dot: impl FnMut(usize, usize, usize),
) {
    for (number, values) in series.iter().enumerate() {
        let mut before: Option<(f64, f64)> = None;
        for (at, value) in values.iter().enumerate().take(data.periods.len()) {
            let Some(value) = value else {
                before = None;
                continue;
            };
            let x = middle(data, at) * (columns - 1) as f64;
            let y = (1.0 - scale.place(*value)) * (rows - 1) as f64;
            let (from_x, from_y) = before.unwrap_or((x, y));
            let steps = (x - from_x).abs().max((y - from_y).abs()).ceil().max(1.0);
            for step in 0..=steps as usize {
                let share = step as f64 / steps;
                let (dot_x, dot_y) = ((from_x + (x - from_x) * share).round() as usize, (from_y + (y - from_y) * share).round() as usize);
                dot(dot_x.min(columns - 1), dot_y.min(rows - 1), number);
            }
            before = Some((x, y));
        }
    }
}

/// Two by four dots a character; it has the colour of the series that was drawn last. With several, each has its letter at its end.
fn braille(data: &ChartData, series: &[Vec<Option<f64>>], scale: &Scale, width: usize) -> Cells {
    let plot = if series.len() > 1 { width - 2 } else { width };
    let mut bits = vec![vec![(0_u32, None); width]; HEIGHT];
    let mut ends = vec![None; series.len()];
    dots(data, series, scale, plot * 2, HEIGHT * 4, |x, y, number| {
        let cell = &mut bits[y / 4][x / 2];
        cell.0 |= DOTS[x % 2][y % 4];
        cell.1 = Some(number);
        ends[number] = Some((x / 2, y / 4));
    });
    let character =
        |(bits, number): (u32, Option<usize>)| (if bits == 0 { ' ' } else { char::from_u32(0x2800 + bits).unwrap_or(' ') }, number);
    let mut cells: Cells = bits.into_iter().map(|row| row.into_iter().map(character).collect()).collect();
    if series.len() > 1 {
        for (number, end) in ends.into_iter().enumerate() {
            let Some((x, y)) = end else { continue };
            // In the nearest row that is free.
            let free = (0..HEIGHT).filter(|row| cells[*row][x + 1].0 == ' ').min_by_key(|row| row.abs_diff(y));
            if let Some(row) = free {
                cells[row][x + 1] = (SIGNS[number % SIGNS.len()], Some(number));
            }
        }
    }
    cells
}

/// A letter a character, or an asterisk for one series alone.
fn letters(data: &ChartData, series: &[Vec<Option<f64>>], scale: &Scale, width: usize) -> Cells {
    let mut cells: Cells = vec![vec![(' ', None); width]; HEIGHT];
    dots(data, series, scale, width, HEIGHT, |x, y, number| {
        cells[y][x] = (if series.len() > 1 { SIGNS[number % SIGNS.len()] } else { '*' }, Some(number));
    });
    cells
}

/// A trend as bars, one a value, a blank where nothing is known; `None` when nothing is. It is at most `width` characters wide, each then
/// being the mean of several values.
pub(crate) fn sparkline(values: &[Option<u64>], canvas: Canvas) -> Option<String> {
    let known = values.iter().flatten().count();
    if known == 0 || canvas.width == 0 {
        return None;
    }
    let bars = if canvas.unicode { BARS } else { PLAIN_BARS };
    let size = values.len().div_ceil(canvas.width).max(1);
    let means = values.chunks(size).map(|some| {
        let known: Vec<f64> = some.iter().flatten().map(|value| *value as f64).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    });
    let means: Vec<Option<f64>> = means.collect();
    let most = means.iter().flatten().copied().fold(1.0, f64::max);
    let bar = |mean: &Option<f64>| mean.map_or(' ', |mean| bars[((mean / most * 8.0).ceil() as usize).clamp(1, 8) - 1]);
    Some(means.iter().map(bar).collect())
}

#[cfg(test)]
mod tests {
    use catalog::{ChartHole, ChartLine, ChartPeriod};
    use model::{Day, Step, Sum};

    use super::*;

    fn data(series: &[(&str, &[Option<f64>])]) -> ChartData {
        let first = Day::parse("2026-01-05").expect("a Monday");
        let count = series.first().map_or(0, |(_, values)| values.len() as i32);
        let periods = (0..count).map(|at| ChartPeriod { first: first + at * 7, last: first + at * 7 + 6, is_finished: at + 1 < count });
        let line = |(name, values): &(&str, &[Option<f64>])| ChartLine {
            name: (*name).to_owned(),
            package: Some((*name).to_owned()),
            as_of: Some(first + count * 7 - 1),
            coverage: Sum { downloads: 1, days: 7, known: 7, holes: 0 },
            values: values.to_vec(),
            known_days: values.iter().map(|value| if value.is_some() { 7 } else { 0 }).collect(),
            hole_days: vec![0; values.len()],
        };
        ChartData {
            title: "Downloads".to_owned(),
            measure: "downloads a week".to_owned(),
            as_of: Some(first + count * 7 - 1),
            from: first,
            to: first + count * 7 - 1,
            step: Step::Week,
            scale: "linear",
            show: ChartShow::Total,
            periods: periods.collect(),
            series: series.iter().map(line).collect(),
            releases: Vec::new(),
            gaps: vec![ChartHole { first: first + 28, last: first + 34, why: "npm has no counts" }],
            missing: Vec::new(),
        }
    }

    const ONE: [Option<f64>; 8] =
        [Some(0.0), Some(1_000.0), Some(2_000.0), Some(4_000.0), None, Some(8_000.0), Some(9_000.0), Some(12_000.0)];
    const TWO: [Option<f64>; 8] =
        [Some(6_000.0), Some(6_000.0), Some(5_000.0), Some(5_000.0), None, Some(4_000.0), Some(3_000.0), Some(1_000.0)];

    #[test]
    fn a_line() {
        let canvas = Canvas { width: 60, unicode: true, colours: false };
        insta::assert_snapshot!(chart(&data(&[("sample", &ONE)]), canvas));
    }

    #[test]
    fn lines_where_there_is_only_ascii() {
        let canvas = Canvas { width: 60, unicode: false, colours: false };
        let text = chart(&data(&[("sample", &ONE), ("other", &TWO)]), canvas);
        assert!(text.is_ascii(), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn several_lines_end_in_their_letters() {
        let canvas = Canvas { width: 60, unicode: true, colours: false };
        insta::assert_snapshot!(chart(&data(&[("sample", &ONE), ("other", &TWO)]), canvas));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 0..140 {
            for unicode in [true, false] {
                let text = chart(&data(&[("sample", &ONE), ("other", &TWO)]), Canvas { width, unicode, colours: false });
                let drawn = text.lines().filter(|line| line.contains(['│', '|', '└', '+']));
                assert!(drawn.into_iter().all(|line| line.chars().count() <= width), "{width}\n{text}");
            }
        }
        let text = chart(&data(&[("sample", &[None, None])]), Canvas { width: 60, unicode: true, colours: true });
        assert!(text.ends_with("No counts in this range."), "{text}");
    }

    #[test]
    fn trends() {
        let canvas = |width, unicode| Canvas { width, unicode, colours: false };
        let values = [Some(0), Some(4), None, Some(8), Some(6)];
        assert_eq!(sparkline(&values, canvas(80, true)).as_deref(), Some("▁▄ █▆"));
        assert_eq!(sparkline(&values, canvas(80, false)).as_deref(), Some("_- #+"));
        assert_eq!(sparkline(&values, canvas(3, true)).as_deref(), Some("▂█▆"));
        assert_eq!(sparkline(&[None, None], canvas(80, true)), None);
    }
}
