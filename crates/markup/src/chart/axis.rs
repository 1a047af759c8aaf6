//! Scales, and the marks on them that people read.

use model::{Day, DayRange, Step};

use super::{ChartFormat, ChartScale, short_count};

/// Intervals of a linear scale, about.
const INTERVALS: f64 = 5.0;
/// Room for zero below a logarithmic scale, which has none.
const ZERO_ROOM: f64 = 0.12;
/// Nothing counted is beyond it either way, and differences stay finite.
const MOST: f64 = 1e18;

/// A line across the plot and what stands beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValueTick {
    pub(super) value: f64,
    pub(super) label: String,
    /// Whether it is what the others are compared with: zero, or 100 where values are indexed.
    pub(super) is_base: bool,
}

/// The scale of values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValueAxis {
    pub(super) ticks: Vec<ValueTick>,
    map: Map,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Map {
    Linear {
        low: f64,
        high: f64,
    },
    /// Powers of ten. Where there are zeros they have a place of their own below it.
    Log {
        low: f64,
        high: f64,
        has_zero: bool,
    },
}

impl ValueAxis {
    /// A scale for all of these. Linear ones include zero; a logarithmic one of nothing above zero is linear.
    pub(super) fn new(values: impl Iterator<Item = f64> + Clone, scale: ChartScale, format: ChartFormat) -> Self {
        let positive = values.clone().filter(|value| *value > 0.0);
        match scale {
            ChartScale::Log if positive.clone().next().is_some() => {
                let (least, most) = positive.fold((f64::MAX, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
                Self::log(least.clamp(1e-9, MOST), most.clamp(1e-9, MOST), values.clone().any(|value| value <= 0.0), format)
            }
            _ => Self::linear(values, format),
        }
    }

    fn linear(values: impl Iterator<Item = f64>, format: ChartFormat) -> Self {
        let (mut low, mut high) = values.fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        (low, high) = (low.max(-MOST), high.min(MOST));
        if format == ChartFormat::Index {
            high = high.max(100.0);
        }
        let span = if high - low > 0.0 { high - low } else { 1.0 };
        let mut step = nice_above(span / INTERVALS * 0.999);
        if format == ChartFormat::Count {
            step = step.max(1.0);
        }
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil().max(1.0));
        let base = if format == ChartFormat::Index { 100.0 } else { 0.0 };
        let tick = |number: f64| {
            let value = number * step;
            ValueTick { value, label: format.tick(value, step), is_base: (value - base).abs() < step / 1e3 }
        };
        let ticks = (first as i64..=last as i64).map(|number| tick(number as f64)).collect();
        Self { ticks, map: Map::Linear { low: first * step, high: last * step } }
    }

    fn log(least: f64, most: f64, has_zero: bool, format: ChartFormat) -> Self {
        let low = nice_below(least);
        let mut high = nice_above(most);
        if high / low < 3.9 {
            high = nice_above((low * 3.9).max(most));
        }
        let decades = (high / low).log10();
        let every = if decades > 6.5 { 2 } else { 1 };
        let mantissas: &[f64] = if decades <= 2.4 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let mut ticks = Vec::new();
        if has_zero {
            ticks.push(ValueTick { value: 0.0, label: format.tick(0.0, 1.0), is_base: true });
        }
        let start = (low.log10() + 1e-9).floor() as i32;
        let end = (high.log10() + 1e-9).floor() as i32;
        for power in (start..=end).filter(|power| (power - end).rem_euclid(every) == 0) {
            for mantissa in mantissas {
                let value = mantissa * 10_f64.powi(power);
                if value >= low * 0.999 && value <= high * 1.001 {
                    let is_base = format == ChartFormat::Index && (value - 100.0).abs() < 0.1;
                    ticks.push(ValueTick { value, label: format.tick(value, value), is_base });
                }
            }
        }
        Self { ticks, map: Map::Log { low, high, has_zero } }
    }

    /// Where a value stands: 0 at the bottom, 1 at the top.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.map {
            Map::Linear { low, high } => (value - low) / (high - low),
            Map::Log { .. } if value <= 0.0 => 0.0,
            Map::Log { low, high, has_zero } => {
                let bottom = if has_zero { ZERO_ROOM } else { 0.0 };
                bottom + (1.0 - bottom) * ((value / low).log10() / (high / low).log10()).max(0.0)
            }
        };
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// 1, 2 or 5 times a power of ten, at least this.
fn nice_above(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-12).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps.iter().map(|step| step * power).find(|nice| *nice >= value * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// 1, 2 or 5 times a power of ten, at most this.
fn nice_below(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-12).log10().floor());
    let steps = [5.0, 2.0, 1.0];
    steps.iter().map(|step| step * power).find(|nice| *nice <= value * (1.0 + 1e-9)).unwrap_or(power)
}

