//! Histories, manifests and READMEs, and what becomes of them when their package goes.

use model::{Details, PackageName, Packument, ReadmeText, parse_packument};
use serde_json::{Value, json};
use store::{PackedDetails, PackedReadme, ReadmeHeading, RenderedReadme, Store, StoredReadme, StoredValidators, User};

use crate::{names, on_both, seen};

/// A document with so many versions, `1.0.0`, `1.1.0` and so on, published a day apart; `0.9.0` has no time.
fn packument(name: &str, versions: usize, observed_at: i64) -> Packument {
    let manifests: serde_json::Map<String, Value> = (0..versions)
        .map(|number| {
            (
                format!("1.{number}.0"),
                json!({"dependencies": {"b": format!("^{number}")}, "description": "é '\"\\ words", "dist": {"unpackedSize": number}}),
            )
        })
        .chain([("0.9.0".to_owned(), json!({"deprecated": "old"}))])
        .collect();
    let times: serde_json::Map<String, Value> = (0..versions)
        .map(|number| (format!("1.{number}.0"), json!(format!("{}-01-01T00:00:{:02}Z", 2000 + number / 60, number % 60))))
        .collect();
    let json = json!({"name": name, "versions": manifests, "time": times, "dist-tags": {"latest": "1.0.0", "next": "1.1.0"},
        "maintainers": [{"name": "jane"}]});
    parse_packument(json.to_string().as_bytes(), observed_at).expect("readable")
}

fn tagged(etag: &str) -> StoredValidators {
    StoredValidators { etag: Some(etag.to_owned()), last_modified: None }
}

/// Stores a document as the readers do; returns the package's id.
async fn put(store: &Store, packument: &Packument, validators: StoredValidators) -> i64 {
    store.apply(std::slice::from_ref(&packument.observation)).await.expect("applied");
    store.put_details(&[(PackedDetails::pack(packument).expect("packs"), validators)]).await.expect("stored");
    store.by_name(&packument.observation.name).await.expect("read").expect("known").id
}

async fn details(store: &Store, id: i64) -> store::StoredDetails {
    store.details(id).await.expect("read").expect("stored")
}

fn rendered(html: &str) -> RenderedReadme {
    let heading = ReadmeHeading { level: 3, id: "user-content-x".to_owned(), text: "X".to_owned() };
    RenderedReadme { html: html.to_owned(), contents: vec![heading], cut: true }
}

fn source(text: &str) -> ReadmeText {
    ReadmeText { text: text.to_owned(), filename: Some("README.md".to_owned()), cut: false }
}

#[tokio::test]
async fn histories_come_back_as_they_went_in() {
    on_both(async |store| {
        for (name, versions) in [("none", 0), ("a", 1), ("b", 31), ("c", 32), ("d", 63), ("large", 3_000)] {
            let packument = packument(name, versions, 100);
            assert_eq!(packument.manifests.len(), versions + 1);
            let id = put(store, &packument, tagged("\"x\"")).await;
            let found = details(store, id).await;
            assert_eq!((found.observed_at, &found.details), (100, &packument.details));
            assert_eq!(found.latest.as_ref(), packument.details.latest.map(|place| &packument.manifests[place]), "{name}");
            assert_eq!(found.readme, None);
            for place in [0, 1, 30, 31, 32, 33, versions / 2, versions.saturating_sub(1), versions] {
                let stored = store.manifest(id, place).await.expect("read").map(|(manifest, _)| manifest);
                assert_eq!(stored.as_ref(), packument.manifests.get(place), "{name} {place}");
            }
            for place in [versions + 1, versions + 32, 1_000_000] {
                assert_eq!(store.manifest(id, place).await.expect("read"), None, "{name} {place}");
            }
        }
        assert_eq!(store.count_details().await.expect("counted"), 6);
        assert_eq!(store.details(999).await.expect("read"), None);
        assert_eq!(store.details_validators(999).await.expect("read"), None);
    })
    .await;
}

#[tokio::test]
async fn a_package_without_versions_has_details_too() {
    on_both(async |store| {
        let json = br#"{"name":"gone","time":{"unpublished":{"time":"2022-01-14T12:34:23.941Z","versions":["0.0.1"]}}}"#;
        let packument = parse_packument(json, 100).expect("readable");
        let id = put(store, &packument, StoredValidators::default()).await;
        let found = details(store, id).await;
        assert_eq!((found.details, found.latest, found.readme), (packument.details, None, None));
        assert_eq!(store.manifest(id, 0).await.expect("read"), None);
    })
    .await;
}

