//! npm's search API and our own JSON.

use std::collections::HashSet;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::site::{BARE, Site, VUE};

#[tokio::test]
async fn npms_search_has_npms_shape() {
    let site = Site::offline(&[VUE, BARE]).await;
    let mut answer = site.json("/-/v1/search?text=vue&size=5&from=0&quality=0.65&popularity=0.98&maintenance=0.5").await;
    // The score depends on how many packages there are.
    for place in ["/objects/0/searchScore", "/objects/0/score/final"] {
        assert!(answer.pointer_mut(place).map(Value::take).is_some_and(|score| score.is_number()));
    }
    insta::assert_json_snapshot!(answer);
    let bare = site.json("/-/v1/search?text=constructor").await;
    let hit = &bare["objects"][0];
    assert!(hit.get("downloads").is_none() && hit["package"].get("version").is_none(), "what is not known is left out: {hit}");
    assert_eq!(hit["package"]["keywords"], json!([]));
}

/// A hit with everything that npm documents, and what stands around it.
const DOCUMENTED: &str = r#"{"objects":[{"downloads":{"monthly":32731392,"weekly":8525448},"dependents":"83903","updated":"2026-02-03T06:14:11.935Z",
    "searchScore":1816.6842,"package":{"name":"sample","keywords":["sample"],"version":"3.5.27","description":"An example","sanitized_name":"sample",
    "publisher":{"username":"jane","email":"jane@mail.example","actor":{"name":"jane","type":"user","email":"jane@mail.example"},
        "trustedPublisher":{"oidcConfigId":"oidc:1","id":"github"}},
    "maintainers":[{"username":"jane","email":"jane@mail.example"}],"license":"MIT","date":"2026-01-19T06:33:43.982Z",
    "links":{"homepage":"https://sample.example","repository":"git+https://github.com/jane/sample.git","bugs":"https://github.com/jane/sample/issues",
        "npm":"https://www.npmjs.com/package/sample"}},
    "score":{"final":1816.6842,"detail":{"popularity":1,"quality":1,"maintenance":1}},"flags":{"insecure":0}}],
    "total":151264,"time":"2026-02-03T13:37:00.084Z"}"#;
/// What is not stored, and so not told.
const NOT_TOLD: &[&str] = &[
    "objects/0/dependents",
    "package/publisher/email",
    "package/publisher/actor",
    "package/publisher/trustedPublisher",
    "maintainers/0/email",
];
/// What npm does not tell.
const TOLD_BESIDES: &[&str] = &["objects/0/downloads/as_of"];

/// Keys and kinds of values that differ between what is documented and what was answered.
fn differences(place: &str, documented: &Value, answered: &Value, found: &mut Vec<String>) {
    match (documented, answered) {
        (Value::Object(documented), Value::Object(answered)) => {
            for (key, value) in documented {
                let place = format!("{place}/{key}");
                match answered.get(key) {
                    Some(answer) => differences(&place, value, answer, found),
                    None => {
                        found.extend((!NOT_TOLD.iter().any(|place_not| place.ends_with(place_not))).then(|| format!("{place} is missing")));
                    }
                }
            }
            for key in answered.keys().filter(|key| !documented.contains_key(*key)) {
                let place = format!("{place}/{key}");
                found.extend((!TOLD_BESIDES.iter().any(|besides| place.ends_with(besides))).then(|| format!("{place} is not documented")));
            }
        }
        (Value::Array(documented), Value::Array(answered)) => {
            for (number, (value, answer)) in documented.iter().zip(answered).enumerate() {
                differences(&format!("{place}/{number}"), value, answer, found);
            }
            found.extend((documented.len() != answered.len()).then(|| format!("{place} has another length")));
        }
        _ => {
            let is_same = match (documented, answered) {
                (Value::String(documented), Value::String(answered)) => {
                    documented.parse::<jiff::Timestamp>().is_ok() == answered.parse::<jiff::Timestamp>().is_ok()
                }
                (documented, answered) => std::mem::discriminant(documented) == std::mem::discriminant(answered),
            };
            found.extend((!is_same).then(|| format!("{place}: {documented} is documented, {answered} was answered")));
        }
    }
}

