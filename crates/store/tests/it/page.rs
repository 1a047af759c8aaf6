//! What a page reads at once is what its parts say one by one.

use model::{Advisory, Day, DayCount, PackageName, ReadmeText, Series, Severity, parse_packument};
use serde_json::json;
use store::{
    DataSet, KnownAdvisories, Neighbours, PackedDetails, PackedReadme, RenderedReadme, Store, StoredPackage, StoredValidators, TrendList,
    VersionWeek,
};

use crate::{names, on_both};

fn name(text: &str) -> PackageName {
    PackageName::parse(text).expect("a name")
}

async fn page(store: &Store, text: &str) -> StoredPackage {
    store.package(&name(text)).await.expect("read").expect("stored")
}

/// Everything about a package is what the statement about this alone says.
async fn check(store: &Store, text: &str) {
    let page = page(store, text).await;
    let id = page.known.id;
    assert_eq!(Some(&page.known), store.by_name(&name(text)).await.expect("read").as_ref(), "{text}");
    assert_eq!(page.details, store.details(id).await.expect("read"), "{text}");
    assert_eq!(page.facts, store.latest_facts(&[id]).await.expect("read").remove(&id), "{text}");
    assert_eq!(page.days, store.series(id).await.expect("read"), "{text}");
    assert_eq!(page.sums, store.download_sums(&[id]).await.expect("read").remove(&id), "{text}");
    assert_eq!(page.rank, store.ranks(&[id]).await.expect("read").remove(&id), "{text}");
    assert_eq!(page.basis, store.trend_basis().await.expect("read"), "{text}");
    assert_eq!(page.week, store.newest_version_weeks(&[id]).await.expect("read").remove(&id), "{text}");
    assert_eq!(page.dependents, store.dependent_counts(&[id]).await.expect("read").remove(&id).unwrap_or(0), "{text}");
    assert_eq!(page.details_stored, store.count_details().await.expect("read"), "{text}");
    assert_eq!(page.advisories, store.advisories_of(&[id]).await.expect("read").remove(&id), "{text}");
    assert_eq!(page.names_known_at, store.names_known_at().await.expect("read"), "{text}");
}

fn advisory(range: &str) -> Advisory {
    Advisory {
        url: Some("https://advisories.example/1".to_owned()),
        title: "It's \"bad\"".to_owned(),
        severity: Severity::High,
        vulnerable_versions: range.to_owned(),
        score: Some(7.5),
    }
}

fn told(checked_at: i64, advisories: Vec<Advisory>) -> KnownAdvisories {
    KnownAdvisories { checked_at, versions: 7, advisories }
}

/// The newest word stands, and goes with its package.
#[tokio::test]
async fn advisories_are_kept() {
    on_both(async |store| {
        store.add_names(&names(&["a", "b", "c"]), 1).await.expect("stored");
        store
            .put_advisories(&[(1, told(100, vec![advisory("<2.0.0"), advisory("<1.0.0")])), (2, told(100, vec![]))])
            .await
            .expect("stored");
        let found = store.advisories_of(&[1, 2, 3, 9]).await.expect("read");
        assert_eq!((found[&1].checked_at, found[&1].advisories.len(), found[&1].advisories[0].clone()), (100, 2, advisory("<2.0.0")));
        assert_eq!((found[&2].clone(), found.len()), (told(100, vec![]), 2));
        store.put_advisories(&[(1, told(200, vec![])), (3, told(200, vec![advisory("*")]))]).await.expect("stored");
        let named = store.named(&["a", "c"]).await.expect("read");
        assert_eq!((named["a"].advisories.len(), named["c"].advisories.clone()), (0, vec![advisory("*")]));
        assert_eq!(store.advisories_of(&[1]).await.expect("read")[&1].checked_at, 200);
        store.remove(&[3], 300).await.expect("removed");
        assert!(store.advisories_of(&[3]).await.expect("read").is_empty() && store.orphans().await.expect("checked").is_empty());
        store.put_advisories(&[]).await.expect("nothing to store");
    })
    .await;
}

async fn put(store: &Store, document: &serde_json::Value) -> i64 {
    let packument = parse_packument(document.to_string().as_bytes(), 100).expect("readable");
    store.apply(std::slice::from_ref(&packument.observation)).await.expect("applied");
    store.put_details(&[(PackedDetails::pack(&packument).expect("packs"), StoredValidators::default())]).await.expect("stored");
    store.by_name(&packument.observation.name).await.expect("read").expect("known").id
}

