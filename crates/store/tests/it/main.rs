//! One suite for both databases: every test runs on SQLite and on PostgreSQL.

mod dependents;
mod details;
mod downloads;
mod migration;
mod months;
mod page;
mod queue;

use model::{Bucket, Observation, PackageName, Popularity, RecentDownloads, Source, State, Summary};
use store::{Change, DataSet, DownloadsFrom, IndexRow, JobState, NewName, Place, Store};
use testkit::{folder, fresh_database};

/// Runs a test on an empty store of each kind.
async fn on_both(test: impl AsyncFn(&Store)) {
    let there = folder();
    let sqlite = Store::open(&Place::Sqlite(there.path().join("test.db"))).await.expect("SQLite opens");
    test(&sqlite).await;
    sqlite.close().await;
    if let Some(url) = fresh_database().await {
        let postgres = Store::open(&Place::parse(&url)).await.expect("PostgreSQL opens");
        test(&postgres).await;
        postgres.close().await;
    }
}

fn seen(name: &str, source: Source, at: i64, description: &str) -> Observation {
    Observation {
        name: PackageName::parse(name).expect("a name"),
        source,
        observed_at: at,
        state: State::Active,
        repository: None,
        summary: Some(Summary {
            version: Some("1.0.0".to_owned()),
            published_at: Some(1_600_000_000),
            description: Some(description.to_owned()),
            keywords: vec!["one".to_owned(), "\\u0000 '\"\\".to_owned()],
            maintainers: vec!["zoe".to_owned(), "adam".to_owned()],
            ..Summary::default()
        }),
        downloads: None,
    }
}

fn with_downloads(mut observation: Observation, monthly: u64) -> Observation {
    observation.downloads = Some(RecentDownloads { weekly: None, monthly: Some(monthly) });
    observation
}

