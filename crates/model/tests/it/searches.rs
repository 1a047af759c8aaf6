//! Answers of searches, in all the forms that registries have given them.

use model::{Record, State, parse_hit_page, parse_record};
use serde_json::{Value, json};

use crate::{NOW, check};

const LIVE: &str = r#"{"objects":[{"downloads":{"monthly":32731392,"weekly":8525448},"dependents":"83903","updated":"2026-02-03T06:14:11.935Z","searchScore":1816.6842,
  "package":{"name":"vue","keywords":["vue"],"version":"3.5.27","description":"The progressive framework","sanitized_name":"vue",
   "publisher":{"username":"GitHub Actions","email":"x@example.com","actor":{"name":"yyx990803","type":"user","email":"y@example.com"},"trustedPublisher":{"oidcConfigId":"oidc:1","id":"github"}},
   "maintainers":[{"username":"yyx990803","email":"y@example.com"}],"license":"MIT","date":"2026-01-19T06:33:43.982Z",
   "links":{"homepage":"https://vue.example","repository":"git+https://github.com/vuejs/core.git","bugs":"https://github.com/vuejs/core/issues","npm":"https://www.npmjs.com/package/vue"}},
  "score":{"final":1816.6842,"detail":{"popularity":1,"quality":1,"maintenance":1}},"flags":{"insecure":0}}],
 "total":151264,"time":"2026-02-03T13:37:00.084Z"}"#;

/// The page's rows and total, and its hits as JSON.
fn page(json: &str) -> Value {
    let page = parse_hit_page(json.as_bytes(), NOW).unwrap_or_else(|error| panic!("{error}: {json}"));
    json!({ "rows": page.rows, "total": page.total, "hits": page.hits })
}