#[tokio::test]
async fn the_newer_document_stays() {
    on_both(async |store| {
        let id = put(store, &packument("a", 40, 200), tagged("\"two\"")).await;
        // An older one that comes late changes nothing.
        let older = packument("a", 3, 100);
        store.put_details(&[(PackedDetails::pack(&older).expect("packs"), tagged("\"one\""))]).await.expect("stored");
        assert_eq!(details(store, id).await.details.versions.len(), 41);
        assert_eq!(store.details_validators(id).await.expect("read"), Some((200, tagged("\"two\""))));
        // Nothing changed since.
        store.confirm_details(id, 300).await.expect("stored");
        store.confirm_details(id, 250).await.expect("stored");
        assert_eq!(store.details_validators(id).await.expect("read"), Some((300, tagged("\"two\""))), "never back in time");
        store.confirm_details(999, 300).await.expect("nothing to confirm");
        // A newer one replaces all of it: no manifest of before is left behind the new end.
        put(store, &packument("a", 2, 300), StoredValidators { etag: None, last_modified: Some("x".to_owned()) }).await;
        let found = details(store, id).await;
        assert_eq!((found.observed_at, found.details.versions.len()), (300, 3));
        assert_eq!(store.manifest(id, 3).await.expect("read"), None);
        assert_eq!(store.manifest(id, 33).await.expect("read"), None);
        assert_eq!(store.details_validators(id).await.expect("read").expect("stored").1.last_modified.as_deref(), Some("x"));
        assert_eq!(store.count_details().await.expect("counted"), 1);
        // Of a package that nobody knows nothing is stored.
        let stray = packument("stray", 1, 100);
        store.put_details(&[(PackedDetails::pack(&stray).expect("packs"), tagged("x"))]).await.expect("stored");
        assert_eq!(store.count_details().await.expect("counted"), 1);
        let mut observed: Vec<(i64, i64)> = store.details_observed(&[id, 2, 999]).await.expect("read").into_iter().collect();
        observed.sort_unstable();
        assert_eq!(observed, [(id, 300)]);
        assert!(store.details_observed(&[]).await.expect("read").is_empty());
    })
    .await;
}

#[tokio::test]
async fn readmes_are_looked_for_once() {
    on_both(async |store| {
        let id = put(store, &packument("a", 2, 100), tagged("x")).await;
        assert_eq!(store.readme(id, "1.0.0").await.expect("read"), None);
        assert_eq!(store.readme_renderer(id, "1.0.0").await.expect("read"), None);
        store.put_readme(id, "1.0.0", &PackedReadme::none(1)).await.expect("stored");
        assert_eq!(store.readme(id, "1.0.0").await.expect("read"), Some(StoredReadme::None));
        assert_eq!(details(store, id).await.readme, Some(StoredReadme::None));
        assert_eq!(store.readme_renderer(id, "1.0.0").await.expect("read"), Some(1));
        let html = "<p>é \\ ' \" &amp;</p>\n".repeat(10_000);
        let packed = PackedReadme::pack(&source("# x"), &rendered(&html), 1).expect("packs");
        store.put_readme(id, "1.0.0", &packed).await.expect("stored");
        assert_eq!(details(store, id).await.readme, Some(StoredReadme::Rendered(rendered(&html))));
        // That of another version is its own.
        let place = details(store, id).await.details.versions.iter().position(|line| line.version == "1.1.0").expect("there");
        assert_eq!(store.manifest(id, place).await.expect("read").expect("there").1, None);
        store.put_readme(id, "1.1.0", &PackedReadme::pack(&source("y"), &rendered("y"), 1).expect("packs")).await.expect("stored");
        assert_eq!(store.manifest(id, place).await.expect("read").expect("there").1, Some(StoredReadme::Rendered(rendered("y"))));
        // A new document keeps what was rendered of its versions.
        put(store, &packument("a", 3, 200), tagged("y")).await;
        assert_eq!(details(store, id).await.readme, Some(StoredReadme::Rendered(rendered(&html))));
    })
    .await;
}

