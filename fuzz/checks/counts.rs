//! What holds for any bytes read as an answer of npm's downloads API.

use model::{Counted, DayCount, Step, parse_bulk_range, parse_range, parse_versions};

/// Reads the bytes as every kind of answer and checks what later steps rely on.
pub(crate) fn check(bytes: &[u8]) {
    if let Ok(counted) = parse_range(bytes) {
        is_whole(&counted);
    }
    if let Ok(all) = parse_bulk_range(bytes) {
        all.values().flatten().for_each(is_whole);
    }
    if let Ok(versions) = parse_versions(bytes) {
        assert!(versions.counts.iter().all(|(version, _)| !version.is_empty() && version.len() <= 256));
    }
}

fn is_whole(counted: &Counted) {
    let series = &counted.series;
    assert!(!series.days.is_empty() && series.days.len() <= 20 * 366);
    assert!(series.days.iter().all(|count| *count != DayCount::Hole), "npm marks no holes");
    let sum = series.sum(series.range());
    let months = series.rolled_up(Step::Month, series.range());
    assert_eq!(months.iter().map(|month| month.sum.known).sum::<u32>(), sum.known);
    assert!(series.find_holes().iter().all(|day| series.range().contains(*day)));
}
