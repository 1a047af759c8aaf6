//! What is made of downloads: numbers of a package, a user's list of work, comparisons, trends, and npm's downloads API.

use axum::http::StatusCode;
use model::{Day, DayCount, DayRange, Series};
use serde_json::{Value, json};
use store::{VersionWeek, WHOLE_REGISTRY};

use crate::html;
use crate::site::{NOW, Site, header, hit};

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

/// So many a day; npm lost 2026-11-10.
fn series(first: &str, last: &str, count: impl Fn(Day) -> u64) -> Series {
    let range = DayRange { first: day(first), last: day(last) };
    let days = range.iter().map(|at| if at == day("2026-11-10") { DayCount::Hole } else { DayCount::Known(count(at)) });
    Series { first: range.first, days: days.collect() }
}

async fn put(site: &Site, name: &str, series: Series) -> i64 {
    let id = if name.is_empty() { WHOLE_REGISTRY } else { site.context.store.named(&[name]).await.expect("read")[name].id };
    site.context.store.put_days(&[(id, series)], NOW).await.expect("stored");
    id
}

/// Downloads by day, a week of versions and lists, for whoever looks at pages as a whole.
pub(crate) async fn put_downloads(site: &Site, names: &[&str]) {
    put(site, "", series("2025-01-01", "2026-11-21", |_| 9_876_543_210)).await;
    for (name, factor) in names.iter().zip(1..) {
        let id = put(site, name, series("2025-01-01", "2026-11-21", |at| 12_345_678 / factor + u64::from(at.weekday()) * 100_000)).await;
        let counts = (0..40).map(|major| (format!("{major}.1.0"), 1_000_000 / (1 + major))).collect();
        site.context.store.put_version_downloads(id, &VersionWeek { last: day("2026-11-21"), counts }).await.expect("stored");
    }
    site.context.store.make_trends(NOW).await.expect("computed");
}

fn document(name: &str, manifest: &Value) -> Value {
    json!({
        "_id": name, "name": name, "dist-tags": {"latest": "4.0.0"}, "maintainers": [{"name": "jane"}],
        "versions": {"3.0.0": {}, "4.0.0": manifest},
        "time": {"created": "2019-01-02T00:00:00Z", "3.0.0": "2024-01-02T00:00:00Z", "4.0.0": "2026-10-24T00:00:00Z"}
    })
}

/// Packages of jane: one that grows and needs work, one that is fine and deprecated, one that nobody counts; and others.
async fn site() -> Site {
    let lines = [hit("old-helper", "joe", 5, "2020-01-01T00:00:00Z"), hit("uncounted", "jane", 700, "2020-01-01T00:00:00Z")];
    let site = Site::offline(&lines.iter().map(Value::to_string).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>()).await;
    let helper = json!({"_id": "helper", "name": "helper", "dist-tags": {"latest": "1.0.0"},
        "versions": {"1.0.0": {"deprecated": "use another", "license": "MIT"}}, "time": {"1.0.0": "2020-01-01T00:00:00Z"}});
    let growing = json!({"main": "index.js", "dependencies": {"helper": "^1.0.0", "fine": "^3.0.0"}, "keywords": ["date"], "description": "It <grows>"});
    let fine = json!({"main": "index.js", "types": "x.d.ts", "license": "MIT", "repository": "github:jane/fine", "keywords": ["date"]});
    let retired = json!({"deprecated": "retired", "dependencies": {"helper": "^1.0.0"}});
    site.import(&[helper, document("@jane/growing", &growing), document("fine", &fine), document("retired", &retired)]).await;
    put(&site, "", series("2026-01-01", "2026-11-21", |_| 1_000_000)).await;
    let growing =
        put(&site, "@jane/growing", series("2024-06-01", "2026-11-21", |at| if at > day("2026-11-14") { 300 } else { 100 })).await;
    put(&site, "fine", series("2026-11-01", "2026-11-20", |_| 1_000)).await;
    let counts =
        [("4.0.0", 300), ("3.0.0", 100), ("2.9.0", 200), ("1.0.0", 400)].map(|(version, count)| (version.to_owned(), count)).to_vec();
    site.context.store.put_version_downloads(growing, &VersionWeek { last: day("2026-11-21"), counts }).await.expect("stored");
    site
}

/// Text and addresses of a page, without its tags.
fn has(page: &str, what: &str, parts: &[&str]) {
    let text = html::text(page);
    for part in parts {
        assert!(page.contains(part) || text.contains(part), "{what}: {part:?} is not in\n{text}");
    }
}

