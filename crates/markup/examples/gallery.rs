//! Writes a page with charts of every kind, and the same as pictures, to look at: `cargo run -p markup --example gallery -- FOLDER`.
#![expect(clippy::print_stdout, reason = "where the page is")]

use std::fmt::Write as _;
use std::path::PathBuf;

use markup::{
    Badge, BadgeColour, BadgeStyle, ChartFormat, ChartGap, ChartKind, ChartMarker, ChartPoint, ChartScale, ChartSeries, ChartSpec,
    ChartTheme, Covers, Month, badge, chart, chart_file, legend, month_chart, sparkline,
};
use model::{Day, DayRange, Step};

const NAMES: [&str; 10] = [
    "react",
    "vue",
    "svelte",
    "@angular/core",
    "preact",
    "solid-js",
    "lit",
    "@builder.io/qwik",
    "alpinejs",
    "a-package-with-quite-a-long-name",
];

/// A believable series: growth, weekends, the turn of the year, noise. Always the same for the same seed.
fn downloads(seed: u32, day: Day) -> f64 {
    let years = f64::from(day - Day::FIRST_COUNTED) / 365.25;
    let weekend = if day.weekday() >= 5 { 0.45 } else { 1.0 };
    let holiday = if day.month() == 12 && day.day_of_month() > 22 { 0.6 } else { 1.0 };
    let noise = f64::from((day.0.unsigned_abs().wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)) % 1_000) / 1_000.0 * 0.12 + 0.94;
    let start = 400_000.0 / f64::from(1 + seed * seed);
    let growth = 1.0 + 0.55 / (1.0 + f64::from(seed) * 0.2);
    start * growth.powf(years) * weekend * holiday * noise
}

fn spec(id: &str, title: &str, step: Step, first: &str, last: &str, count: usize) -> ChartSpec {
    let range = DayRange { first: Day::parse(first).expect("a day"), last: Day::parse(last).expect("a day") };
    let series = NAMES[..count].iter().zip(0..).map(|(name, seed)| {
        let points = range.periods(step).into_iter().map(|period| {
            let cut = period.intersection(range);
            let value = cut.iter().map(|day| downloads(seed, day)).sum::<f64>().round();
            ChartPoint { range: cut, value: Some(value), covers: if cut == period { Covers::Whole } else { Covers::Unfinished } }
        });
        ChartSeries { name: (*name).to_owned(), href: Some("#".to_owned()), points: points.collect() }
    });
    let a = match step {
        Step::Day => "day",
        Step::Week => "week",
        Step::Month => "month",
        Step::Year => "year",
    };
    ChartSpec {
        id: id.to_owned(),
        title: title.to_owned(),
        measure: format!("downloads a {a}"),
        note: "Counts to 21 Nov 2026".to_owned(),
        format: ChartFormat::Count,
        scale: ChartScale::Linear,
        kind: ChartKind::Lines,
        step,
        range,
        series: series.collect(),
        markers: Vec::new(),
        gaps: Vec::new(),
        height: 260,
    }
}