#[tokio::test]
async fn a_page_is_the_sum_of_its_parts() {
    on_both(async |store| {
        assert!(store.package(&name("tool")).await.expect("read").is_none());
        store.add_names(&names(&["bare", "constructor", "lib"]), 1).await.expect("stored");
        check(store, "bare").await;
        let tool = put(
            store,
            &json!({"name": "tool", "dist-tags": {"latest": "2.0.0"}, "keywords": ["CLI", "it's"], "maintainers": [{"name": "jane"}],
                "versions": {"1.0.0": {}, "2.0.0": {"dependencies": {"lib": "^1", "constructor": "*"}, "types": "x.d.ts"}}}),
        )
        .await;
        put(store, &json!({"name": "none", "time": {"unpublished": {"time": "2022-01-14T12:34:23.941Z", "versions": ["0.0.1"]}}})).await;
        let lib = put(store, &json!({"name": "lib", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {}}})).await;
        for text in ["bare", "tool", "none", "lib", "constructor"] {
            check(store, text).await;
        }
        assert_eq!(page(store, "tool").await.details.expect("there").readme, None, "nobody looked");
        store.put_readme(lib, "1.0.0", &PackedReadme::none(1)).await.expect("stored");
        let text = ReadmeText { text: "# x".to_owned(), filename: None, cut: false };
        let readme = RenderedReadme { html: "<h3>x</h3>".to_owned(), ..RenderedReadme::default() };
        let packed = PackedReadme::pack(&text, &readme, 1).expect("packs");
        store.put_readme(tool, "1.0.0", &PackedReadme::none(1)).await.expect("stored");
        store.put_readme(tool, "2.0.0", &packed).await.expect("stored");
        // Downloads over three years, with a hole, and of one package nothing but a hole.
        let first = Day::of_date(2024, 12, 30).expect("a day");
        let mut days = vec![DayCount::Known(70_000); 400];
        days[200] = DayCount::Hole;
        let morning = (first + 405).start_seconds();
        store
            .put_days(&[(tool, Series { first, days }), (lib, Series { first, days: vec![DayCount::Hole] })], morning)
            .await
            .expect("stored");
        for (week, versions) in [(14, 5), (7, 9), (0, 2)] {
            let counts = (0..versions).map(|number| (format!("{number}.0.0"), 1_000 - number)).collect();
            store.put_version_downloads(tool, &VersionWeek { last: first + 399 - week, counts }).await.expect("stored");
        }
        for (month, as_of) in [("2026-02", 2_000), ("2026-01", 1_000)] {
            let mut snapshot = store.begin_snapshot(month, "1", as_of).await.expect("begun");
            snapshot.write([(1, 90_000), (tool, 80_000)].into_iter()).await.expect("written");
            snapshot.finish().await.expect("finished");
        }
        store.make_trends(morning).await.expect("made");
        store
            .put_advisories(&[(tool, told(500, vec![advisory("<2.0.0")])), (lib, told(500, vec![])), (9_999, told(500, vec![]))])
            .await
            .expect("stored");
        for version in ["1.0.0+100", "1.0.0"] {
            let list = DataSet {
                name: "all-the-package-names".to_owned(),
                version: version.to_owned(),
                integrity: "sha512-x".to_owned(),
                published_at: None,
                loaded_at: 1,
                entries: 3,
            };
            store.record_data_set(&list).await.expect("stored");
            for text in ["bare", "tool", "none", "lib", "constructor"] {
                check(store, text).await;
            }
        }
        let page = page(store, "tool").await;
        assert_eq!((page.days.days.len(), page.week.map(|week| week.counts.len()), page.months.len()), (400, Some(2), 2));
        assert_eq!((page.rank, page.dependents, page.names_known_at, page.details_stored), (Some(2), 0, Some(1), 3));
    })
    .await;
}

#[tokio::test]
async fn neighbours_are_what_was_asked_for() {
    on_both(async |store| {
        let Neighbours { known, named, popular } = store.neighbours(&[], &[], &[]).await.expect("read");
        assert!(known.is_empty() && named.is_empty() && popular.is_empty());
        let many: Vec<String> = (0..1_100).map(|number| format!("p{number:04}")).collect();
        let rows: Vec<store::NewName<'_>> = many.iter().map(|name| store::NewName { name, repository: None }).collect();
        store.add_names(&rows, 100).await.expect("stored");
        let mut snapshot = store.begin_snapshot("2026-01", "1", 1_000).await.expect("begun");
        snapshot.write((1..=30).map(|id: i64| (id, 5_000 + id.unsigned_abs())).chain([(600, 7), (1_100, 9)])).await.expect("written");
        snapshot.finish().await.expect("finished");
        for number in 0..30 {
            let name = format!("p{number:04}");
            put(
                store,
                &json!({"name": name, "dist-tags": {"latest": "1.0.0"}, "keywords": ["Cli"], "versions": {"1.0.0": {"keywords": ["Cli"]}}}),
            )
            .await;
        }
        let keywords = ["cli".to_owned(), "nothing".to_owned()];
        let found = store.neighbours(&[600, 1, 2, 601, 9_999], &["p0003", "no-such", "__proto__"], &keywords).await.expect("read");
        let mut known: Vec<(i64, Option<u64>)> =
            found.known.iter().map(|known| (known.id, known.downloads.as_ref().and_then(|downloads| downloads.monthly))).collect();
        known.sort_unstable();
        assert_eq!(known, [(1, Some(5_001)), (2, Some(5_002)), (600, Some(7)), (601, None)]);
        assert_eq!(found.named.keys().collect::<Vec<_>>(), ["p0003"]);
        assert_eq!(found.named["p0003"].version.as_deref(), Some("1.0.0"));
        assert!(found.popular.is_empty(), "no list was made yet");
        store.make_trends(2_000).await.expect("made");
        let popular = store.neighbours(&[], &[], &keywords).await.expect("read").popular;
        let listed = store.trend(TrendList::Popular, Some("cli"), 100).await.expect("read").expect("made").entries;
        assert_eq!(popular, [listed.iter().map(|entry| entry.package.id).collect::<Vec<_>>()]);
        assert_eq!((popular[0].len(), popular[0][0]), (25, 30), "the most downloaded first");
        let mut by_ids = store.by_ids(&[600, 1, 2, 601]).await.expect("read");
        by_ids.sort_by_key(|known| known.id);
        let mut same = found.known;
        same.sort_by_key(|known| known.id);
        assert_eq!(same, by_ids);
    })
    .await;
}
