//! Downloads by day: what is put in comes out, with months and sums that fit, whatever the order.

use model::DayCount::{Hole, Known, Unknown};
use model::{Day, DayCount, DayRange, PackageName, Series, Sum};
use store::{HistoryTurn, Schedule, VersionWeek, WHOLE_REGISTRY, closed_at};

use crate::{names, on_both};

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn range(first: &str, last: &str) -> DayRange {
    DayRange { first: day(first), last: day(last) }
}

/// Every day of a range has its own number, and the month before last a hole.
fn truth(range: DayRange) -> Series {
    let count = |day: Day| if day.0 % 97 == 0 { DayCount::Hole } else { DayCount::Known(u64::from(day.0.unsigned_abs() * 7919 % 1_009)) };
    Series { first: range.first, days: range.iter().map(count).collect() }
}

/// A moment in the afternoon of a day.
fn at(text: &str) -> i64 {
    day(text).start_seconds() + 15 * 3600
}

#[tokio::test]
async fn days_are_kept_whatever_their_order() {
    on_both(async |store| {
        store.add_names(&names(&["a", "b", "c"]), 100).await.expect("stored");
        let whole = truth(range("2023-06-15", "2026-11-21"));
        assert!(store.series(1).await.expect("read").days.is_empty());
        // The newest window first, then older ones, as they are asked for.
        for (first, last) in [("2025-11-22", "2026-11-21"), ("2024-11-22", "2025-11-21"), ("2023-06-15", "2024-11-21")] {
            store.put_days(&[(1, whole.slice(range(first, last)))], at("2026-11-24")).await.expect("stored");
        }
        assert_eq!(store.series(1).await.expect("read"), whole);
        // All at once, and one that is not there.
        store.put_days(&[(2, whole.clone()), (WHOLE_REGISTRY, whole.clone())], at("2026-11-24")).await.expect("stored");
        assert_eq!(store.series(WHOLE_REGISTRY).await.expect("read"), whole);
        let some = range("2024-12-01", "2025-02-10");
        let found = store.series_of(&[1, 2, 3, 99], some).await.expect("read");
        assert_eq!(found.len(), 2);
        assert!(found.values().all(|series| *series == whole.slice(some)));
        let outside = range("2023-01-01", "2027-01-31");
        assert_eq!(store.series_of(&[1], outside).await.expect("read")[&1], whole.slice(outside));
        let sums = store.download_sums(&[1, 2, 3]).await.expect("read");
        assert_eq!((sums.len(), sums[&1], sums[&2]), (2, whole.sums().expect("counts"), whole.sums().expect("counts")));
        assert_eq!((sums[&1].days_365.known, sums[&1].days_365.holes), (361, 4));
        let months = store.months_of(&[1, 2, 3]).await.expect("read");
        assert_eq!((months.len(), &months[&1]), (2, &months[&2]));
        assert_eq!((months[&1].first, months[&1].sums.len()), (day("2023-06-01"), 42));
        assert_eq!(months[&1].sums[0], Sum { days: 30, ..whole.sum(range("2023-06-01", "2023-06-30")) });
        assert_eq!(months[&1].sums[41], whole.sum(range("2026-11-01", "2026-11-30")));
        let total: u64 = months[&1].sums.iter().map(|sum| sum.downloads).sum();
        assert_eq!(total, whole.sum(whole.range()).downloads);
        assert!(store.orphans().await.expect("checked").is_empty(), "the whole registry is nobody's");
        store.remove(&[1, 2], 500).await.expect("removed");
        assert!(store.series(1).await.expect("read").days.is_empty() && store.download_sums(&[1, 2]).await.expect("read").is_empty());
    })
    .await;
}