fn specs() -> Vec<ChartSpec> {
    let mut one = spec("one", "Downloads of react, by week", Step::Week, "2025-11-24", "2026-11-21", 1);
    one.markers = [("2026-01-14", "v19.3.0"), ("2026-05-20", "v19.4.0"), ("2026-06-02", "v19.4.1"), ("2026-10-01", "v20.0.0")]
        .map(|(day, label)| ChartMarker { day: Day::parse(day).expect("a day"), label: label.to_owned() })
        .into();
    let mut gaps = spec("gaps", "Days without counts", Step::Day, "2026-08-22", "2026-11-21", 2);
    for series in &mut gaps.series {
        for point in &mut series.points[30..34] {
            point.value = None;
        }
        series.points[60].value = None;
        series.points[62].value = None;
        let newest = series.points.len() - 2;
        series.points.truncate(newest);
    }
    let gap = |first: usize, last: usize| {
        let points = &gaps.series[0].points;
        ChartGap {
            range: DayRange { first: points[first].range.first, last: points[last].range.last },
            why: "npm has no counts".to_owned(),
        }
    };
    gaps.gaps = vec![gap(30, 33), gap(60, 60), gap(62, 62)];
    let mut log = spec("log", "The same on a logarithmic scale", Step::Month, "2016-01-01", "2026-11-21", 10);
    log.scale = ChartScale::Log;
    let mut growth = spec("growth", "Growth against the month before", Step::Month, "2024-12-01", "2026-11-21", 3);
    growth.format = ChartFormat::Change;
    for series in &mut growth.series {
        let values: Vec<Option<f64>> = series.points.iter().map(|point| point.value).collect();
        for (at, point) in series.points.iter_mut().enumerate() {
            point.value = at.checked_sub(1).and_then(|before| Some((values[at]? / values[before]? - 1.0) * 100.0));
        }
    }
    let mut indexed = spec("indexed", "Indexed: 100 at the beginning", Step::Month, "2023-01-01", "2026-10-31", 5);
    indexed.format = ChartFormat::Index;
    for series in &mut indexed.series {
        let first = series.points[0].value.unwrap_or(1.0);
        series.points.iter_mut().for_each(|point| point.value = point.value.map(|value| value / first * 100.0));
    }
    let mut bars = spec("bars", "Packages of a user, by month", Step::Month, "2025-01-01", "2026-11-21", 7);
    bars.kind = ChartKind::Stacked;
    let mut stack = spec("stack", "Packages of a user, by week", Step::Week, "2022-01-03", "2026-11-21", 10);
    stack.kind = ChartKind::Stacked;
    let mut zero = spec("zero", "A new package on a logarithmic scale", Step::Week, "2026-03-02", "2026-11-15", 1);
    zero.scale = ChartScale::Log;
    for (at, point) in zero.series[0].points.iter_mut().enumerate() {
        point.value = Some(if at < 6 { 0.0 } else { (at * at * at) as f64 });
    }
    let mut nothing = spec("nothing", "Nothing known", Step::Week, "2026-03-02", "2026-11-15", 1);
    nothing.series[0].points.clear();
    vec![
        one,
        spec("five", "Downloads of five packages, by week", Step::Week, "2023-11-20", "2026-11-21", 5),
        spec("ten", "Downloads of ten packages, by month", Step::Month, "2016-01-01", "2026-11-21", 10),
        log,
        gaps,
        spec("years", "Downloads by year", Step::Year, "2017-01-01", "2026-11-21", 3),
        growth,
        indexed,
        bars,
        stack,
        zero,
        spec("long", "Ten years of days", Step::Day, "2016-11-22", "2026-11-21", 1),
        nothing,
    ]
}

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let style = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/assets/style.css");
    std::fs::copy(style, folder.join("style.css"))?;
    let mut page = String::from(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>Charts</title>\
         <link rel=stylesheet href=style.css><main><h1>Charts</h1>",
    );
    for spec in specs() {
        let _ = write!(page, "<h2>{}</h2><p class=dim>{}. {}</p>{}{}", spec.title, spec.measure, spec.note, legend(&spec), chart(&spec));
        for (width, height) in [(720, 400), (360, 320)] {
            for (theme, name) in [(ChartTheme::Light, "light"), (ChartTheme::Dark, "dark")] {
                std::fs::write(folder.join(format!("{}-{width}-{name}.svg", spec.id)), chart_file(&spec, width, height, theme))?;
            }
        }
    }
    let months = [("2025-11", Some(1_200_000)), ("2025-12", Some(900_000)), ("2026-02", Some(1_500_000)), ("2026-03", Some(1_700_000))];
    let months = months.map(|(label, count)| Month { label, count });
    let _ = write!(page, "<h2>Margin</h2><aside style=\"width:19rem\">{}</aside>", month_chart("months", "Downloads a month", &months));
    let values: Vec<Option<u64>> = (0..52).map(|week| (week != 20).then_some(1_000 + week * week * 7 + week % 5 * 600)).collect();
    let _ = write!(page, "<h2>Small</h2><p>{} {}</p><p>", sparkline(&values), sparkline(&[None, None]));
    for style in [BadgeStyle::Flat, BadgeStyle::Square, BadgeStyle::Large] {
        for (label, value, colour) in [
            ("downloads", "8.5M a week", BadgeColour::Teal),
            ("npm", "v19.4.1", BadgeColour::Blue),
            ("trend", "+12% in 30 days", BadgeColour::Green),
            ("@jane", "unknown", BadgeColour::Grey),
            ("rank", "#1,234", BadgeColour::Rgb(250, 220, 60)),
        ] {
            let _ = write!(page, "{} ", badge(&Badge { label, value, colour, style }));
        }
        page.push_str("</p><p>");
    }
    page.push_str("</p></main></html>");
    let file = folder.join("index.html");
    std::fs::write(&file, page)?;
    println!("{}", file.display());
    Ok(())
}