#[tokio::test]
async fn npms_search_has_every_documented_key() {
    let documented: Value = serde_json::from_str(DOCUMENTED).expect("JSON");
    let site = Site::offline(&[&documented["objects"][0].to_string()]).await;
    let mut found = Vec::new();
    differences("", &documented, &site.json("/-/v1/search?text=sample").await, &mut found);
    assert_eq!(found, Vec::<String>::new());
    // A package known by name only has those keys that every hit has.
    let bare = Site::offline(&[BARE]).await.json("/-/v1/search?text=constructor").await;
    let mut found = Vec::new();
    differences("", &documented, &bare, &mut found);
    let may_be_missing = [
        "downloads",
        "package/version",
        "package/description",
        "package/publisher",
        "package/license",
        "package/date",
        "homepage",
        "bugs",
        "repository",
    ];
    found.retain(|one| !may_be_missing.iter().any(|key| one.ends_with(&format!("{key} is missing"))));
    found.retain(|one| !one.ends_with("another length"));
    assert_eq!(found, Vec::<String>::new());
}

/// The names on all pages of a search, read one after the other.
async fn all_pages(site: &Site, address: &str, page_size: usize, upto: usize) -> Vec<String> {
    let mut names = Vec::new();
    for from in (0..upto).step_by(page_size) {
        let page = site.json(&format!("{address}&size={page_size}&from={from}")).await;
        let (hits, name) = if page.get("objects").is_some() { ("objects", "/package/name") } else { ("hits", "/name") };
        let hits = page[hits].as_array().expect("hits");
        names.extend(hits.iter().map(|hit| hit.pointer(name).and_then(Value::as_str).expect("a name").to_owned()));
    }
    names
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_or_repetition() {
    const MANY: usize = 2_345;
    // Many of the same popularity, some changed after the index was built.
    let lines: Vec<String> = (0..MANY)
        .map(|number| {
            json!({"downloads": {"monthly": number % 7 * 1000}, "package": {"name": format!("thing-{number}"), "version": "1.0.0",
                "description": if number % 3 == 0 { "a picker of dates and a date picker" } else { "a picker" }, "keywords": ["things"]}})
            .to_string()
        })
        .collect();
    let site = Site::offline(&lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let changed: Vec<Value> =
        (0..50).map(|number| json!({"package": {"name": format!("thing-{}", number * 31), "description": "a new picker"}})).collect();
    site.import(&changed).await;
    for text in ["picker", "date%20picker", "thing", "keywords:things", "keywords:things%20date"] {
        let address = format!("/-/v1/search?text={text}");
        let total = site.json(&address).await["total"].as_u64().expect("a number") as usize;
        let names = all_pages(&site, &address, 250, MANY).await;
        assert_eq!((names.len(), names.iter().collect::<HashSet<_>>().len()), (total, total), "{text}");
        assert_eq!(all_pages(&site, &address, 97, MANY).await, names, "{text}: the size of a page changes nothing");
        assert_eq!(
            all_pages(&site, &format!("/api/v1/search?q={text}"), 250, MANY).await,
            names,
            "{text}: our own search has the same order"
        );
    }
}

#[tokio::test]
async fn npms_parameters() {
    let site = Site::offline(&[VUE, BARE]).await;
    let rows = async |parameters: &str| {
        let answer = site.json(&format!("/-/v1/search?{parameters}")).await;
        answer["objects"].as_array().map(Vec::len).expect("objects")
    };
    for weights in ["quality=1", "popularity=-3", "maintenance=NaN", "quality=&popularity=1e400", "boost=2&sort=x"] {
        assert_eq!(rows(&format!("text=vue&{weights}")).await, 1, "{weights} change nothing");
    }
    assert_eq!(rows("text=vue&size=0").await, 0);
    assert_eq!(rows("text=vue&size=").await, 1, "the default");
    assert_eq!(rows("text=vue&size=99999999999999999999999").await, 1, "250");
    assert_eq!(rows("text=vue&from=99999&size=250").await, 0, "one more could be given");
    assert_eq!(rows("text=v").await, 1, "also one letter");
    assert_eq!(rows("text=not-a-qualifier:x+vue").await, 1);
    let (status, _, body) = site.get("/-/v1/search?size=3").await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        (status.as_u16(), body),
        (400, json!({"error": "'text' query parameter is required", "code": "ERR_TEXT_MISSING"})),
        "npm's very words"
    );
    for (odd, says) in [
        ("text=vue&size=-1", "'size' must be a whole number, not \\\"-1\\\""),
        ("text=vue&size=NaN", "'size' must be a whole number, not \\\"NaN\\\""),
        ("text=vue&size=1.5", "'size' must be a whole number"),
        ("text=vue&from=1e3", "'from' must be a whole number"),
        ("text=vue&from=0x10", "'from' must be a whole number"),
        ("text=vue&from=99999999999999999999999", "up to number 100000"),
        ("text=vue&from=100000&size=0", "up to number 100000"),
        ("text=vue&text=react", "duplicate field `text`"),
        ("text=vue&size=1&size=2", "duplicate field `size`"),
    ] {
        let (status, headers, body) = site.get(&format!("/-/v1/search?{odd}")).await;
        assert_eq!((status.as_u16(), headers["cache-control"].to_str().ok()), (400, Some("no-store")), "{odd}");
        assert!(body.contains(says) && body.contains("\"code\":\"ERR_QUERY\""), "{odd}: {body}");
    }
}

#[tokio::test]
async fn places_of_words_are_told_on_request() {
    let site = Site::offline(&[VUE]).await;
    let page = site.json("/api/v1/search?q=vue%20frameworks&highlight=1").await;
    let expected =
        json!({"name": [{"start": 0, "end": 3}], "description": [{"start": 16, "end": 25}], "keywords": [[{"start": 0, "end": 3}]]});
    assert_eq!(page["hits"][0]["highlights"], expected);
    for off in ["", "&highlight=0", "&highlight=false"] {
        assert!(site.json(&format!("/api/v1/search?q=vue{off}")).await["hits"][0].get("highlights").is_none(), "{off}");
    }
    let (status, _, body) = site.get("/api/v1/search?q=vue&highlight=yes").await;
    assert!(status == StatusCode::BAD_REQUEST && body.contains("'highlight' is 1 or 0"), "{body}");
}

#[tokio::test]
async fn our_own_search() {
    let site = Site::offline(&[VUE, BARE]).await;
    let page = site.json("/api/v1/search?q=progresive%20colour:red").await;
    assert_eq!(page["notes"], json!([{"part": "colour:red", "why": "there is no qualifier colour:, so this is searched as text"}]));
    let page = site.json("/api/v1/search?q=vue").await;
    assert_eq!((page["total"].as_u64(), page["total_is_exact"].as_bool()), (Some(1), Some(true)));
    assert_eq!(page["hits"][0]["downloads"], json!({"weekly": 8_525_448, "monthly": 32_731_392, "as_of": "2026-11-23"}));
    assert_eq!(site.json("/api/v1/search").await["hits"].as_array().map(Vec::len), Some(2), "no text lists the most popular");
}

#[tokio::test]
async fn bad_requests_are_told_so() {
    let site = Site::offline(&[VUE]).await;
    let check = async |path: &str, expected: StatusCode, code: &str| {
        let (status, headers, body) = site.get(path).await;
        assert_eq!(status, expected, "{path}: {body}");
        assert!(body.contains(code), "{path}: {body}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
    };
    check("/-/v1/search", StatusCode::BAD_REQUEST, "ERR_TEXT_MISSING").await;
    check("/-/v1/search?text=%20", StatusCode::BAD_REQUEST, "ERR_TEXT_MISSING").await;
    check(&format!("/-/v1/search?text={}", "x".repeat(513)), StatusCode::BAD_REQUEST, "ERR_TEXT_LENGTH").await;
    check("/-/v1/search?text=x&size=many", StatusCode::BAD_REQUEST, "ERR_QUERY").await;
    check("/-/v1/search?text=x&from=-1", StatusCode::BAD_REQUEST, "ERR_QUERY").await;
    check("/-/v1/search?text=x&from=100000", StatusCode::BAD_REQUEST, "ERR_QUERY").await;
    check("/-/v1/search?text=x&from=18446744073709551615", StatusCode::BAD_REQUEST, "ERR_QUERY").await;
    check("/api/v1/search?q=a&q=b", StatusCode::BAD_REQUEST, "ERR_QUERY").await;
    check("/api/no/such/address", StatusCode::NOT_FOUND, "ERR_NOT_FOUND").await;
    check("/-/..%2f..%2fetc/passwd", StatusCode::NOT_FOUND, "ERR_NOT_FOUND").await;
    let (status, _, _) = site.send(Request::post("/-/v1/search?text=x").body(Body::empty()).expect("a request")).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    for text in ["%00", "%ff", "%22", "%27%20OR%201=1", "%F0%9F%A6%80", "%E2%80%AEabc", "..", "-", "*", "a%20AND%20("] {
        site.json(&format!("/-/v1/search?text={text}")).await;
    }
    assert_eq!(
        site.json("/-/v1/search?text=vue&size=99999").await["objects"].as_array().map(Vec::len),
        Some(1),
        "as npm: more than 250 is 250"
    );
}

#[tokio::test]
async fn an_empty_server_is_alive_and_says_what_it_lacks() {
    let site = Site::offline(&[]).await;
    assert_eq!(site.json("/healthz").await["status"], "filling");
    assert_eq!(site.json("/-/ping").await, json!({}));
    assert_eq!(site.json("/api/v1/status").await["packages"], 0);
    let (status, headers, body) = site.get("/-/v1/search?text=x").await;
    assert_eq!((status, headers["retry-after"].to_str().ok()), (StatusCode::SERVICE_UNAVAILABLE, Some("2")));
    assert!(body.contains("ERR_FILLING"));
}

#[test]
fn the_api_is_described() {
    insta::assert_snapshot!(web::openapi_json());
}

/// What is stored of a package's details can be searched, whether the index heard of it as a change or was built anew.
#[tokio::test]
async fn details_can_be_searched() {
    let site = Site::offline(&[VUE, BARE]).await;
    site.import(&crate::site::documents("https://registry.example")).await;
    let first = async |query: &str| {
        let page = site.json(&format!("/api/v1/search?q={}", query.replace(' ', "%20").replace('>', "%3E"))).await;
        let names = page["hits"].as_array().expect("hits").iter().filter_map(|hit| hit["name"].as_str().map(str::to_owned));
        (page["total"].as_u64().expect("a number"), names.take(2).collect::<Vec<_>>())
    };
    for how in ["as changes", "anew"] {
        for (query, total, hit) in [
            ("has:types", 1, "sample-lib"),
            ("types:included", 1, "sample-lib"),
            ("is:types", 1, "@types/node"),
            ("has:commands has:install-scripts", 1, "sample-lib"),
            ("module:cjs sample", 1, "sample-lib"),
            ("license:apache-2.0", 1, "sample-lib"),
            ("depends:left-pad", 1, "sample-lib"),
            ("depends:@scope/thing depends:react", 1, "sample-lib"),
            ("dependencies:3", 1, "sample-lib"),
            ("dependents:1", 1, "@scope/thing"),
            ("sort:dependents", 11, "@scope/thing"),
            ("updated:2025-03-04 sample", 1, "sample-lib"),
            ("has:homepage sample", 1, "sample-lib"),
            ("is:unpublished", 1, "gone-lib"),
            ("downloads:>1 vue", 1, "vue"),
            ("jump", 1, "sample-lib"),
            ("maintainer:joe", 1, "sample-lib"),
            ("joe", 1, "sample-lib"),
        ] {
            let (found, hits) = first(query).await;
            assert!(found == total && hits.first().is_some_and(|first| first == hit), "{query} {how}: {found} {hits:?}");
        }
        sync::rebuild(&site.context).await.expect("indexed");
        site.catalog.refresh().expect("readable");
    }
}