impl ChartFormat {
    /// A value on the scale, whose values are `step` apart.
    fn tick(self, value: f64, step: f64) -> String {
        let sign = match value {
            ..0.0 => "−",
            0.0 => "",
            _ if self == Self::Change => "+",
            _ => "",
        };
        let size = value.abs();
        match self {
            Self::Count | Self::Index => format!("{sign}{}", short_count(size.round() as u64)),
            Self::Percent | Self::Change if size >= 9_999.5 => format!("{sign}{}%", short_count(size.round() as u64)),
            Self::Percent | Self::Change => {
                let decimals = if value == 0.0 { 0 } else { (-step.max(1e-9).log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize };
                format!("{sign}{size:.decimals$}%")
            }
        }
    }

    /// A value in words, in full where that is short enough.
    #[must_use]
    pub fn value(self, value: f64) -> String {
        match self {
            Self::Count => short_count(value.max(0.0).round() as u64),
            Self::Index => format!("{value:.0}"),
            Self::Percent | Self::Change => {
                let sign = if self == Self::Change && value > 0.0 { "+" } else { "" };
                let decimals = match value.abs() {
                    10.0.. => 0,
                    1.0.. => 1,
                    0.0 => 0,
                    0.1.. if self == Self::Change => 1,
                    small => (1.0 - small.max(1e-9).log10().floor()).clamp(1.0, 9.0) as usize,
                };
                format!("{sign}{value:.decimals$}%").replace('-', "−")
            }
        }
    }
}

/// A mark below the plot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DayTick {
    /// Where it stands.
    pub(super) day: Day,
    /// The period it names, when periods are as long as what the marks name.
    pub(super) period: Option<DayRange>,
    pub(super) label: String,
    /// What the label is part of, where that begins: the year of a month, the month of a day.
    pub(super) below: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Days(i32),
    Months(i32),
    Years(i32),
}

const UNITS: [Unit; 14] = [
    Unit::Days(1),
    Unit::Days(2),
    Unit::Days(7),
    Unit::Days(14),
    Unit::Months(1),
    Unit::Months(2),
    Unit::Months(3),
    Unit::Months(6),
    Unit::Years(1),
    Unit::Years(2),
    Unit::Years(5),
    Unit::Years(10),
    Unit::Years(50),
    Unit::Years(500),
];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn month(day: Day) -> &'static str {
    MONTHS.get((day.month() - 1).unsigned_abs() as usize).copied().unwrap_or_default()
}

/// `3 Mar 2026`.
#[must_use]
pub fn day_name(day: Day) -> String {
    format!("{} {} {}", day.day_of_month(), month(day), day.year())
}

/// What a period is called: `3 Mar 2026`, `week of 2 Mar 2026`, `Mar 2026`, `2026`.
#[must_use]
pub fn period_name(period: DayRange, step: Step) -> String {
    match step {
        Step::Day => day_name(period.first),
        Step::Week => format!("week of {}", day_name(period.first)),
        Step::Month => format!("{} {}", month(period.first), period.first.year()),
        Step::Year => period.first.year().to_string(),
    }
}

/// Room of a mark, pixels: a day may have its month and year below.
fn room(unit: Unit) -> f64 {
    match unit {
        Unit::Days(_) => 66.0,
        Unit::Months(_) | Unit::Years(_) => 46.0,
    }
}

