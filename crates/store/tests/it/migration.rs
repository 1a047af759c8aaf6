//! A database of the first version is brought up to date when it is opened, and keeps what is in it.

use model::{PackageName, parse_packument};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqlSafeStr, SqliteConnection};
use store::{PackedDetails, Place, Store, StoredValidators};
use testkit::{folder, fresh_database};

const FIRST: &str = include_str!("../../migrations/0001_packages.sql");

const ROWS: &str = "INSERT INTO packages (id, name, repository, source, observed_at, state, change_seq)
    VALUES (1, 'react', 'https://github.com/facebook/react', 2, 100, 0, 1), (2, 'left-pad', NULL, 1, 100, 0, 2);
INSERT INTO summaries (package_id, version, description, keywords) VALUES (1, '19.0.0', 'A library', '[\"ui\"]');
INSERT INTO maintainers (username, package_id, place) VALUES ('fb', 1, 0);
INSERT INTO appearances (package_id, not_before, not_after) VALUES (2, 10, 20);
UPDATE counter SET n = 2, packages = 2, next_id = 3;";

/// The first migration with the words of one database.
fn first(words: [&str; 4]) -> Migrator {
    let text =
        ["{id}", "{key}", "{bytes}", "{compact}"].iter().zip(words).fold(FIRST.to_owned(), |text, (from, to)| text.replace(from, to));
    let migration = Migration::new(1, "packages".into(), MigrationType::Simple, AssertSqlSafe(text).into_sql_str(), false);
    Migrator::with_migrations(vec![migration])
}

async fn is_whole_and_goes_on(place: &Place) {
    let store = Store::open(place).await.expect("brought up to date");
    assert_eq!((store.count().await.expect("counted"), store.count_details().await.expect("counted")), (2, 0));
    let react = store.by_name(&PackageName::parse("react").expect("a name")).await.expect("read").expect("known");
    let summary = react.summary.expect("words");
    assert_eq!((react.id, summary.description.as_deref(), summary.keywords.as_slice()), (1, Some("A library"), &["ui".to_owned()][..]));
    assert_eq!(store.packages_of("fb").await.expect("read").len(), 1);
    assert_eq!(store.some_appearances(&[0, 1, 2]).await.expect("read").len(), 1);
    let packument = parse_packument(br#"{"name":"react","versions":{"19.1.0":{}},"maintainers":["fb"]}"#, 200).expect("readable");
    store.apply(std::slice::from_ref(&packument.observation)).await.expect("applied");
    let packed = PackedDetails::pack(&packument).expect("packs");
    store.put_details(&[(packed, StoredValidators::default())]).await.expect("stored");
    assert_eq!(store.count_details().await.expect("counted"), 1);
    store.close().await;
    let again = Store::open(place).await.expect("opened again");
    assert_eq!((again.count().await.expect("counted"), again.count_details().await.expect("counted")), (2, 1));
    assert!(again.quick_check().await.expect("checked").is_empty());
    again.close().await;
}

#[tokio::test]
async fn from_the_first_version() {
    let there = folder();
    let path = there.path().join("old.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.expect("opens");
    first(["INTEGER PRIMARY KEY", "TEXT", "BLOB", "WITHOUT ROWID"]).run(&mut connection).await.expect("made");
    sqlx::raw_sql(ROWS).execute(&mut connection).await.expect("stored");
    connection.close().await.expect("closed");
    is_whole_and_goes_on(&Place::Sqlite(path)).await;
    if let Some(url) = fresh_database().await {
        let mut connection = PgConnection::connect(&url).await.expect("opens");
        first(["BIGINT PRIMARY KEY", "TEXT COLLATE \"C\"", "BYTEA", ""]).run(&mut connection).await.expect("made");
        sqlx::raw_sql(ROWS).execute(&mut connection).await.expect("stored");
        connection.close().await.expect("closed");
        is_whole_and_goes_on(&Place::parse(&url)).await;
    }
}

#[tokio::test]
async fn details_from_before_dependents_were_kept() {
    crate::on_both(async |store| {
        let mut ids = Vec::new();
        for (name, needs) in [("one", "two"), ("two", "three"), ("three", "nobody"), ("none", "")] {
            let versions = if needs.is_empty() { String::new() } else { format!(r#""1.0.0":{{"dependencies":{{"{needs}":"^1"}}}}"#) };
            let json = format!(r#"{{"name":"{name}","versions":{{{versions}}}}}"#);
            let packument = parse_packument(json.as_bytes(), 100).expect("readable");
            store.apply(std::slice::from_ref(&packument.observation)).await.expect("applied");
            let packed = PackedDetails::pack(&packument).expect("packs");
            store.put_details(&[(packed, StoredValidators::default())]).await.expect("stored");
            ids.push(store.by_name(&packument.observation.name).await.expect("read").expect("known").id);
        }
        let kept = (store.dependent_counts(&ids).await.expect("read"), store.latest_facts(&ids).await.expect("read"));
        assert_eq!(kept.0.len(), 2);
        store.forget_latest().await.expect("forgotten");
        assert!(store.dependent_counts(&ids).await.expect("read").is_empty());
        let (mut after, mut steps) = (0, Vec::new());
        while let Some((last, noted)) = store.note_latest(after, 3).await.expect("noted") {
            (after, steps) = (last, [steps, vec![noted]].concat());
        }
        assert_eq!(steps, [3, 1], "three at a time");
        assert_eq!((store.dependent_counts(&ids).await.expect("read"), store.latest_facts(&ids).await.expect("read")), kept);
        assert_eq!(store.note_latest(0, 2).await.expect("noted"), None, "nothing is left to note");
    })
    .await;
}