#[tokio::test]
async fn newer_counts_replace_older_ones_and_the_unknown_nothing() {
    on_both(async |store| {
        store.add_names(&names(&["a"]), 100).await.expect("stored");
        let first = day("2026-12-30");
        let put = async |days: &[DayCount]| {
            store.put_days(&[(1, Series { first, days: days.to_vec() })], at("2027-01-03")).await.expect("stored");
            store.series(1).await.expect("read").days
        };
        assert_eq!(put(&[Known(5), Known(6), Unknown]).await, [Known(5), Known(6)]);
        assert_eq!(put(&[Unknown, Known(7), Hole, Known(0)]).await, [Known(5), Known(7), Hole, Known(0)]);
        assert_eq!(put(&[Unknown, Hole, Known(8)]).await, [Known(5), Hole, Known(8), Known(0)]);
        let sums = store.download_sums(&[1]).await.expect("read")[&1];
        assert_eq!(sums.as_of, day("2027-01-02"));
        assert_eq!(sums.days_7, Sum { downloads: 13, days: 7, known: 3, holes: 1 });
        // Nothing known at all changes nothing.
        store.put_days(&[(1, Series { first, days: vec![Unknown; 3] })], at("2027-01-04")).await.expect("stored");
        assert_eq!(store.download_sums(&[1]).await.expect("read")[&1], sums);
        assert_eq!(closed_at(at("2027-01-09")), day("2027-01-01"));
    })
    .await;
}

#[tokio::test]
async fn weeks_of_versions() {
    on_both(async |store| {
        store.add_names(&names(&["a"]), 100).await.expect("stored");
        let week = |last: &str, counts: &[(&str, u64)]| VersionWeek {
            last: day(last),
            counts: counts.iter().map(|(version, count)| ((*version).to_owned(), *count)).collect(),
        };
        store.put_version_downloads(1, &week("2026-11-14", &[("1.0.0", 5)])).await.expect("stored");
        store.put_version_downloads(1, &week("2026-11-21", &[("1.0.0", 3), ("2.0.0", 9), ("1.1.0", 3)])).await.expect("stored");
        store.put_version_downloads(1, &week("2026-11-14", &[("1.0.0", 6)])).await.expect("stored");
        let weeks = store.version_downloads(1).await.expect("read");
        assert_eq!(weeks, [week("2026-11-21", &[("2.0.0", 9), ("1.0.0", 3), ("1.1.0", 3)]), week("2026-11-14", &[("1.0.0", 6)])]);
        assert!(store.version_downloads(2).await.expect("read").is_empty());
    })
    .await;
}

/// What npm was asked for to the end has nothing before its first day; of what may have more nothing is said.
#[tokio::test]
async fn before_the_first_day_there_was_nothing() {
    on_both(async |store| {
        store.add_names(&names(&["a", "b"]), 100).await.expect("stored");
        store.set_popular(&[1, 2], 2, at("2026-11-24")).await.expect("stored");
        let days = truth(range("2026-03-10", "2026-11-21"));
        store.put_days(&[(1, days.clone()), (2, days.clone())], at("2026-11-24")).await.expect("stored");
        let done = Schedule { id: 1, newest_at: None, history: HistoryTurn::Done, asked_at: at("2026-11-24") };
        store.schedule_downloads(&[done]).await.expect("stored");
        let asked = range("2026-03-01", "2026-03-12");
        let series = store.series_of(&[1, 2], asked).await.expect("read");
        assert_eq!((series[&1].sum(asked).known, series[&2].sum(asked).known), (12, 3));
        assert_eq!([series[&1].get(day("2026-03-09")), series[&2].get(day("2026-03-09"))], [Known(0), Unknown]);
        let months = store.months_of(&[1, 2]).await.expect("read");
        assert_eq!((months[&1].nothing_before, months[&2].nothing_before), (Some(day("2026-03-10")), None));
        let page = async |name: &str| store.package(&PackageName::parse(name).expect("a name")).await.expect("read").expect("stored").days;
        let (whole, part) = (page("a").await, page("b").await);
        assert_eq!((whole.first, whole.last(), part.first), (Day::FIRST_COUNTED, days.last(), days.first));
        assert_eq!((whole.get(day("2020-02-29")), whole.slice(days.range())), (Known(0), days));
    })
    .await;
}