/// Marks for a range of days that is so many pixels wide. `step` is the length of the periods drawn: none is finer, and one of
/// the same length stands at its period's middle.
pub(super) fn day_ticks(range: DayRange, pixels: f64, step: Step) -> Vec<DayTick> {
    let days = range.days().max(1) as usize;
    let finest = match step {
        Step::Day => 0,
        Step::Week => 2,
        Step::Month => 4,
        Step::Year => 8,
    };
    for unit in &UNITS[finest..] {
        let most = ((pixels / room(*unit)) as usize).max(2);
        let length = match unit {
            Unit::Days(number) => *number as usize,
            Unit::Months(number) => 30 * *number as usize,
            Unit::Years(number) => 365 * *number as usize,
        };
        // Long before the places are known, so that ten years are not tried by the day.
        if days / length > most + 2 {
            continue;
        }
        let whole = match (unit, step) {
            (Unit::Years(1), Step::Year) => Some(Step::Year),
            (Unit::Months(1), Step::Month) => Some(Step::Month),
            _ => None,
        };
        let ticks = ticks_of(range, *unit, whole);
        if ticks.len() <= most {
            return ticks;
        }
    }
    Vec::new()
}

fn ticks_of(range: DayRange, unit: Unit, whole: Option<Step>) -> Vec<DayTick> {
    if let Some(step) = whole {
        let periods = range.periods(step).into_iter().map(|period| period.intersection(range));
        let mut year = None;
        let tick = |period: DayRange| {
            let label = if step == Step::Year { period.first.year().to_string() } else { month(period.first).to_owned() };
            let below = (step == Step::Month && year.replace(period.first.year()) != Some(period.first.year()))
                .then(|| period.first.year().to_string());
            DayTick { day: period.first, period: Some(period), label, below }
        };
        return periods.map(tick).collect();
    }
    let mut ticks = Vec::new();
    let mut upper = None;
    let mut push = |day: Day| {
        if !range.contains(day) {
            return;
        }
        let (label, part_of) = match unit {
            Unit::Days(_) => (day.day_of_month().to_string(), Some(format!("{} {}", month(day), day.year()))),
            Unit::Months(_) => (month(day).to_owned(), Some(day.year().to_string())),
            Unit::Years(_) => (day.year().to_string(), None),
        };
        let below = if upper == part_of { None } else { part_of.clone() };
        upper = part_of;
        ticks.push(DayTick { day, period: None, label, below });
    };
    match unit {
        Unit::Days(every) => {
            // Mondays, and every so many of them.
            let mut day = if every % 7 == 0 { range.first.period(Step::Week).first } else { range.first };
            while day <= range.last {
                push(day);
                day = day + every;
            }
        }
        Unit::Months(every) => {
            let first = i32::from(range.first.year()) * 12 + i32::from(range.first.month()) - 1;
            let last = i32::from(range.last.year()) * 12 + i32::from(range.last.month()) - 1;
            (first..=last).filter(|number| number % every == 0).filter_map(day_of_month).for_each(&mut push);
        }
        Unit::Years(every) => {
            let years = i32::from(range.first.year())..=i32::from(range.last.year());
            years.filter(|year| year % every == 0).filter_map(|year| day_of_month(year * 12)).for_each(&mut push);
        }
    }
    ticks
}