fn names(list: &[&'static str]) -> Vec<NewName<'static>> {
    list.iter().map(|name| NewName { name, repository: None }).collect()
}

/// All changes after a number, and the number they reach.
async fn changes(store: &Store, after: i64, limit: i64) -> (Vec<String>, i64) {
    let (changes, upto) = store.changes_after(after, limit).await.expect("changes");
    let mut text: Vec<String> = changes
        .into_iter()
        .map(|change| match change {
            Change::Written(row) => format!("+{}", row.name),
            Change::Removed(name) => format!("-{name}"),
        })
        .collect();
    text.sort();
    (text, upto)
}

#[tokio::test]
async fn names_are_kept_as_they_are() {
    on_both(async |store| {
        let odd = ["-", "@types/node", "JSONStream", "__proto__", "constructor", "jsonstream", "it's", "~x"];
        let mut rows = names(&odd);
        rows[2].repository = Some("https://github.com/dominictarr/JSONStream");
        assert_eq!(store.add_names(&rows, 100).await.expect("stored")[0], 1);
        assert_eq!(store.count().await.expect("counted"), 8);
        assert_eq!(store.count_one_by_one().await.expect("counted"), 8);
        let all = store.names_after("", 100).await.expect("read");
        let mut expected = odd;
        expected.sort_unstable();
        assert_eq!(all.iter().map(|known| known.name.as_str()).collect::<Vec<_>>(), expected, "byte order");
        let page = store.names_after("JSONStream", 2).await.expect("read");
        assert_eq!(page.iter().map(|known| known.name.as_str()).collect::<Vec<_>>(), ["__proto__", "constructor"]);
        let found = store.by_name(&PackageName::parse("JSONStream").expect("a name")).await.expect("read").expect("known");
        assert_eq!((found.id, found.source, found.summary), (3, Source::DataSet, None));
        assert_eq!(found.repository.as_deref(), Some("https://github.com/dominictarr/JSONStream"));
        assert!(store.by_name(&PackageName::parse("JsonStream").expect("a name")).await.expect("read").is_none());
    })
    .await;
}

#[tokio::test]
async fn the_better_and_the_newer_observation_wins() {
    on_both(async |store| {
        store.add_names(&names(&["a", "b"]), 100).await.expect("stored");
        let batch = [
            seen("a", Source::SearchHit, 200, "hit"),
            seen("c", Source::SearchHit, 200, "new"),
            seen("c", Source::SearchHit, 201, "newer"),
        ];
        let applied = store.apply(&batch).await.expect("applied");
        assert_eq!((applied.added, applied.changed, applied.unchanged), (1, 1, 0));
        let again = store.apply(&batch[..1]).await.expect("applied");
        assert_eq!((again.added, again.changed, again.unchanged), (0, 0, 1));
        store.apply(&[seen("a", Source::SearchHit, 150, "older"), seen("c", Source::Packument, 10, "document")]).await.expect("applied");
        let mut known = store.by_ids(&[1, 2, 3, 99]).await.expect("read");
        known.sort_by_key(|known| known.id);
        let text: Vec<Option<String>> = known.iter().map(|known| known.summary.clone().and_then(|summary| summary.description)).collect();
        assert_eq!(text, [Some("hit".to_owned()), None, Some("document".to_owned())]);
        let summary = known[0].summary.clone().expect("present");
        assert_eq!(summary.maintainers, ["zoe", "adam"], "in their order");
        assert_eq!(summary.keywords, ["one", "\\u0000 '\"\\"], "quotes and backslashes are kept");
        assert_eq!(store.count().await.expect("counted"), 3);
    })
    .await;
}

#[tokio::test]
async fn every_change_is_tailed_once() {
    on_both(async |store| {
        store.add_names(&names(&["a", "b", "c"]), 100).await.expect("stored");
        assert_eq!(changes(store, 0, 100).await, (vec!["+a".into(), "+b".into(), "+c".into()], 3));
        assert_eq!(changes(store, 3, 100).await, (vec![], 3));
        // A chunk at a time nothing is lost.
        let (first, upto) = changes(store, 0, 2).await;
        assert_eq!((first.len(), upto), (2, 2));
        store.apply(&[seen("b", Source::SearchHit, 200, "words")]).await.expect("applied");
        store.remove(&[1], 300).await.expect("removed");
        assert_eq!(store.count().await.expect("counted"), 2);
        let (all, upto) = changes(store, 3, 100).await;
        assert_eq!((all, upto), (vec!["+b".into(), "-a".into()], store.last_change().await.expect("a number")));
        // Removed and back again: one entry, and no tombstone.
        store.apply(&[seen("a", Source::SearchHit, 400, "back")]).await.expect("applied");
        assert_eq!(changes(store, upto, 100).await.0, ["+a"]);
        assert_eq!(changes(store, 0, 100).await.0, ["+a", "+b", "+c"]);
        store.set_repositories(&[(3, Some("https://example.com/c")), (2, Some("https://example.com/b"))], 500).await.expect("stored");
        let known = store.by_ids(&[2, 3]).await.expect("read");
        let address = |id| known.iter().find(|known| known.id == id).and_then(|known| known.repository.clone());
        assert_eq!((address(3).as_deref(), address(2)), (Some("https://example.com/c"), None), "a hit is not overwritten by a list");
    })
    .await;
}

#[tokio::test]
async fn downloads_alone_change_nothing_that_is_indexed() {
    on_both(async |store| {
        store.apply(&[with_downloads(seen("a", Source::SearchHit, 100, "x"), 1_000)]).await.expect("applied");
        let before = store.last_change().await.expect("a number");
        store.apply(&[with_downloads(seen("a", Source::SearchHit, 200, "x"), 1_010)]).await.expect("applied");
        assert_eq!(changes(store, before, 10).await.0, Vec::<String>::new(), "the bucket is the same");
        store.apply(&[with_downloads(seen("a", Source::SearchHit, 300, "x"), 9_000)]).await.expect("applied");
        assert_eq!(changes(store, before, 10).await.0, ["+a"], "the bucket is another");
        let known = store.by_ids(&[1]).await.expect("read");
        assert_eq!(known[0].downloads.as_ref().and_then(|downloads| downloads.monthly), Some(9_000));
    })
    .await;
}

#[tokio::test]
async fn snapshots_and_popularity() {
    on_both(async |store| {
        let many: Vec<String> = (0..1_500).map(|number| format!("p{number:04}")).collect();
        let rows: Vec<NewName<'_>> = many.iter().map(|name| NewName { name, repository: None }).collect();
        store.add_names(&rows, 100).await.expect("stored");
        let mut writer = store.begin_snapshot("2026-03", "2.20260301.0", 1_000).await.expect("begun");
        writer.write([(1, 5), (600, 70_000_000_000), (1_500, 0)].into_iter()).await.expect("written");
        assert!(store.snapshots().await.expect("read").is_empty(), "nobody sees half a snapshot");
        // Begun anew, as after a crash.
        let mut writer = store.begin_snapshot("2026-03", "2.20260301.0", 1_000).await.expect("begun");
        writer.write([(1, 5), (600, 70_000_000_000), (1_500, 0)].into_iter()).await.expect("written");
        let snapshot = writer.finish().await.expect("finished");
        assert_eq!((snapshot.packages, snapshot.total), (3, 70_000_000_005));
        assert_eq!(store.newest_snapshot().await.expect("read").map(|snapshot| snapshot.month).as_deref(), Some("2026-03"));
        let counts = store.newest_counts(&[1, 2, 600, 1_500, 9_999]).await.expect("read");
        let mut counts: Vec<(i64, u64)> = counts.into_iter().map(|(id, snapshot)| (id, snapshot.count)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [(1, 5), (600, 70_000_000_000), (1_500, 0)]);
        store.set_high_impact(&[7]).await.expect("stored");
        // A newer hit beats the snapshot, an older one does not.
        store
            .apply(&[
                with_downloads(seen("p0000", Source::SearchHit, 900, "x"), 9_000),
                with_downloads(seen("p0001", Source::SearchHit, 2_000, "x"), 100),
            ])
            .await
            .expect("applied");
        let mut ranked = store.ranked().await.expect("ranked");
        assert_eq!(ranked.len(), 1_500);
        let rows = ranked.next_chunk(4).await.expect("read");
        let order: Vec<(&str, Bucket)> = rows.iter().map(|row: &IndexRow| (row.name.as_str(), row.bucket)).collect();
        let bucket = |count| Bucket::of(Popularity::Monthly(count));
        assert_eq!(
            order,
            [
                ("p0599", bucket(70_000_000_000)),
                ("p0006", Bucket::of(Popularity::HighImpact)),
                ("p0001", bucket(100)),
                ("p0000", bucket(5))
            ]
        );
        let stretches = store.ranked().await.expect("ranked").split(2);
        assert_eq!(stretches.iter().map(store::Ranked::len).collect::<Vec<_>>(), [750, 750]);
        let known = store.by_ids(&[1, 2]).await.expect("read");
        let from = |id| known.iter().find(|known| known.id == id).and_then(|known| known.downloads.clone()).map(|downloads| downloads.from);
        assert_eq!((from(1), from(2)), (Some(DownloadsFrom::Snapshot("2026-03".to_owned())), Some(DownloadsFrom::SearchHit)));
    })
    .await;
}

#[tokio::test]
async fn the_lease_has_one_holder() {
    on_both(async |store| {
        assert!(store.take_lease("one", "serve", 100, 130).await.expect("asked").is_ok());
        let other = store.take_lease("two", "fill", 110, 140).await.expect("asked").expect_err("held");
        assert_eq!((other.holder.as_str(), other.doing.as_str(), other.expires_at), ("one", "serve", 130));
        assert!(store.take_lease("one", "serve", 120, 150).await.expect("asked").is_ok(), "renewed");
        assert!(store.take_lease("two", "fill", 150, 180).await.expect("asked").is_ok(), "ended");
        store.release_lease("one").await.expect("asked");
        assert_eq!(store.lease_holder().await.expect("read").map(|holder| holder.holder).as_deref(), Some("two"));
        store.release_lease("two").await.expect("asked");
        assert!(store.lease_holder().await.expect("read").is_none());
    })
    .await;
}

#[tokio::test]
async fn jobs_are_done_once() {
    on_both(async |store| {
        let abandoned = store.ask("work", "gone", 100).await.expect("asked");
        let id = store.ask("work", "{}", 200).await.expect("asked");
        let job = store.next_job("work", 210).await.expect("read").expect("one");
        assert_eq!((job.id, job.state, job.argument.as_str()), (id, JobState::Running, "{}"), "nobody waits for {abandoned} any more");
        assert!(store.next_job("work", 210).await.expect("read").is_none());
        store.report_job(id, JobState::Running, "half").await.expect("reported");
        assert_eq!(store.hear_of_job(id, 220).await.expect("read").expect("one").progress, "half");
        store.fail_running_jobs().await.expect("marked");
        assert_eq!(store.hear_of_job(id, 220).await.expect("read").expect("one").state, JobState::Failed);
        assert!(store.hear_of_job(999, 220).await.expect("read").is_none());
    })
    .await;
}

#[tokio::test]
async fn lists_are_remembered() {
    on_both(async |store| {
        let set = DataSet {
            name: "names".to_owned(),
            version: "1".to_owned(),
            integrity: "x".to_owned(),
            published_at: None,
            loaded_at: 5,
            entries: 3,
        };
        store.record_data_set(&set).await.expect("stored");
        store.record_data_set(&DataSet { entries: 4, ..set.clone() }).await.expect("stored");
        assert_eq!(store.data_sets().await.expect("read"), [DataSet { entries: 4, ..set }]);
        store.add_names(&names(&["a", "b"]), 1).await.expect("stored");
        store.add_appearances(&[1, 2], 10, 20).await.expect("stored");
        store.add_appearances(&[2], 30, 40).await.expect("stored");
        assert_eq!(store.appearances().await.expect("read"), 2);
        assert!(store.quick_check().await.expect("checked").is_empty() && store.orphans().await.expect("checked").is_empty());
        assert_eq!(store.sample(10, 3).await.expect("sampled").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn opening_twice_and_by_two_processes() {
    let there = folder();
    let place = Place::Sqlite(there.path().join("test.db"));
    let (first, second) = (Store::open(&place).await.expect("opens"), Store::open(&place).await.expect("opens again"));
    first.add_names(&names(&["a"]), 1).await.expect("stored");
    assert_eq!(second.count().await.expect("counted"), 1);
    let error = Store::open(&Place::Sqlite(there.path().join("no/such/folder.db"))).await.expect_err("cannot open");
    assert!(error.to_string().contains("folder.db cannot be opened"), "{error}");
    let error = Store::open(&Place::parse("postgres://jane:canary@127.0.0.1:1/x")).await.expect_err("cannot open");
    assert!(error.to_string().contains("postgres://127.0.0.1:1/x") && !format!("{error} {error:?}").contains("canary"), "{error}");
}
