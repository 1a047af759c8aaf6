//! Which downloads are asked for next, and the lists that are computed from them.

use model::{Day, DayCount, DayRange, PackageName, Series, Source, Summary};
use store::{HistoryTurn, Pace, Schedule, Store, Tier, TrendList, TrendSource, User, Wanted};

use crate::{names, on_both, seen};

const NOON: i64 = 12 * 3600;

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

/// The names of those whose turn it is.
async fn due(store: &Store, wanted: Wanted, tier: Tier, now: i64) -> Vec<String> {
    store
        .due_downloads(wanted, tier, now, Day::of_seconds(now) - 1, 10)
        .await
        .expect("read")
        .into_iter()
        .map(|queued| queued.name)
        .collect()
}

/// Days with the same count up to a day, and another before.
fn counts(last: Day, now: u64, before: u64) -> Series {
    let range = DayRange::ending(last, 60);
    let count = |day: Day| DayCount::Known(if last - day < 30 { now } else { before });
    Series { first: range.first, days: range.iter().map(count).collect() }
}

#[tokio::test]
async fn who_is_next() {
    on_both(async |store| {
        store.add_names(&names(&["a", "b", "c", "d", "e", "f"]), 100).await.expect("stored");
        let today = day("2026-11-24");
        let now = today.start_seconds() + NOON;
        store.set_popular(&[3, 1, 2, 99], 2, now).await.expect("stored");
        assert_eq!(due(store, Wanted::Newest, Tier::Popular, now).await, ["c", "a"], "the most popular first");
        assert_eq!(due(store, Wanted::Newest, Tier::Rest, now).await, ["b"]);
        assert!(due(store, Wanted::History, Tier::Popular, now).await.is_empty(), "the newest days come first");
        // Somebody looks at a page, and at a user.
        store.want_downloads(2, now).await.expect("stored");
        store.want_downloads(99, now).await.expect("stored");
        store.apply(&[seen("d", Source::Packument, 100, "x"), seen("c", Source::Packument, 100, "x")]).await.expect("applied");
        let user = User { name: "zoe".to_owned(), asked_at: now, total: None, listed: 2, problem: None };
        store.put_user(&user).await.expect("stored");
        assert_eq!(store.want_users(now, now).await.expect("asked"), 2);
        assert_eq!(store.want_users(now, now).await.expect("asked"), 0);
        assert_eq!(due(store, Wanted::Newest, Tier::Page, now).await, ["b"]);
        assert_eq!(due(store, Wanted::Newest, Tier::User, now).await, ["c", "d"]);
        assert_eq!(due(store, Wanted::Newest, Tier::Popular, now).await, ["a"]);
        // An answer comes.
        store.put_days(&[(1, counts(day("2026-11-22"), 5, 5))], now).await.expect("stored");
        let next = Schedule { id: 1, newest_at: Some(now + 86_400), history: HistoryTurn::Place(1_000_000), asked_at: now };
        store.schedule_downloads(&[next]).await.expect("stored");
        assert!(due(store, Wanted::Newest, Tier::Popular, now).await.is_empty());
        let queued = store.due_downloads(Wanted::History, Tier::Popular, now, today, 10).await.expect("read").remove(0);
        assert_eq!((queued.first, queued.last), (Some(day("2026-09-24")), Some(day("2026-11-22"))));
        assert_eq!((queued.closed, queued.counted, queued.history_at), (Some(day("2026-11-16")), true, Some(1_000_000)));
        assert_eq!(due(store, Wanted::Versions, Tier::Popular, now).await, ["a"]);
        store.schedule_versions(1, now + 1).await.expect("stored");
        assert!(due(store, Wanted::Versions, Tier::Popular, now).await.is_empty());
        let state = store.download_states(&[1, 2, 6]).await.expect("read");
        assert_eq!((state.len(), state[&1].is_whole, state[&1].asked_at, state[&2].asked_at), (2, false, Some(now), None));
        // What fails waits for a moment, however many places there are before.
        let later = Schedule { newest_at: None, history: HistoryTurn::NotBefore(now + 5), ..next };
        store.schedule_downloads(&[later]).await.expect("stored");
        assert!(due(store, Wanted::History, Tier::Popular, now).await.is_empty());
        assert_eq!(due(store, Wanted::History, Tier::Popular, now + 5).await, ["a"]);
        assert_eq!(store.download_states(&[1]).await.expect("read")[&1].due_at, now + 86_400, "as before");
        store.want_whole_registry().await.expect("stored");
        store.schedule_downloads(&[Schedule { history: HistoryTurn::Done, ..next }]).await.expect("stored");
        assert!(store.download_states(&[1]).await.expect("read")[&1].is_whole);
        let progress = store.queue_progress().await.expect("read");
        assert_eq!((progress.packages, progress.asked, progress.whole), (4, 1, 1));
        // Who looks again has it asked again, though not within the hour.
        let away = Schedule { id: 1, newest_at: Some(now + 30 * 86_400), history: HistoryTurn::Same, asked_at: now };
        for (after, expected) in [(60, &[][..]), (7_200, &["a"])] {
            store.schedule_downloads(&[away]).await.expect("stored");
            store.want_downloads(1, now + after).await.expect("stored");
            let due = due(store, Wanted::Newest, Tier::Page, now + after).await;
            assert_eq!(due.iter().filter(|name| *name == "a").collect::<Vec<_>>(), expected, "after {after}");
        }
        // A later list: what fell out is the rest, and so is what nobody looked at for long; who was looked at stays.
        let later = now + 40 * 86_400;
        store.put_user(&User { asked_at: later - 86_400, ..user }).await.expect("stored");
        store.set_popular(&[2, 5], 1, later).await.expect("stored");
        assert_eq!(due(store, Wanted::Newest, Tier::Popular, later).await, ["b"]);
        assert_eq!(due(store, Wanted::Newest, Tier::Rest, later).await, ["e", "a"]);
        assert_eq!(due(store, Wanted::Newest, Tier::User, later).await, ["c", "d"]);
        store.set_popular(&[2, 5], 1, later + 40 * 86_400).await.expect("stored");
        assert!(due(store, Wanted::Newest, Tier::User, later + 40 * 86_400).await.is_empty(), "nobody looked at that user for long");
        assert_eq!(store.download_pace().await.expect("read"), None);
        let pace = Pace { interval_ms: 2_000, not_before: now, refusals: 1 };
        store.put_download_pace(&Pace { refusals: 0, ..pace }).await.expect("stored");
        store.put_download_pace(&pace).await.expect("stored");
        assert_eq!(store.download_pace().await.expect("read"), Some(pace));
    })
    .await;
}

