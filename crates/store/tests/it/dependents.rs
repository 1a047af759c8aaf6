//! Who needs whom, also when one of them becomes known later or goes.

use model::{PackageName, Packument, State, parse_packument};
use serde_json::{Value, json};
use store::{DataSet, LatestFacts, PackedDetails, PackedReadme, Store, StoredValidators};

use crate::{names, on_both};

fn packument(name: &str, manifest: Value, observed_at: i64) -> Packument {
    let json = json!({"name": name, "versions": {"1.0.0": {}, "2.0.0": manifest}, "dist-tags": {"latest": "2.0.0"}});
    parse_packument(json.to_string().as_bytes(), observed_at).expect("readable")
}

/// Stores a package whose latest version needs these.
async fn put(store: &Store, name: &str, needs: &[&str], observed_at: i64) -> i64 {
    let needs: serde_json::Map<String, Value> = needs.iter().map(|name| ((*name).to_owned(), json!("^1.0.0"))).collect();
    put_manifest(store, name, json!({"dependencies": needs}), observed_at).await
}

async fn put_manifest(store: &Store, name: &str, manifest: Value, observed_at: i64) -> i64 {
    let packument = packument(name, manifest, observed_at);
    store.apply(std::slice::from_ref(&packument.observation)).await.expect("applied");
    store.put_details(&[(PackedDetails::pack(&packument).expect("packs"), StoredValidators::default())]).await.expect("stored");
    store.by_name(&packument.observation.name).await.expect("read").expect("known").id
}

async fn count(store: &Store, id: i64) -> u64 {
    store.dependent_counts(&[id]).await.expect("read").remove(&id).unwrap_or(0)
}

#[tokio::test]
async fn dependents_are_counted_among_stored_packages() {
    on_both(async |store| {
        store.add_names(&names(&["lib", "tool"]), 1).await.expect("stored");
        let id = async |text: &str| store.by_name(&PackageName::parse(text).expect("a name")).await.expect("read").expect("known").id;
        let (lib, tool) = (id("lib").await, id("tool").await);
        put(store, "a", &["lib", "tool", "later"], 100).await;
        let b = put(store, "b", &["lib", "later", "never"], 100).await;
        assert_eq!((count(store, lib).await, count(store, tool).await), (2, 1));
        // A newer document needs others.
        put(store, "b", &["tool", "later"], 200).await;
        assert_eq!((count(store, lib).await, count(store, tool).await), (1, 2));
        // An older one that comes late changes nothing.
        put(store, "b", &["lib"], 150).await;
        assert_eq!((count(store, lib).await, count(store, tool).await), (1, 2));
        // What was needed before it was known is found when it is: by a document, and by a list.
        let later = put(store, "later", &[], 100).await;
        assert_eq!(count(store, later).await, 2);
        put(store, "c", &["listed"], 100).await;
        let listed = store.add_names(&names(&["lib", "listed"]), 5).await.expect("stored")[1];
        assert_eq!(count(store, listed).await, 1);
        // What goes, and comes back, is needed as before.
        store.remove(&[listed], 300).await.expect("removed");
        assert_eq!(count(store, listed).await, 0);
        assert!(store.orphans().await.expect("checked").is_empty());
        let again = store.add_names(&names(&["listed"]), 400).await.expect("stored")[0];
        assert_eq!(count(store, again).await, 1);
        let counts = store.dependent_counts(&[lib, tool, later, again, b, 999]).await.expect("read");
        let mut counts: Vec<(i64, u64)> = counts.into_iter().collect();
        counts.sort_unstable();
        let mut expected = vec![(lib, 1), (tool, 2), (later, 2), (again, 1)];
        expected.sort_unstable();
        assert_eq!(counts, expected, "nobody needs b, and 999 is nobody");
        assert!(store.dependent_counts(&[]).await.expect("read").is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_lists_say_of_latest_versions() {
    on_both(async |store| {
        let manifest = json!({
            "types": "index.d.ts", "exports": {"import": "./x.mjs", "require": "./x.cjs"}, "scripts": {"postinstall": "node x"},
            "dependencies": {"plain": "^1", "alias": "npm:@scope/other@^2", "tool": "jane/tool", "local": "file:../x", "opt": "1"},
            "optionalDependencies": {"opt": "1"}, "peerDependencies": {"peer": ">=3", "__proto__": "*"}, "devDependencies": {"dev": "1"}
        });
        let full = put_manifest(store, "full", manifest, 100).await;
        let bare = put_manifest(store, "bare", json!({}), 100).await;
        let facts = store.latest_facts(&[full, bare, 999]).await.expect("read");
        let mut found = facts[&full].clone();
        found.dependencies.sort();
        let pair = |name: &str, range: &str| (name.to_owned(), range.to_owned());
        let expected = LatestFacts {
            has_types: true,
            is_esm: true,
            is_commonjs: true,
            runs_scripts: true,
            has_provenance: false,
            dependencies: vec![
                pair("@scope/other", "^2"),
                pair("__proto__", "*"),
                pair("opt", "1"),
                pair("peer", ">=3"),
                pair("plain", "^1"),
            ],
            has_readme: None,
        };
        assert_eq!(found, expected);
        assert_eq!((facts.len(), facts[&bare].dependencies.len(), facts[&bare].has_readme), (2, 0, None));
        store.put_readme(full, "2.0.0", &PackedReadme::none(1)).await.expect("stored");
        let source = model::ReadmeText { text: "x".to_owned(), filename: None, cut: false };
        store
            .put_readme(bare, "2.0.0", &PackedReadme::pack(&source, &store::RenderedReadme::default(), 1).expect("packs"))
            .await
            .expect("stored");
        let facts = store.latest_facts(&[full, bare]).await.expect("read");
        assert_eq!((facts[&full].has_readme, facts[&bare].has_readme), (Some(false), Some(true)));

        let named = store.named(&["full", "bare", "full", "nobody"]).await.expect("read");
        assert_eq!(
            (named.len(), named["full"].id, named["full"].version.as_deref(), named["full"].state),
            (2, full, Some("2.0.0"), State::Active)
        );
        assert!(store.named(&[]).await.expect("read").is_empty());
    })
    .await;
}

#[tokio::test]
async fn whether_all_names_are_known() {
    on_both(async |store| {
        assert_eq!(store.names_known_at().await.expect("read"), None);
        let set = |version: &str| DataSet {
            name: "all-the-package-names".to_owned(),
            version: version.to_owned(),
            integrity: "x".to_owned(),
            published_at: None,
            loaded_at: 5,
            entries: 3,
        };
        store.record_data_set(&set("2.0.1+first.100")).await.expect("stored");
        assert_eq!(store.names_known_at().await.expect("read"), None);
        store.record_data_set(&set("2.0.1")).await.expect("stored");
        assert_eq!(store.names_known_at().await.expect("read"), Some(5));
    })
    .await;
}