#[tokio::test]
async fn readmes_of_an_older_renderer_are_found_page_by_page() {
    on_both(async |store| {
        let mut ids = Vec::new();
        for number in 0..7 {
            let id = put(store, &packument(&format!("p{number}"), 1, 100), tagged("x")).await;
            let readme = match number {
                // None, and rendered by the newest already.
                0 => PackedReadme::none(1),
                1 => PackedReadme::pack(&source("new"), &rendered("new"), 2).expect("packs"),
                _ => PackedReadme::pack(&source(&format!("text {number}")), &rendered("old"), 1).expect("packs"),
            };
            store.put_readme(id, "1.0.0", &readme).await.expect("stored");
            ids.push(id);
        }
        // Two versions of one package on either side of a page's end.
        let again = PackedReadme::pack(&source("text 3"), &rendered("old"), 1).expect("packs");
        store.put_readme(ids[3], "0.9.0", &again).await.expect("stored");
        let (mut found, mut after) = (Vec::new(), (0, String::new()));
        loop {
            let page = store.outdated_readmes(2, (after.0, &after.1), 2).await.expect("read");
            let Some((id, version, _)) = page.last() else { break };
            after = (*id, version.clone());
            found.extend(page);
        }
        let mut expected: Vec<_> = (2..7).map(|number| (ids[number], "1.0.0".to_owned(), source(&format!("text {number}")))).collect();
        expected.insert(1, (ids[3], "0.9.0".to_owned(), source("text 3")));
        assert_eq!(found, expected);
        assert!(store.outdated_readmes(1, (0, ""), 10).await.expect("read").is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_removed_takes_everything_along() {
    on_both(async |store| {
        store.add_names(&names(&["a", "b", "c"]), 1).await.expect("stored");
        let a = put(store, &packument("a", 40, 100), tagged("x")).await;
        let b = put(store, &packument("b", 1, 100), tagged("x")).await;
        for id in [a, b] {
            store.put_readme(id, "1.0.0", &PackedReadme::pack(&source("x"), &rendered("x"), 1).expect("packs")).await.expect("stored");
        }
        store.add_appearances(&[a, b], 10, 20).await.expect("stored");
        store.set_high_impact(&[a, b]).await.expect("stored");
        assert_eq!((store.count().await.expect("counted"), store.count_details().await.expect("counted")), (3, 2));
        store.add_appearances(&[3], 10, 20).await.expect("stored");
        store.set_high_impact(&[a, 3]).await.expect("stored");
        // One that was read in the meantime, one that only lists know, one that does not exist.
        store.remove(&[a, 3, 999], 200).await.expect("removed");
        assert_eq!((store.count().await.expect("counted"), store.count_details().await.expect("counted")), (2, 2));
        assert_eq!(store.count_one_by_one().await.expect("counted"), 2);
        assert_eq!(details(store, a).await.details.versions.len(), 41, "what is known better than by a list stays");
        assert!(store.orphans().await.expect("checked").is_empty());
        assert_eq!(store.appearances().await.expect("read"), 2);
        // A README that comes too late belongs to nobody.
        store.put_readme(3, "1.0.0", &PackedReadme::none(1)).await.expect("nothing stored");
        assert!(store.orphans().await.expect("checked").is_empty());
        assert_eq!(store.readme(3, "1.0.0").await.expect("read"), None);
        // Removed once more, nothing changes; back again, it begins anew.
        store.remove(&[3], 300).await.expect("removed");
        let again = store.add_names(&names(&["c"]), 400).await.expect("stored")[0];
        assert!(again > 3, "ids are given once: {again}");
        assert_eq!((store.count().await.expect("counted"), store.count_details().await.expect("counted")), (3, 2));
        store.remove(&[], 500).await.expect("nothing to remove");
    })
    .await;
}

#[tokio::test]
async fn users_and_the_packages_they_wait_for() {
    on_both(async |store| {
        let user =
            |name: &str, asked_at: i64| User { name: name.to_owned(), asked_at, total: Some(9), listed: 2, problem: Some("é".to_owned()) };
        assert_eq!(store.user("adam").await.expect("read"), None);
        store.put_user(&user("adam", 100)).await.expect("stored");
        let whole = User { total: None, problem: None, listed: 3, ..user("adam", 200) };
        store.put_user(&whole).await.expect("stored");
        assert_eq!(store.user("adam").await.expect("read"), Some(whole));
        assert_eq!(store.user("Adam").await.expect("read"), None, "names are compared byte by byte");
        // Seen with zoe and adam as maintainers; d has details.
        for name in ["a", "b", "c"] {
            store.apply(&[seen(name, model::Source::SearchHit, 100, "x")]).await.expect("applied");
        }
        put(store, &packument("d", 1, 100), tagged("x")).await;
        let mut theirs: Vec<String> = store.packages_of("zoe").await.expect("read").into_iter().map(|known| known.name).collect();
        theirs.sort();
        assert_eq!(theirs, ["a", "b", "c"]);
        assert!(store.packages_of("nobody").await.expect("read").is_empty());
        assert!(store.packages_of("zo").await.expect("read").is_empty());
        assert_eq!(store.awaited_packages(150, 2).await.expect("read"), ["a", "b"]);
        assert_eq!(store.awaited_packages(201, 10).await.expect("read"), Vec::<String>::new());
        store.put_user(&user("jane", 300)).await.expect("stored");
        assert_eq!(store.awaited_packages(150, 10).await.expect("read"), ["a", "b", "c"], "d is read already");
        put(store, &packument("a", 1, 400), tagged("x")).await;
        assert_eq!(store.awaited_packages(150, 10).await.expect("read"), ["b", "c"]);
        // Maintainers are those of the newest word.
        assert_eq!(store.packages_of("zoe").await.expect("read").len(), 2);
        assert_eq!(store.packages_of("jane").await.expect("read").len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_an_empty_store_says() {
    on_both(async |store| {
        assert_eq!(store.count_details().await.expect("counted"), 0);
        for seed in [0, 1, u64::MAX] {
            assert!(store.some_appearances(&[seed]).await.expect("read").is_empty());
        }
        assert!(store.packages_of("x").await.expect("read").is_empty());
        assert!(store.awaited_packages(0, 10).await.expect("read").is_empty());
        assert!(store.outdated_readmes(9, (0, ""), 10).await.expect("read").is_empty());
        assert!(store.package(&PackageName::parse("x").expect("a name")).await.expect("read").is_none());
        assert!(store.by_ids(&[]).await.expect("read").is_empty());
        store.put_details(&[]).await.expect("nothing to store");
        assert_eq!(store.apply(&[]).await.expect("applied"), store::Applied::default());
        assert_eq!(Details::default().latest, None);
    })
    .await;
}