fn with_keyword(name: &str, keyword: &str) -> model::Observation {
    let mut observation = seen(name, Source::Packument, 100, "x");
    observation.summary = Some(Summary { keywords: vec![keyword.to_owned()], ..Summary::default() });
    observation
}

/// Names and downloads of a list.
async fn list(store: &Store, list: TrendList, keyword: Option<&str>) -> Vec<(String, Option<u64>)> {
    let trend = store.trend(list, keyword, 10).await.expect("read");
    trend.map_or(Vec::new(), |trend| trend.entries.into_iter().map(|entry| (entry.package.name, entry.downloads)).collect())
}

fn rows(list: &[(&str, u64)]) -> Vec<(String, Option<u64>)> {
    list.iter().map(|(name, count)| ((*name).to_owned(), Some(*count))).collect()
}

#[tokio::test]
async fn lists_of_one_source() {
    on_both(async |store| {
        assert_eq!(store.make_trends(1).await.expect("nothing to do"), None);
        assert!(store.trend(TrendList::Popular, None, 10).await.expect("read").is_none());
        store.add_names(&names(&["a", "b", "c", "d", "e", "f", "g"]), 100).await.expect("stored");
        store.apply(&["a", "b", "c", "d", "e"].map(|name| with_keyword(name, "UI"))).await.expect("applied");
        let mut writer = store.begin_snapshot("2026-03", "1", 1_000).await.expect("begun");
        writer.write([(1, 500_000), (2, 60_000), (4, 900_000)].into_iter()).await.expect("written");
        writer.finish().await.expect("finished");
        let mut writer = store.begin_snapshot("2026-05", "2", 2_000).await.expect("begun");
        writer.write([(1, 100_000), (2, 600_000), (3, 70_000), (4, 900_000), (7, 1)].into_iter()).await.expect("written");
        writer.finish().await.expect("finished");
        store.add_appearances(&[7, 3], 10, 20).await.expect("stored");
        let basis = store.make_trends(5).await.expect("made").expect("counted");
        let source = TrendSource::Snapshots { earlier: Some("2026-03".to_owned()), later: "2026-05".to_owned() };
        assert_eq!((basis.source, basis.packages, basis.made_at), (source, 5, 5));
        let popular = [("d", 900_000), ("b", 600_000), ("a", 100_000), ("c", 70_000), ("g", 1)];
        assert_eq!(list(store, TrendList::Popular, None).await, rows(&popular));
        assert_eq!(list(store, TrendList::Rising, None).await, rows(&[("b", 600_000)]));
        assert_eq!(list(store, TrendList::Falling, None).await, rows(&[("a", 100_000)]));
        assert_eq!(list(store, TrendList::Newest, None).await, rows(&[("c", 70_000), ("g", 1)]));
        assert!(list(store, TrendList::Popular, Some("ui")).await.is_empty(), "four packages with a keyword are too few");
        let newest = store.trend(TrendList::Newest, None, 1).await.expect("read").expect("made").entries.remove(0);
        assert_eq!(newest.appearance.map(|seen| seen.not_after), Some(20));
        let ranks = store.ranks(&[1, 2, 3, 4, 5, 7, 9_999]).await.expect("read");
        let mut ranks: Vec<(i64, u64)> = ranks.into_iter().collect();
        ranks.sort_unstable();
        assert_eq!(ranks, [(1, 3), (2, 2), (3, 4), (4, 1), (7, 5)]);
        // Once the days of the popular packages are known they are the source, alone.
        store.set_popular(&[1, 2, 3, 4, 5, 6], 6, 100).await.expect("stored");
        assert!(matches!(store.make_trends(6).await.expect("made").expect("counted").source, TrendSource::Snapshots { .. }));
        let as_of = day("2026-11-22");
        let pieces = [
            (1, counts(as_of, 9_000, 3_000)),
            (2, counts(as_of, 2_000, 4_000)),
            (3, counts(as_of, 3_000, 3_000)),
            (4, counts(as_of, 1_000, 1_000)),
            (5, counts(as_of, 3_000, 2_999)),
            (6, counts(as_of - 20, 50_000, 1)),
        ];
        store.put_days(&pieces, as_of.start_seconds() + 2 * 86_400).await.expect("stored");
        let basis = store.make_trends(7).await.expect("made").expect("counted");
        assert_eq!((basis.source, basis.packages), (TrendSource::Days { as_of }, 5));
        assert_eq!(store.trend_basis().await.expect("read").map(|basis| basis.made_at), Some(7));
        let popular = [("a", 270_000), ("c", 90_000), ("e", 90_000), ("b", 60_000), ("d", 30_000)];
        assert_eq!(list(store, TrendList::Popular, None).await, rows(&popular));
        assert_eq!(list(store, TrendList::Popular, Some("ui")).await, rows(&popular));
        assert_eq!(list(store, TrendList::Rising, None).await, rows(&[("a", 270_000), ("e", 90_000)]));
        assert_eq!(list(store, TrendList::Falling, Some("ui")).await, rows(&[("b", 60_000)]));
        assert_eq!(store.trend_keywords(10).await.expect("read").len(), 1);
        let ranks = store.ranks(&[3, 5, 4]).await.expect("read");
        assert_eq!((ranks[&3], ranks[&5], ranks[&4]), (2, 2, 5), "equal counts share a rank");
        assert_eq!(store.by_name(&PackageName::parse("a").expect("a name")).await.expect("read").map(|known| known.id), Some(1));
    })
    .await;
}

/// Days that npm lost make neither the period with them smaller nor the one after a rise.
#[tokio::test]
async fn lost_days_make_nothing_rise() {
    on_both(async |store| {
        store.add_names(&names(&["even", "rising"]), 100).await.expect("stored");
        store.set_popular(&[1, 2], 2, 100).await.expect("stored");
        let as_of = day("2026-11-22");
        let lost = |now: u64, before: u64| {
            let mut series = counts(as_of, now, before);
            series.days[5..18].fill(DayCount::Hole);
            series
        };
        store.put_days(&[(1, lost(3_000, 3_000)), (2, lost(4_000, 3_000))], as_of.start_seconds() + 2 * 86_400).await.expect("stored");
        let basis = store.make_trends(7).await.expect("made").expect("counted");
        assert_eq!(basis.source, TrendSource::Days { as_of });
        let rising = store.trend(TrendList::Rising, None, 10).await.expect("read").expect("made").entries;
        let rising: Vec<(&str, Option<u64>, Option<u64>)> =
            rising.iter().map(|entry| (entry.package.name.as_str(), entry.before, entry.downloads)).collect();
        assert_eq!(rising, [("rising", Some(90_000), Some(120_000))]);
    })
    .await;
}