#[tokio::test]
async fn npms_downloads_api() {
    let site = site().await;
    let check = async |path: &str, status: u16, expected: Value| {
        let (found, headers, body) = site.get(path).await;
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path}: {body}"));
        assert_eq!((found.as_u16(), body), (status, expected), "{path}");
        let policy = if found == StatusCode::OK { "public, max-age=60" } else { "no-store" };
        assert_eq!(header(&headers, "cache-control"), policy, "{path}");
        assert_eq!((header(&headers, "access-control-allow-origin"), headers.contains_key("retry-after")), ("*", status == 503), "{path}");
    };
    let week = json!({"downloads": 2100, "start": "2026-11-15", "end": "2026-11-21", "package": "@jane/growing"});
    check("/downloads/point/last-week/@jane/growing", 200, week.clone()).await;
    check("/downloads/point/last-week/@jane%2Fgrowing", 200, week.clone()).await;
    check("/downloads/point/2026-11-15:2026-11-21/@jane/growing", 200, week.clone()).await;
    check(
        "/downloads/point/last-day/@jane/growing",
        200,
        json!({"downloads": 300, "start": "2026-11-21", "end": "2026-11-21", "package": "@jane/growing"}),
    )
    .await;
    check(
        "/downloads/point/2026-11-20/fine,",
        200,
        json!({"fine": {"downloads": 1000, "start": "2026-11-20", "end": "2026-11-20", "package": "fine"}}),
    )
    .await;
    // Its newest day came late, so its week ends a day earlier.
    let fine = json!({"downloads": 7_000, "start": "2026-11-14", "end": "2026-11-20", "package": "fine"});
    check("/downloads/point/last-week/fine", 200, fine.clone()).await;
    check("/downloads/point/last-week/fine,@jane/growing", 200, json!({"fine": fine, "@jane/growing": week})).await;
    check("/downloads/point/last-week", 200, json!({"downloads": 7_000_000, "start": "2026-11-15", "end": "2026-11-21"})).await;
    check(
        "/downloads/range/2026-11-09:2026-11-11/fine",
        200,
        json!({
            "start": "2026-11-09", "end": "2026-11-11", "package": "fine",
            "downloads": [{"downloads": 1000, "day": "2026-11-09"}, {"downloads": 1000, "day": "2026-11-11"}], "missing": ["2026-11-10"]
        }),
    )
    .await;
    check(
        "/downloads/range/last-day",
        200,
        json!({"start": "2026-11-21", "end": "2026-11-21", "downloads": [{"downloads": 1_000_000, "day": "2026-11-21"}]}),
    )
    .await;
    // Longer than npm allows, and read back from where counts begin.
    let long = site.json("/downloads/range/2015-01-01:2026-12-31/@jane/growing").await;
    assert_eq!(
        (&long["start"], &long["end"], long["downloads"].as_array().map(Vec::len)),
        (&json!("2024-06-01"), &json!("2026-11-21"), Some(903))
    );
    check(
        "/versions/@jane%2Fgrowing/last-week",
        200,
        json!({"package": "@jane/growing", "end": "2026-11-21",
        "downloads": {"4.0.0": 300, "3.0.0": 100, "2.9.0": 200, "1.0.0": 400}}),
    )
    .await;
    check("/versions/@jane/growing/last-week", 200, site.json("/versions/@jane%2Fgrowing/last-week").await).await;

    let error = |text: &str| json!({"error": text});
    check("/downloads/point/nonsense/fine", 400, error("invalid date")).await;
    check("/downloads/range/2026-13-01/fine", 400, error("invalid date")).await;
    check("/downloads/point/2026-11-21:2026-11-01/fine", 400, error("end date > start date")).await;
    check("/downloads/point/2010-01-01:2011-01-01", 400, error("end date > start date")).await;
    check("/downloads/point/last-week/not%20a%20name", 404, error("package not a name not found")).await;
    check("/downloads/point/last-week/..", 404, error("package .. not found")).await;
    let offline = "npm cannot be asked: this server is offline";
    check("/downloads/point/last-week/uncounted", 503, error(&format!("the downloads of uncounted are not counted here, and {offline}")))
        .await;
    check("/downloads/point/last-week/unheard-of", 503, error(&format!("the downloads of unheard-of are not counted here, and {offline}")))
        .await;
    let many = vec!["fine"; 129].join(",");
    check(&format!("/downloads/point/last-week/{many}"), 400, error("exceeded max packages of 128")).await;
    check("/versions/fine/last-week", 503, error("the downloads of the versions of fine are not counted here yet; ask again later")).await;
    check("/versions/fine/last-month", 404, error("npm tells the downloads of versions for the last week only: /versions/NAME/last-week"))
        .await;
    // Of those that are not known yet, nothing is said, least of all zero.
    let (status, headers, body) = site.get("/downloads/point/last-week/fine,uncounted,unheard-of,not%20a%20name").await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, header(&headers, "cache-control")), (StatusCode::OK, "no-store"), "it will soon be more");
    assert_eq!((body["fine"]["downloads"].as_u64(), body.get("uncounted"), body.get("unheard-of")), (Some(7_000), None, None));
    assert_eq!(body["not a name"], Value::Null, "what cannot be a name does not exist");
    // Once all names are known, what is not among them does not exist.
    let set = store::DataSet {
        name: "all-the-package-names".into(),
        version: "1".into(),
        integrity: "x".into(),
        published_at: None,
        loaded_at: NOW,
        entries: 9,
    };
    site.context.store.record_data_set(&set).await.expect("stored");
    check("/downloads/point/last-week/unheard-of", 404, error("package unheard-of not found")).await;
    let (_, _, body) = site.get("/downloads/point/last-week/fine,unheard-of").await;
    assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON")["unheard-of"], Value::Null);
}