/// The first day of a month, counted from the year 0.
fn day_of_month(number: i32) -> Option<Day> {
    Day::of_date(i16::try_from(number.div_euclid(12)).ok()?, number.rem_euclid(12) as i8 + 1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64], scale: ChartScale, format: ChartFormat) -> Vec<String> {
        ValueAxis::new(values.iter().copied(), scale, format).ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn values_that_people_read() {
        use ChartFormat::{Change, Count, Index, Percent};
        use ChartScale::{Linear, Log};
        assert_eq!(labels(&[0.0, 32_700_000.0], Linear, Count), ["0", "10M", "20M", "30M", "40M"]);
        assert_eq!(labels(&[5_900.0], Linear, Count), ["0", "2k", "4k", "6k"]);
        assert_eq!(labels(&[3.0], Linear, Count), ["0", "1", "2", "3"]);
        assert_eq!(labels(&[0.0], Linear, Count), ["0", "1"]);
        assert_eq!(labels(&[], Log, Count), ["0", "1"]);
        assert_eq!(labels(&[0.0011, 0.0034], Linear, Percent), ["0%", "0.001%", "0.002%", "0.003%", "0.004%"]);
        assert_eq!(labels(&[-30.0, 110.0], Linear, Change), ["−50%", "0%", "+50%", "+100%", "+150%"]);
        assert_eq!(labels(&[80.0, 190.0], Linear, Index), ["0", "50", "100", "150", "200"]);
        assert_eq!(labels(&[12.0, 98_000_000.0], Log, Count), ["100", "10k", "1M", "100M"]);
        assert_eq!(labels(&[150.0, 4_000.0], Log, Count), ["100", "200", "500", "1k", "2k", "5k"]);
        assert_eq!(labels(&[0.0, 150.0, 900_000.0], Log, Count), ["0", "100", "1k", "10k", "100k", "1M"]);
        assert_eq!(labels(&[5.0], Log, Count), ["5", "10", "20"]);
    }

    #[test]
    fn values_in_words() {
        let check = |format: ChartFormat, value: f64, expected: &str| assert_eq!(format.value(value), expected, "{value}");
        check(ChartFormat::Count, 32_731_392.0, "32M");
        check(ChartFormat::Percent, 12.34, "12%");
        check(ChartFormat::Percent, 0.1149, "0.11%");
        check(ChartFormat::Percent, 0.00123, "0.0012%");
        check(ChartFormat::Change, 0.52, "+0.5%");
        check(ChartFormat::Change, 3.21, "+3.2%");
        check(ChartFormat::Change, -41.9, "−42%");
        check(ChartFormat::Index, 151.6, "152");
    }

    #[test]
    fn zero_has_its_place() {
        let axis = ValueAxis::new([0.0, 10.0, 1_000.0].into_iter(), ChartScale::Log, ChartFormat::Count);
        for (value, place) in [(0.0, 0.0), (10.0, ZERO_ROOM), (1_000.0, 1.0)] {
            assert!((axis.place(value) - place).abs() < 1e-9, "{value}");
        }
        assert!(axis.place(-5.0).abs() < 1e-9 && (axis.place(f64::MAX) - 1.0).abs() < 1e-9);
    }

    fn days(text: &str, pixels: f64, step: Step) -> String {
        let (first, last) = text.split_once(':').expect("a range");
        let range = DayRange { first: Day::parse(first).expect("a day"), last: Day::parse(last).expect("a day") };
        let word = |tick: DayTick| tick.label + &tick.below.map_or(String::new(), |below| format!("/{below}"));
        day_ticks(range, pixels, step).into_iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn days_that_people_read() {
        assert_eq!(days("2026-11-16:2026-11-22", 660.0, Step::Day), "16/Nov 2026 17 18 19 20 21 22");
        assert_eq!(days("2026-10-20:2026-11-22", 400.0, Step::Day), "26/Oct 2026 2/Nov 2026 9 16");
        assert_eq!(days("2025-11-24:2026-11-22", 600.0, Step::Week), "Dec/2025 Jan/2026 Feb Mar Apr May Jun Jul Aug Sep Oct Nov");
        assert_eq!(days("2025-11-24:2026-11-22", 240.0, Step::Week), "Jan/2026 Apr Jul Oct");
        assert_eq!(days("2015-01-10:2026-11-22", 560.0, Step::Month), "2016 2017 2018 2019 2020 2021 2022 2023 2024 2025 2026");
        assert_eq!(days("2015-01-10:2026-11-22", 240.0, Step::Month), "2020 2025");
        assert_eq!(days("2020-05-01:2026-11-22", 560.0, Step::Year), "2020 2021 2022 2023 2024 2025 2026");
        assert_eq!(days("2025-11-01:2026-03-31", 560.0, Step::Month), "Nov/2025 Dec Jan/2026 Feb Mar");
        assert_eq!(days("2026-03-01:2026-03-01", 700.0, Step::Day), "1/Mar 2026");
        assert_eq!(days("0000-01-01:9999-12-31", 1_400.0, Step::Year).split(' ').count(), 20);
    }

    #[test]
    fn periods_have_names() {
        let day = Day::parse("2026-03-04").expect("a day");
        let name = |step| period_name(day.period(step), step);
        assert_eq!([Step::Day, Step::Week, Step::Month, Step::Year].map(name), ["4 Mar 2026", "week of 2 Mar 2026", "Mar 2026", "2026"]);
    }
}
