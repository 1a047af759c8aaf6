use proptest::prelude::*;

use super::*;

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn spec(step: Step, first: &str, values: &[&[Option<f64>]]) -> ChartSpec {
    let mut series = Vec::new();
    let mut range = day(first).period(step);
    for (number, values) in values.iter().enumerate() {
        let mut period = day(first).period(step);
        let mut points = Vec::new();
        for value in *values {
            points.push(ChartPoint { range: period, value: *value, covers: Covers::Whole });
            range.last = range.last.max(period.last);
            period = (period.last + 1).period(step);
        }
        series.push(ChartSeries { name: format!("package-{}", number + 1), href: Some(format!("/pkg:package-{}", number + 1)), points });
    }
    ChartSpec {
        id: "downloads".to_owned(),
        title: "Downloads of <samples>".to_owned(),
        measure: "downloads a month".to_owned(),
        note: "Counts to 21 Nov 2026".to_owned(),
        format: ChartFormat::Count,
        scale: ChartScale::Linear,
        kind: ChartKind::Lines,
        step,
        range,
        series,
        markers: Vec::new(),
        gaps: Vec::new(),
        height: 200,
    }
}

fn lines(svg: &str) -> String {
    svg.replace("><", ">\n<")
}

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
fn months() {
    let month = |label, count| Month { label, count };
    let months = [month("2025-11", Some(1_200_000)), month("2025-12", Some(0)), month("2026-02", None), month("2026-03", Some(900))];
    insta::assert_snapshot!(lines(&month_chart("months", "Downloads of <sample>", &months)));
    let nothing = month_chart("none", "Nothing", &[month("never", Some(1))]);
    assert!(nothing.contains("No counts in this range") && nothing.contains("no counts."), "{nothing}");
}

/// Two series, a gap, days missing, an unfinished period, releases.
fn rich() -> ChartSpec {
    let mut spec = spec(
        Step::Month,
        "2026-01-01",
        &[&[Some(1_000.0), Some(2_000.0), None, Some(3_000.0), Some(4_000.0)], &[Some(0.0), Some(10.0), None, Some(50.0), Some(20.0)]],
    );
    spec.series[0].points[4].covers = Covers::Unfinished;
    spec.series[1].points[3].covers = Covers::Partly;
    spec.markers = vec![ChartMarker { day: day("2026-04-15"), label: "v2.0.0".to_owned() }];
    spec.gaps =
        vec![ChartGap { range: DayRange { first: day("2026-03-01"), last: day("2026-03-31") }, why: "npm has no counts".to_owned() }];
    spec
}

#[test]
fn a_page_has_lines_with_gaps() {
    let spec = rich();
    insta::assert_snapshot!(lines(&chart(&spec)));
    insta::assert_snapshot!(lines(&legend(&spec)));
}

#[test]
fn a_stack() {
    let mut spec = rich();
    spec.kind = ChartKind::Stacked;
    insta::assert_snapshot!(lines(&chart(&spec)));
    let legend = legend(&spec);
    assert!(legend.find("package-2") < legend.find("package-1"), "from top to bottom: {legend}");
}

#[test]
fn a_picture_by_itself() {
    let mut spec = rich();
    spec.scale = ChartScale::Log;
    insta::assert_snapshot!(lines(&chart_file(&spec, 360, 300, ChartTheme::Auto)));
    let light = chart_file(&spec, 720, 400, ChartTheme::Light);
    assert!(!light.contains("prefers-color-scheme") && light.contains(PALETTE[0].light) && !light.contains(PALETTE[0].dark), "{light}");
}

#[test]
fn what_is_not_whole_is_dashed_and_gaps_are_not_crossed() {
    let svg = chart(&rich());
    let paths: Vec<&str> =
        svg.split("<path class=\"line\"").skip(1).filter_map(|rest| rest.split(" d=\"").nth(1)?.split('"').next()).collect();
    assert_eq!(paths.len(), 2, "one stretch of whole months in each of two lines: {paths:?}");
    assert!(paths.iter().all(|path| path.matches('M').count() == 1 && path.matches('L').count() == 1), "{paths:?}");
    assert_eq!(svg.matches("line part").count(), 2);
}

#[test]
fn words() {
    let text = super::words::describe(&rich());
    assert_eq!(
        text,
        "Downloads a month, 1 Jan 2026 to 31 May 2026. package-1: rising, from 1k in Jan 2026 to 3k in Apr 2026 (first to last quarter +200%); most 3k in \
         Apr 2026; 1 of 5 periods not known; May 2026 so far 4k. package-2: rising, from 0 in Jan 2026 to 20 in May 2026; most 20 in May 2026; 1 of 5 \
         periods not known. 1 Mar 2026 to 31 Mar 2026: npm has no counts. 1 release marked, the last v2.0.0 on 15 Apr 2026. Counts to 21 Nov 2026."
    );
    let flat = spec(Step::Week, "2026-01-05", &[&[Some(5_000.0), Some(5_100.0), Some(4_900.0), Some(5_050.0)]]);
    assert!(super::words::describe(&flat).contains("level, from 5k in the week of 5 Jan 2026 to 5k in the week of 26 Jan 2026; most 5.1k"));
}