/// A page of one hit, and the same hit alone as a line of an import.
fn hit(package: &str, beside: &str) -> Value {
    let object = format!(r#"{{{beside}"package":{package}}}"#);
    let page = page(&format!(r#"{{"objects":[{object}],"total":1,"time":"x"}}"#));
    match parse_record(object.as_bytes(), NOW) {
        Ok(Record::SearchHit(seen)) => assert_eq!(json!(*seen), page["hits"][0], "{object}"),
        other => panic!("{other:?}: {object}"),
    }
    page["hits"][0].clone()
}

#[test]
fn a_live_answer() {
    let expected = [
        ("/rows", json!(1)),
        ("/total", json!(151_264)),
        ("/hits/0/name", json!("vue")),
        ("/hits/0/source", json!("search-hit")),
        ("/hits/0/observed_at", json!(NOW)),
        ("/hits/0/downloads", json!({"weekly": 8_525_448, "monthly": 32_731_392})),
        ("/hits/0/repository", json!("https://github.com/vuejs/core")),
        ("/hits/0/summary/version", json!("3.5.27")),
        ("/hits/0/summary/published_at", json!(1_768_804_423)),
        ("/hits/0/summary/publisher", json!("GitHub Actions")),
        ("/hits/0/summary/maintainers", json!(["yyx990803"])),
        ("/hits/0/summary/license", json!("MIT")),
        ("/hits/0/summary/homepage", json!("https://vue.example")),
        ("/hits/0/summary/bugs", json!("https://github.com/vuejs/core/issues")),
    ];
    check(LIVE, &page(LIVE), &expected);
    // As recorded in 2026 no row had a score, and as specified dependents are a number.
    let mut other: Value = serde_json::from_str(LIVE).expect("JSON");
    let row = other["objects"][0].as_object_mut().expect("a row");
    row.remove("score");
    row.insert("dependents".to_owned(), json!(83_903));
    let other = other.to_string();
    check(&other, &page(&other), &expected);
}

#[test]
fn rows_that_lack_things_or_have_them_otherwise() {
    for (package, beside, expected) in [
        (
            r#"{"name":"a","version":"1.0.0"}"#,
            "",
            vec![("/downloads", Value::Null), ("/summary/license", Value::Null), ("/repository", Value::Null)],
        ),
        (r#"{"name":"a"}"#, r#""downloads":null,"#, vec![("/downloads", Value::Null), ("/summary/version", Value::Null)]),
        (r#"{"name":"a"}"#, r#""downloads":{"weekly":7},"#, vec![("/downloads", json!({"weekly": 7, "monthly": null}))]),
        (r#"{"name":"a"}"#, r#""downloads":{"weekly":"7","monthly":-1},"#, vec![("/downloads", json!({"weekly": 7, "monthly": null}))]),
        (r#"{"name":"a","keywords":"x y"}"#, "", vec![("/summary/keywords", json!(["x", "y"]))]),
        (r#"{"name":"a","keywords":[]}"#, "", vec![("/summary/keywords", json!([]))]),
        (r#"{"name":"a","links":{}}"#, "", vec![("/repository", Value::Null), ("/summary/homepage", Value::Null)]),
        (
            r#"{"name":"a","links":null,"repository":{"url":"git://github.com/u/r.git"}}"#,
            "",
            vec![("/repository", json!("https://github.com/u/r"))],
        ),
        (r#"{"name":"a","links":{"homepage":"javascript:alert(1)"}}"#, "", vec![("/summary/homepage", Value::Null)]),
        (r#"{"name":"@s/a","scope":"s","author":{"name":"Jane"}}"#, r#""flags":{"unstable":true},"#, vec![("/name", json!("@s/a"))]),
        (
            r#"{"name":"a","date":"Wed Jan 25 2017 19:23:35 GMT+0000 (UTC)"}"#,
            r#""searchScore":100000.9,"#,
            vec![("/summary/published_at", Value::Null)],
        ),
        // As Verdaccio has it: almost a manifest, with the times inside.
        (
            r#"{"name":"private","version":"1.2.0","description":"ours","dist-tags":{"latest":"1.2.0"},"maintainers":[{"name":"jane","email":"j@example.com"}],
                "author":{"name":"Jane"},"repository":{"type":"git","url":"git@git.example.com:team/private.git"},"time":{"1.2.0":"2026-11-01T00:00:00.000Z"},
                "versions":{"1.2.0":"latest"},"users":{},"_id":"private","readmeFilename":"README.md","bugs":{"url":"https://git.example.com/bugs"},"homepage":"https://x.example"}"#,
            r#""score":{"final":1,"detail":{"maintenance":0,"popularity":1,"quality":1}},"verdaccioPkgCached":false,"searchScore":1,"#,
            vec![
                ("/name", json!("private")),
                ("/summary/version", json!("1.2.0")),
                ("/summary/maintainers", json!(["jane"])),
                ("/summary/homepage", json!("https://x.example")),
                ("/summary/bugs", json!("https://git.example.com/bugs")),
                ("/repository", json!("https://git.example.com/team/private")),
            ],
        ),
    ] {
        let read = hit(package, beside);
        check(package, &read, &expected);
    }
    let held = hit(r#"{"name":"a","version":"0.0.1-security"}"#, "");
    assert_eq!(held["state"], json!(State::SecurityHolding));
}

#[test]
fn whole_answers() {
    for (json, rows, names, total) in [
        (r#"{"objects":[],"total":0,"time":"2026-11-23T08:00:00.000Z"}"#, 0, vec![], json!(0)),
        (r#"{"objects":[],"total":0,"time":"Mon, 23 Nov 2026 08:00:00 GMT"}"#, 0, vec![], json!(0)),
        (r#"{"total":3}"#, 0, vec![], json!(3)),
        (r#"{"objects":[{"package":null},{"package":{"name":"a"}},null,[],{"package":{"name":""}}]}"#, 5, vec!["a"], Value::Null),
        // The same name twice, as pages shift: both are there, and of no harm.
        (r#"{"objects":[{"package":{"name":"a"}},{"package":{"name":"a"}}],"total":"2"}"#, 2, vec!["a", "a"], json!(2)),
    ] {
        let read = page(json);
        let found: Vec<&Value> = read["hits"].as_array().expect("hits").iter().map(|hit| &hit["name"]).collect();
        assert_eq!(found, names, "{json}");
        check(json, &read, &[("/rows", json!(rows)), ("/total", total)]);
    }
    for no_page in [
        r#"{"error":"The 'text' parameter must be between 2 and 64 characters","code":"ERR_TEXT_LENGTH"}"#,
        r#"{"objects":null,"total":1}"#,
        r#"{"objects":{},"total":1}"#,
        r#"{"time":"x"}"#,
        r#"{"objects":[{"package":{"name":"a"}}"#,
    ] {
        parse_hit_page(no_page.as_bytes(), NOW).expect_err(no_page);
    }
}
