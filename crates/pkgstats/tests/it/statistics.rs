//! Downloads, comparisons and exports in the terminal.

use std::path::Path;

use model::{Day, DayCount, DayRange, Series};
use serde_json::{Value, json};
use store::{Place, Store, VersionWeek, WHOLE_REGISTRY};
use testkit::folder;

use super::{fails, json as json_of, ok};

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn documents() -> String {
    let document = |name: &str, manifest: Value| {
        json!({"_id": name, "name": name, "dist-tags": {"latest": "3.0.0"}, "maintainers": [{"name": "jane"}],
            "versions": {"1.0.0": {}, "3.0.0": manifest}, "time": {"created": "2019-01-02T00:00:00Z", "3.0.0": "2025-01-02T00:00:00Z"}})
    };
    let needy = document("@jane/needy", json!({"dependencies": {"plain": "^1.0.0"}, "main": "index.js", "description": "Needs, \"work\""}));
    let plain = document("plain", json!({"license": "MIT", "repository": "github:jane/plain", "types": "x.d.ts", "main": "index.js"}));
    format!("{needy}\n{plain}\n")
}

/// Two packages, one of them counted: 10 a day, and 20 a day in the last week.
async fn fill(data: &Path) {
    let file = data.join("lines.ndjson");
    std::fs::write(&file, documents()).expect("writable");
    ok(data, &["import", file.to_str().expect("text"), "--observed-at", "2026-11-22T00:00:00Z"]);
    let store = Store::open(&Place::Sqlite(data.join("pkgstats.db"))).await.expect("opens");
    let id = store.named(&["@jane/needy"]).await.expect("read")["@jane/needy"].id;
    let series = |count: &dyn Fn(Day) -> DayCount| {
        let range = DayRange { first: day("2026-08-01"), last: day("2026-11-21") };
        Series { first: range.first, days: range.iter().map(count).collect() }
    };
    let needy = series(&|at| match at {
        at if at == day("2026-11-10") => DayCount::Hole,
        at => DayCount::Known(if at > day("2026-11-14") { 20 } else { 10 }),
    });
    let all = series(&|_| DayCount::Known(1_000));
    store.put_days(&[(id, needy), (WHOLE_REGISTRY, all)], day("2026-11-22").start_seconds()).await.expect("stored");
    let counts = vec![("1.0.0".to_owned(), 90), ("3.0.0".to_owned(), 50)];
    store.put_version_downloads(id, &VersionWeek { last: day("2026-11-21"), counts }).await.expect("stored");
    store.close().await;
}

fn has(text: &str, parts: &[&str]) {
    let single: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for part in parts {
        assert!(single.iter().any(|line| line.contains(part)), "{part:?} is not in\n{text}");
    }
}

#[tokio::test]
async fn numbers_in_the_terminal() {
    let data = folder();
    fill(data.path()).await;
    let data = data.path();
    has(
        &ok(data, &["show", "@jane/needy"]),
        &[
            "downloads 140 (+100 %) in 7 days",
            "(to 2026-11-21)",
            "in use 3.x 36 %, 1.x 64 % (7 days to 2026-11-21)",
            "dependents 0 of 2 packages stored",
            "to work on no licence; 64 % of the downloads are of versions before 2.0.0",
        ],
    );
    has(
        &ok(data, &["user", "jane", "--sort", "attention"]),
        &[
            "140 (+100 %) downloads in 7 days",
            "1 of 2 packages, counts to 2026-11-21",
            "1 of 2 packages whose latest version was read has something to work on",
            "moved this week: @jane/needy (+100 %)",
            "1 outdated dependency: plain ^1.0.0 (3.0.0)",
            "nothing found",
        ],
    );
    let page = json_of(data, &["user", "jane", "--json"]);
    assert_eq!((&page["daily"]["days_7"]["downloads"], &page["packages"][0]["name"]), (&json!(140), &json!("@jane/needy")));
    has(&ok(data, &["compare", "plain", "@jane/needy"]), &["plain @jane/needy", "7 days – 140 (+100 %)", "types yes no", "dependents 1 0"]);
    assert_eq!(json_of(data, &["compare", "plain", "--json"])["packages"][0]["latest"]["versions"], 2);
    fails(data, &["compare", "plain", "unheard-of"], 3, "nothing is known of unheard-of");
    fails(data, &["compare", "plain@1.0.0"], 2, "whole packages");
    fails(data, &["compare"], 2, "required");
}

#[tokio::test]
async fn tables_for_other_programs() {
    let data = folder();
    fill(data.path()).await;
    let data = data.path();
    let csv = ok(data, &["export", "downloads", "@jane/needy", "--from", "2026-11-09", "--to", "2026-11-11"]);
    let expected = "package,first,last,downloads,known_days,lost_days,finished\r\n\
        @jane/needy,2026-11-09,2026-11-09,10,1,0,true\r\n@jane/needy,2026-11-10,2026-11-10,,0,1,true\r\n@jane/needy,2026-11-11,2026-11-11,10,1,0,true\r\n";
    assert_eq!(csv, expected, "what npm lost is empty");
    let all = ok(data, &["export", "downloads", "@jane/needy"]);
    assert_eq!(all.lines().nth(1), Some("@jane/needy,2026-08-01,2026-08-01,10,1,0,true"), "from the first count on");
    let months = ok(data, &["export", "downloads", "@jane/needy", "--step", "month", "--format", "ndjson"]);
    let months: Vec<Value> = months.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((months.len(), &months[0]["downloads"], &months[3]["finished"]), (4, &json!(310), &json!(false)));
    let user = ok(data, &["export", "user", "jane"]);
    has(
        &user,
        &["package,version,published,deprecated,as_of,days_7,days_7_change", "@jane/needy,3.0.0,2025-01-02T00:00:00Z,,2026-11-21,140,1.0,"],
    );
    let user = ok(data, &["export", "user", "jane", "--json"]);
    let first: Value = serde_json::from_str(user.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["days_7"], first.get("deprecated")), (&json!(140), None));
    has(&ok(data, &["export", "compare", "plain"]), &["plain,3.0.0,", "MIT"]);
    assert_eq!(ok(data, &["export", "trends", "rising"]), "", "nothing was computed yet");
    fails(data, &["export", "downloads", "plain"], 3, "no downloads by day of plain are stored");
    fails(data, &["export", "user", "nobody"], 3, "no package is known that names nobody");
    fails(data, &["export", "trends", "sideways"], 2, "popular");
    fails(data, &["export", "downloads", "plain", "--from", "yesterday"], 2, "2026-11-21");
}
