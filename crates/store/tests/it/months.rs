//! What follows from the lists: names that are known already, months, what rises, what appeared, and keys of this installation.

use model::{PackageName, Source};
use store::{DownloadsFrom, NewName, Store, TrendList};

use crate::{changes, names, on_both, seen, with_downloads};

fn name(text: &str) -> PackageName {
    PackageName::parse(text).expect("a name")
}

/// A finished snapshot of these counts by id.
async fn snapshot(store: &Store, month: &str, as_of: i64, counts: &[(i64, u64)]) {
    let mut writer = store.begin_snapshot(month, "1", as_of).await.expect("begun");
    writer.write(counts.iter().copied()).await.expect("written");
    writer.finish().await.expect("finished");
}

#[tokio::test]
async fn names_that_are_known_keep_their_ids() {
    on_both(async |store| {
        store.add_names(&names(&["b", "d"]), 1).await.expect("stored");
        store.apply(&[seen("c", Source::Packument, 10, "words")]).await.expect("applied");
        let before = store.last_change().await.expect("a number");
        let ids = store.add_names(&names(&["a", "b", "c", "d", "e"]), 2).await.expect("stored");
        assert_eq!((store.count().await.expect("counted"), store.count_one_by_one().await.expect("counted")), (5, 5));
        let id = async |text: &str| store.by_name(&name(text)).await.expect("read").expect("known").id;
        assert_eq!((id("b").await, id("d").await, id("c").await), (1, 2, 3), "known before");
        assert_eq!(ids, [id("a").await, 1, 3, 2, id("e").await], "each in its place, also those that were known");
        let c = store.by_name(&name("c")).await.expect("read").expect("known");
        assert_eq!((c.source, c.observed_at, c.summary.is_some()), (Source::Packument, 10, true), "a list takes nothing away");
        assert_eq!(changes(store, before, 100).await.0, ["+a", "+e"]);
        // All of them again: nothing is new, and ids go on after the gap.
        store.add_names(&names(&["a", "b", "c", "d", "e"]), 3).await.expect("stored");
        assert_eq!((store.count().await.expect("counted"), store.count_one_by_one().await.expect("counted")), (5, 5));
        store.apply(&[seen("f", Source::SearchHit, 10, "words")]).await.expect("applied");
        assert!(id("f").await > ids[4]);
        store.add_names(&[], 4).await.expect("nothing to store");
        // A removed name that comes back is no longer removed.
        let before = store.last_change().await.expect("a number");
        store.remove(&[1, 2], 5).await.expect("removed");
        store.add_names(&names(&["b", "c"]), 6).await.expect("stored");
        assert_eq!(changes(store, before, 100).await.0, ["+b", "-d"]);
        assert_eq!((store.count().await.expect("counted"), store.count_one_by_one().await.expect("counted")), (5, 5));
    })
    .await;
}

#[tokio::test]
async fn the_months_of_a_package() {
    on_both(async |store| {
        let many: Vec<String> = (0..1_100).map(|number| format!("p{number:04}")).collect();
        let rows: Vec<NewName<'_>> = many.iter().map(|name| NewName { name, repository: None }).collect();
        store.add_names(&rows, 100).await.expect("stored");
        snapshot(store, "2026-03", 3_000, &[(1, 30), (513, 70)]).await;
        snapshot(store, "2026-01", 1_000, &[(1, 10), (2, 5)]).await;
        snapshot(store, "2026-02", 2_000, &[(2, 0), (1_100, u64::from(u32::MAX) * 9)]).await;
        // Half a snapshot is none.
        let mut half = store.begin_snapshot("2026-04", "1", 4_000).await.expect("begun");
        half.write([(1, 40)].into_iter()).await.expect("written");
        let months = async |text: &str| {
            let page = store.package(&name(text)).await.expect("read").expect("known");
            let months: Vec<(String, u64, i64)> = page.months.into_iter().map(|month| (month.month, month.count, month.as_of)).collect();
            (page.known.downloads, months)
        };
        let (downloads, found) = months("p0000").await;
        assert_eq!(found, [("2026-01".to_owned(), 10, 1_000), ("2026-03".to_owned(), 30, 3_000)], "oldest first, gaps stay gaps");
        let downloads = downloads.expect("counted");
        assert_eq!((downloads.monthly, downloads.from), (Some(30), DownloadsFrom::Snapshot("2026-03".to_owned())));
        assert_eq!(months("p0001").await.1, [("2026-01".to_owned(), 5, 1_000), ("2026-02".to_owned(), 0, 2_000)], "none is a count");
        assert_eq!(months("p0512").await.1, [("2026-03".to_owned(), 70, 3_000)]);
        assert_eq!(months("p1099").await.1, [("2026-02".to_owned(), u64::from(u32::MAX) * 9, 2_000)]);
        assert_eq!(months("p0002").await, (None, vec![]));
        // A newer hit is believed.
        store.apply(&[with_downloads(seen("p0000", Source::SearchHit, 5_000, "x"), 99)]).await.expect("applied");
        let downloads = months("p0000").await.0.expect("counted");
        assert_eq!((downloads.monthly, downloads.from), (Some(99), DownloadsFrom::SearchHit));
    })
    .await;
}