/// Numbers of an attribute; `%` stays out.
fn numbers(svg: &str, name: &str) -> Vec<f64> {
    let start = format!(" {name}=\"");
    let values = svg.split(&start).skip(1).filter_map(|rest| rest.split('"').next());
    values.map(|value| value.trim_end_matches('%').parse().unwrap_or_else(|_| panic!("{name}: {value}"))).collect()
}

fn check(svg: &str, width: f64, height: f64) -> Result<(), TestCaseError> {
    let known = ["div", "svg", "title", "desc", "defs", "g", "path", "line", "rect", "text", "use", "style"];
    for tag in svg.split('<').skip(1) {
        let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap_or_default();
        prop_assert!(known.contains(&name), "{name}");
        let attributes = tag.split('>').next().unwrap_or_default();
        prop_assert!(!attributes.contains("NaN") && !attributes.contains("inf"), "{attributes}");
        prop_assert!(!attributes.contains(" on") && !attributes.contains(" style"), "{attributes}");
    }
    for (name, least, most) in
        [("x", -15.0, width), ("x1", 0.0, width), ("x2", 0.0, width), ("y", -10.0, height), ("y1", -10.0, height), ("y2", -10.0, height)]
    {
        for number in numbers(svg, name) {
            prop_assert!((least..=most).contains(&number), "{name} {number}");
        }
    }
    for path in svg.split(" vector-effect=\"non-scaling-stroke\" d=\"").skip(1) {
        let path = path.split('"').next().unwrap_or_default();
        let numbers = path.split(|c: char| c.is_ascii_alphabetic() || c == ' ').filter(|text| !text.is_empty());
        for number in numbers {
            let number: f64 = number.parse().unwrap_or_else(|_| panic!("{path}"));
            prop_assert!((0.0..=UNITS.max(width).max(height)).contains(&number), "{number} in {path}");
        }
    }
    Ok(())
}

prop_compose! {
    fn any_spec()(
        title in any::<String>(),
        step in prop::sample::select(vec![Step::Day, Step::Week, Step::Month, Step::Year]),
        first in 15_000..20_000i32,
        length in 0..4_000i32,
        format in prop::sample::select(vec![ChartFormat::Count, ChartFormat::Percent, ChartFormat::Change, ChartFormat::Index]),
        scale in prop::sample::select(vec![ChartScale::Linear, ChartScale::Log]),
        kind in prop::sample::select(vec![ChartKind::Lines, ChartKind::Stacked]),
        all in prop::collection::vec((any::<String>(), prop::collection::vec((any::<Option<f64>>(), 0..3u8), 0..40)), 0..13),
        markers in prop::collection::vec((14_900..24_100i32, any::<String>()), 0..6),
        gaps in prop::collection::vec((14_900..24_100i32, 0..90i32, any::<String>()), 0..3),
    ) -> ChartSpec {
        let range = DayRange { first: Day(first), last: Day(first + length) };
        let series = all.into_iter().map(|(name, values)| {
            let mut period = (Day(first) - 40).period(step);
            let points = values.into_iter().map(|(value, covers)| {
                let point = ChartPoint { range: period, value, covers: [Covers::Whole, Covers::Unfinished, Covers::Partly][usize::from(covers)] };
                period = (period.last + 1).period(step);
                point
            });
            ChartSeries { points: points.collect(), href: Some(name.clone()), name }
        });
        ChartSpec {
            id: "x\"><script>".to_owned(), measure: title.clone(), note: title.clone(), title, format, scale, kind, step, range,
            series: series.collect(),
            markers: markers.into_iter().map(|(day, label)| ChartMarker { day: Day(day), label }).collect(),
            gaps: gaps.into_iter().map(|(day, days, why)| ChartGap { range: DayRange { first: Day(day), last: Day(day + days) }, why }).collect(),
            height: 200,
        }
    }
}

proptest! {
    #[test]
    fn always_within_its_frame(spec in any_spec(), width in any::<u16>(), height in any::<u16>()) {
        check(&chart(&spec), 100.0, 250.0)?;
        let file = chart_file(&spec, width, height, ChartTheme::Auto);
        let (width, height) = (numbers(&file, "width")[0], numbers(&file, "height")[0]);
        prop_assert!((240.0..=2_000.0).contains(&width) && (160.0..=2_000.0).contains(&height), "{width} {height}");
        check(&file, width, height)?;
        for tag in legend(&spec).split('<').skip(1) {
            let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap_or_default();
            prop_assert!(["ul", "li", "svg", "path", "rect", "span", "a"].contains(&name), "{name}");
        }
    }
}