#[tokio::test]
async fn a_snapshot_is_never_an_answer() {
    let site = site().await;
    let id = site.context.store.named(&["uncounted"]).await.expect("read")["uncounted"].id;
    let mut writer = site.context.store.begin_snapshot("2026-10", "1", NOW + 10).await.expect("begun");
    writer.write([(id, 12_345)].into_iter()).await.expect("written");
    writer.finish().await.expect("finished");
    assert!(site.page("/pkg:uncounted", StatusCode::OK).await.contains("12,345"));
    assert_eq!(site.get("/downloads/point/last-month/uncounted").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_users_list_of_work() {
    let site = site().await;
    let page = site.page("/@jane", StatusCode::OK).await;
    has(
        &page,
        "the list",
        &[
            "2 of 4 packages, counts to between 20 Nov 2026 and 21 Nov 2026",
            "1 deprecated dependency: helper",
            "1 outdated dependency: fine ^3.0.0 (4.0.0)",
            "19,000 (19 of 30 days)",
            "no licence",
            "no repository",
            "60 % of the downloads are of versions before 3.0.0",
            "latest version not read yet",
            "What moved this week",
            "700 → 2,100",
            "30 days ago",
            "href=\"/@jane?sort=attention\"",
            "It &#60;grows&#62;",
        ],
    );
    let json = site.json("/api/v1/users/jane?sort=attention").await;
    let order: Vec<&str> = json["packages"].as_array().expect("packages").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(order[0], "@jane/growing");
    let growing = &json["packages"][0];
    assert_eq!((&growing["daily"]["days_7"]["downloads"], &growing["days_since_release"]), (&json!(2_100), &json!(30)));
    assert_eq!(
        growing["problems"][0],
        json!({"kind": "deprecated-dependencies", "names": ["helper"], "words": "1 deprecated dependency: helper"})
    );
    let find = |name: &str| json["packages"].as_array().expect("packages").iter().find(|one| one["name"] == name).expect("there").clone();
    assert_eq!((&find("retired")["problems"], &find("retired")["attention"]), (&json!([]), &json!(0.0)), "nothing is to be done there");
    assert_eq!(find("uncounted").get("problems"), None);
    assert_eq!(find("fine")["dependents"], 1);
    assert_eq!((json["daily"]["packages"].as_u64(), json["total"].as_u64(), json["checked"].as_u64()), (Some(2), Some(4), Some(3)));
    assert_eq!(json["moved"][0]["name"], "@jane/growing");
    let names = async |sort: &str| -> Vec<String> {
        let page = site.json(&format!("/api/v1/users/jane?sort={sort}")).await;
        page["packages"].as_array().expect("packages").iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
    };
    for (sort, expected) in [
        ("downloads", ["fine", "@jane/growing", "uncounted", "retired"]),
        ("week", ["fine", "@jane/growing", "uncounted", "retired"]),
        ("year", ["@jane/growing", "fine", "uncounted", "retired"]),
        ("change", ["@jane/growing", "fine", "uncounted", "retired"]),
        ("name", ["@jane/growing", "fine", "retired", "uncounted"]),
        ("dependents", ["fine", "@jane/growing", "uncounted", "retired"]),
    ] {
        assert_eq!(names(sort).await, expected, "{sort}");
    }
    let (status, _, body) = site.get("/api/v1/users/jane?sort=size").await;
    assert!(status == StatusCode::BAD_REQUEST && body.contains("attention"), "{body}");
    // Every order has its page, and marks itself.
    for sort in ["downloads", "week", "year", "change", "name", "published", "dependents", "attention", "nonsense"] {
        let page = site.page(&format!("/@jane?sort={sort}"), StatusCode::OK).await;
        assert_eq!(page.matches("aria-current=\"true\"").count(), 1, "{sort}");
    }
}

#[tokio::test]
async fn many_packages_of_a_user() {
    let documents: Vec<Value> = (0..300)
        .map(|number| {
            let name = if number % 2 == 0 { format!("@jane/thing-{number}") } else { format!("thing-{number}") };
            document(&name, &json!({"main": "index.js", "license": "MIT"}))
        })
        .collect();
    let site = Site::offline(&[]).await;
    site.import(&documents).await;
    let mut pieces = Vec::new();
    let names: Vec<String> = documents.iter().take(290).map(|one| one["name"].as_str().expect("a name").to_owned()).collect();
    let ids = site.context.store.named(&names.iter().map(String::as_str).collect::<Vec<_>>()).await.expect("read");
    for (number, name) in names.iter().enumerate() {
        pieces.push((ids[name].id, series("2026-09-01", "2026-11-21", |_| number as u64)));
    }
    site.context.store.put_days(&pieces, NOW).await.expect("stored");
    let page = site.page("/@jane", StatusCode::OK).await;
    has(&page, "many", &["290 of 300 packages, counts to 21 Nov 2026", "All 300 on one page", "(81 of 365 days)"]);
    assert_eq!(page.matches("<th scope=\"row\"><a href=\"/pkg:").count(), 100);
    assert_eq!(site.page("/@jane?size=all", StatusCode::OK).await.matches("<th scope=\"row\"><a href=\"/pkg:").count(), 300);
    assert_eq!(site.json("/api/v1/users/jane?size=1000").await["packages"].as_array().map(Vec::len), Some(300));
    let last = site.page("/@jane?skip=200", StatusCode::OK).await;
    assert!(last.contains("rel=\"prev\"") && !last.contains("rel=\"next\""));
}

#[tokio::test]
async fn side_by_side() {
    let site = site().await;
    let empty = site.page("/compare", StatusCode::OK).await;
    has(&empty, "nothing yet", &["Up to ten packages", "name=\"p\""]);
    let page = site.page("/compare?p=fine&p=@jane/growing&scale=log&step=week", StatusCode::OK).await;
    has(
        &page,
        "two",
        &[
            "href=\"/compare?p=@jane/growing&#38;step=week&#38;scale=log\"",
            "<input type=\"hidden\" name=\"p\" value=\"fine\">",
            "<svg class=\"chart\"",
            "As a table",
            "/chart/downloads.csv?p=fine&#38;p=@jane/growing&#38;step=week&#38;scale=log",
            "Counts to",
            "21 Nov 2026",
            "CommonJS",
            "among 4 stored",
        ],
    );
    assert_eq!(page.matches("aria-label=\"Remove ").count(), 2);
    // Names in one field, twice, unknown, and what is no name.
    let page = site.page("/compare?p=fine+helper,fine&p=unheard-of&p=no%20%3Cb%3E", StatusCode::OK).await;
    has(&page, "odd", &["unheard-of is not among the packages stored here", "&#60;b&#62; is no name of a package"]);
    assert_eq!(page.matches("aria-label=\"Remove ").count(), 2);
    assert!(page.contains("name=\"robots\" content=\"noindex\""));
    let page = site.page("/compare?p=%3Cscript%3E", StatusCode::BAD_REQUEST).await;
    assert!(!page.contains("<script>"));
    let many: Vec<String> = (0..12).map(|number| format!("p=name-{number}")).collect();
    has(&site.page(&format!("/compare?{}", many.join("&")), StatusCode::OK).await, "many", &["At most 10", "name-11 was left out"]);
    has(&site.page("/compare?p=fine&step=century", StatusCode::OK).await, "step", &["step=century is not known"]);

    let json = site.json("/api/v1/compare?p=fine,@jane/growing&p=unheard-of").await;
    assert_eq!(
        (&json["packages"][0]["name"], &json["packages"][1]["latest"]["versions"], &json["unknown"]),
        (&json!("fine"), &json!(2), &json!(["unheard-of"]))
    );
    assert_eq!(json["packages"][1]["daily"]["days_7"], json!({"downloads": 2100, "days": 7, "known": 7, "holes": 0, "change": 2.0}));
    for (path, says) in [
        ("/api/v1/compare", "name packages"),
        ("/api/v1/compare?p=a%20b", "ab"),
        (&format!("/api/v1/compare?{}", many.join("&")) as &str, "at most 10"),
    ] {
        let (status, _, body) = site.get(path).await;
        assert_eq!(status == StatusCode::BAD_REQUEST, path != "/api/v1/compare?p=a%20b", "{path}: {body}");
        assert!(status == StatusCode::OK || body.contains(says), "{path}: {body}");
    }
}

#[tokio::test]
async fn trends() {
    let site = site().await;
    let before = site.page("/trends/rising", StatusCode::OK).await;
    has(&before, "before", &["Nothing was counted yet"]);
    assert!(site.json("/api/v1/trends/popular").await["packages"].as_array().is_some_and(Vec::is_empty));
    let ids = site.context.store.named(&["@jane/growing", "fine", "retired", "helper"]).await.expect("read");
    for (month, as_of, counts) in [("2026-08", NOW - 9_000_000, [60_000, 90_000, 400]), ("2026-09", NOW - 6_000_000, [90_000, 60_000, 900])]
    {
        let mut rows: Vec<(i64, u64)> =
            ["@jane/growing", "fine", "retired"].iter().zip(counts).map(|(name, count)| (ids[*name].id, count)).collect();
        rows.sort_unstable();
        let mut writer = site.context.store.begin_snapshot(month, "1", as_of).await.expect("begun");
        writer.write(rows.into_iter()).await.expect("written");
        writer.finish().await.expect("finished");
    }
    site.context.store.make_trends(NOW).await.expect("computed").expect("counted");
    let rising = site.page("/trends/rising", StatusCode::OK).await;
    has(
        &rising,
        "rising",
        &[
            "Counted: snapshot 2026-09, against snapshot 2026-08, 3 packages",
            "@jane/growing",
            "90,000",
            "+50 %",
            "aria-current=\"page\"",
            "23 Nov 2026",
        ],
    );
    assert!(!rising.contains("/pkg:fine"));
    has(&site.page("/trends/falling", StatusCode::OK).await, "falling", &["/pkg:fine", "−33 %"]);
    has(&site.page("/trends", StatusCode::OK).await, "all", &["Newly appeared", "/trends/popular", "snapshot 2026-09"]);
    let json = site.json("/api/v1/trends/popular").await;
    assert_eq!(
        (&json["packages"][0]["package"]["name"], &json["packages"][0]["downloads"], &json["counted"]),
        (&json!("@jane/growing"), &json!(90_000), &json!("snapshot 2026-09"))
    );
    for path in
        ["/trends/nothing", "/trends/rising?keyword=unheard-of", "/api/v1/trends/nothing", "/api/v1/trends/rising?keyword=unheard-of"]
    {
        assert_eq!(site.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    // The rank of a package is by what the lists are by.
    has(&site.page("/pkg:fine", StatusCode::OK).await, "rank", &["Rank 2 of 3 (snapshot 2026-09)"]);
}

#[tokio::test]
async fn the_numbers_of_a_package() {
    let site = site().await;
    let page = site.page("/pkg:@jane/growing", StatusCode::OK).await;
    has(
        &page,
        "numbers",
        &[
            "2,100 in 7 days",
            "+200 %",
            "Counts to 21 Nov 2026",
            "id=\"statistics\"",
            "<svg class=\"chart\"",
            "Versions in use",
            "1,000 downloads of 4 versions in the 7 days to 21 Nov 2026",
            "1.x",
            "40 %",
            "To work on",
            "1 deprecated dependency: helper",
            "need it, counted among the 4 whose details are stored here",
        ],
    );
    let json = site.json("/api/v1/packages/@jane/growing").await;
    let numbers = &json["statistics"];
    assert_eq!((&numbers["daily"]["as_of"], numbers["trend"].as_array().map(Vec::len)), (&json!("2026-11-21"), Some(52)));
    assert_eq!(numbers["versions"]["majors"][2], json!({"version": "2", "downloads": 200, "share": 0.2}));
    // Nothing is made up where nothing was counted.
    let page = site.page("/pkg:uncounted", StatusCode::OK).await;
    assert!(!page.contains("id=\"statistics\"") && page.contains("700"), "{page}");
    assert!(site.json("/api/v1/packages/uncounted").await["statistics"].get("daily").is_none());
}