/// Whichever package was counted last in the newest month, a page says the same of it as a list does.
#[tokio::test]
async fn a_page_and_a_list_agree_on_downloads() {
    on_both(async |store| {
        store.add_names(&names(&["a", "b"]), 1).await.expect("stored");
        snapshot(store, "2026-01", 1_000, &[(1, 10), (2, 20)]).await;
        snapshot(store, "2026-02", 2_000, &[(1, 11), (2, 21)]).await;
        for text in ["a", "b"] {
            let known = store.by_name(&name(text)).await.expect("read").expect("known");
            let page = store.package(&name(text)).await.expect("read").expect("known");
            assert_eq!(page.known, known);
        }
    })
    .await;
}

/// A package that grew from nothing is new, one that stayed small says little, and only the two newest months count.
#[tokio::test]
async fn what_rises_between_two_months() {
    on_both(async |store| {
        store.add_names(&names(&["a", "b", "c", "d", "e", "f"]), 1).await.expect("stored");
        snapshot(store, "2026-01", 1_000, &[(1, 100_000), (2, 100_000), (3, 10), (4, 900_000), (6, 999)]).await;
        let rising = async || -> Vec<(String, Option<u64>, Option<u64>)> {
            store.make_trends(1).await.expect("computed").expect("counted");
            let found = store.trend(TrendList::Rising, None, 10).await.expect("read").expect("made").entries;
            found.into_iter().map(|entry| (entry.package.name, entry.before, entry.downloads)).collect()
        };
        let row = |name: &str, before, now| (name.to_owned(), Some(before), Some(now));
        assert_eq!(rising().await, [], "one month tells nothing");
        let counts = [(1, 120_000), (2, 400_000), (3, 900_000), (4, 800_000), (5, 999_999), (6, 900_000)];
        snapshot(store, "2026-03", 3_000, &counts).await;
        assert_eq!(rising().await, [row("b", 100_000, 400_000), row("a", 100_000, 120_000)]);
        snapshot(store, "2026-04", 4_000, &[(1, 240_000), (2, 400_000), (3, 49_999), (5, 1_000_000)]).await;
        assert_eq!(rising().await, [row("a", 120_000, 240_000), row("e", 999_999, 1_000_000)]);
        store.remove(&[1], 5_000).await.expect("removed");
        assert_eq!(rising().await, [row("e", 999_999, 1_000_000)]);
    })
    .await;
}

#[tokio::test]
async fn appearances_from_any_place() {
    on_both(async |store| {
        let many: Vec<String> = (0..100).map(|number| format!("p{number:02}")).collect();
        let rows: Vec<NewName<'_>> = many.iter().map(|name| NewName { name, repository: None }).collect();
        store.add_names(&rows, 100).await.expect("stored");
        let ids = [3, 4, 50, 90];
        store.add_appearances(&ids, 10, 20).await.expect("stored");
        let mut all = std::collections::BTreeSet::new();
        for seed in (0..200).chain([u64::MAX, u64::MAX - 1, 1 << 63]) {
            let found = store.some_appearances(&[seed, seed / 2]).await.expect("read");
            assert!((1..=2).contains(&found.len()), "{seed}: {}", found.len());
            for (known, appearance) in found {
                assert!(ids.contains(&known.id), "{seed}");
                assert_eq!((appearance.not_before, appearance.not_after), (10, 20));
                all.insert(known.id);
            }
        }
        assert_eq!(all.into_iter().collect::<Vec<_>>(), ids, "each is found by some seed");
        store.remove(&[90], 300).await.expect("removed");
        assert_eq!(store.some_appearances(&[u64::MAX, 0, 1]).await.expect("read").iter().filter(|(known, _)| known.id == 90).count(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_secret_is_made_once() {
    on_both(async |store| {
        let fresh: Vec<u8> = (0..=255).collect();
        let (one, two) = tokio::join!(store.secret("images", &fresh), store.secret("images", b"another"));
        let (one, two) = (one.expect("a key"), two.expect("a key"));
        assert_eq!(one, two, "who asks at the same time gets the same");
        assert!(one == fresh || one == b"another");
        assert_eq!(store.secret("images", b"later").await.expect("a key"), one);
        assert_eq!(store.secret("other", b"\0\xff").await.expect("a key"), b"\0\xff");
    })
    .await;
}
