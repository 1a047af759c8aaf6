//! Charts, badges, and what sites that embed them are told.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use model::{Day, DayCount, PackageName, Series};
use serde_json::Value;
use store::{VersionWeek, WHOLE_REGISTRY};

use crate::html;
use crate::site::{BARE, NOW, Site, VUE, documents, header, hit};

/// The last day that is counted.
const COUNTED: &str = "2026-11-21";

/// `sample-lib` has 800 days, two of them holes, `vue` has 30, and `constructor` none.
pub(crate) async fn site() -> Site {
    let site = Site::offline(&[VUE, BARE]).await;
    site.import(&documents("https://registry.example")).await;
    let last = Day::parse(COUNTED).expect("a day");
    let series = |days: i32, count: &dyn Fn(i32) -> DayCount| Series { first: last - days + 1, days: (0..days).map(count).collect() };
    let known = |count: i32| DayCount::Known(u64::from(count.unsigned_abs()));
    let sample = series(800, &|at| if at == 700 || at == 701 { DayCount::Hole } else { known(1_000 + at) });
    let pieces = [
        (id(&site, "sample-lib").await, sample),
        (id(&site, "vue").await, series(30, &|at| known(1_000_000 + at * 1_000))),
        (WHOLE_REGISTRY, series(800, &|_| known(1_000_000_000))),
    ];
    site.context.store.put_days(&pieces, NOW).await.expect("stored");
    site
}

async fn id(site: &Site, name: &str) -> i64 {
    site.context.store.by_name(&PackageName::parse(name).expect("a name")).await.expect("read").expect("stored").id
}

#[tokio::test]
async fn json_csv_and_picture_say_the_same() {
    let site = site().await;
    let query = "p=sample-lib&p=vue&from=2026-10-26&step=week";
    let data = site.json(&format!("/chart/downloads.json?{query}")).await;
    assert_eq!((&data["as_of"], &data["from"], &data["to"]), (&"2026-11-21".into(), &"2026-10-26".into(), &"2026-11-21".into()));
    assert_eq!((&data["step"], &data["scale"], &data["show"]), (&"week".into(), &"linear".into(), &"total".into()));
    let periods = data["periods"].as_array().expect("periods");
    assert_eq!(periods.len(), 4, "{periods:?}");
    assert_eq!((&periods[3]["last"], &periods[3]["is_finished"]), (&"2026-11-21".into(), &false.into()), "the last week is cut");
    let sample = &data["series"][0];
    assert_eq!((&sample["name"], &sample["package"], &sample["as_of"]), (&"sample-lib".into(), &"sample-lib".into(), &"2026-11-21".into()));
    // Days 773 to 779 of 800.
    assert_eq!(sample["values"][0], Value::from((773..780).map(|at| 1_000 + at).sum::<i64>()));
    assert_eq!(sample["known_days"], serde_json::json!([7, 7, 7, 6]));
    assert_eq!(data["gaps"], serde_json::json!([]));

    let (status, headers, csv) = site.get(&format!("/chart/downloads.csv?{query}")).await;
    assert_eq!((status, header(&headers, "content-type")), (StatusCode::OK, "text/csv; charset=utf-8"));
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "first,last,finished,sample-lib,sample-lib known days,sample-lib lost days,vue,vue known days,vue lost days");
    assert_eq!(lines[1], format!("2026-10-26,2026-11-01,true,{},7,0,{},7,0", sample["values"][0], data["series"][1]["values"][0]));
    assert_eq!((lines.len(), lines[4].split(',').nth(2)), (5, Some("false")));

    let svg = site.get(&format!("/chart/downloads.svg?{query}&width=360&height=300&theme=dark")).await.2;
    assert!(svg.contains("Downloads of sample-lib and vue</title>") && svg.contains("viewBox=\"0 0 360 300\""), "{svg}");
    assert!(svg.contains("line part"), "the week that is not finished is dashed: {svg}");
}

#[tokio::test]
async fn holes_are_gaps_and_what_is_not_known_is_not_zero() {
    let site = site().await;
    let data = site.json("/chart/downloads.json?p=sample-lib&from=2026-08-01&step=day").await;
    assert_eq!(data["gaps"], serde_json::json!([{"first": "2026-08-14", "last": "2026-08-15", "why": "npm has no counts"}]));
    let values = data["series"][0]["values"].as_array().expect("values");
    assert_eq!((&values[12], &values[13], &values[14], &values[15]), (&1_699.into(), &Value::Null, &Value::Null, &1_702.into()));
    let svg = site.get("/chart/downloads.svg?p=sample-lib&from=2026-08-01&step=day").await.2;
    assert_eq!(svg.matches("<path class=\"line\"").count(), 1);
    let path = svg.split("<path class=\"line\"").nth(1).and_then(|rest| rest.split(" d=\"").nth(1)?.split('"').next()).expect("a line");
    assert_eq!(path.matches('M').count(), 2, "{path}");

    let data = site.json("/chart/downloads.json?p=sample-lib&from=2024-01-01&step=month").await;
    assert_eq!(data["gaps"][0]["why"], "not read from npm yet");
    assert_eq!(data["series"][0]["values"][0], Value::Null);
    let page = site.page("/chart?p=constructor", StatusCode::OK).await;
    assert!(page.contains("No counts in this range") && page.contains("No counts yet"), "{page}");
}

#[tokio::test]
async fn shares_growth_and_indices() {
    let site = site().await;
    let of = |show: &'static str| {
        let site = &site;
        async move {
            site.json(&format!("/chart/downloads.json?p=sample-lib&from=2026-11-02&to=2026-11-15&step=week&show={show}")).await["series"][0]
                ["values"]
                .clone()
        }
    };
    // 1,780 and 1,787 on the Mondays.
    assert_eq!(of("total").await, serde_json::json!([12_481, 12_530]));
    assert_eq!(of("indexed").await, serde_json::json!([100, 12_530.0 / 12_481.0 * 100.0]));
    let share = of("share").await;
    assert!((share[0].as_f64().expect("a number") - 12_481.0 / 7e9 * 100.0).abs() < 1e-12, "{share}");
    let growth = of("growth").await;
    assert!((growth[1].as_f64().expect("a number") - (12_530.0 / 12_481.0 - 1.0) * 100.0).abs() < 1e-9, "{growth}");
    let user = site.json("/chart/downloads.json?u=jane&show=stacked&step=month&from=2026-09-15").await;
    assert!(user["series"].as_array().is_some_and(|series| !series.is_empty()), "{user}");
    assert_eq!((&user["from"], &user["title"]), (&"2026-09-01".into(), &"Downloads of the packages of @jane, on each other".into()));
}

#[tokio::test]
async fn versions_in_use() {
    let site = site().await;
    let id = id(&site, "sample-lib").await;
    let week = |last: &str, factor: u64| {
        let counts = (0..12).map(|minor| (format!("1.{minor}.0"), factor)).chain([("2.0.0".to_owned(), 100 * factor)]).collect();
        VersionWeek { last: Day::parse(last).expect("a day"), counts }
    };
    // The second reaches into the third, and its days are not counted twice.
    for week in [week("2026-11-05", 1), week("2026-11-16", 7), week("2026-11-19", 2)] {
        site.context.store.put_version_downloads(id, &week).await.expect("stored");
    }
    let data = site.json("/chart/downloads.json?p=sample-lib&show=versions").await;
    let lasts: Vec<&Value> = data["periods"].as_array().expect("periods").iter().map(|period| &period["last"]).collect();
    assert_eq!(lasts, ["2026-11-05", "2026-11-19"]);
    let lines: Vec<(&Value, &Value)> =
        data["series"].as_array().expect("series").iter().map(|line| (&line["name"], &line["values"])).collect();
    assert_eq!(lines, [(&"2.x".into(), &serde_json::json!([100, 200])), (&"1.x".into(), &serde_json::json!([12, 24]))]);
    assert!(site.page("/chart?p=sample-lib&show=versions", StatusCode::OK).await.contains("7 days to 19 Nov 2026"));
}

#[tokio::test]
async fn bad_requests_are_explained() {
    let site = site().await;
    let check = |query: &'static str, status: StatusCode, part: &'static str| {
        let site = &site;
        async move {
            for file in ["svg", "csv", "json"] {
                if part.contains("pixels") && file != "svg" {
                    continue;
                }
                let (answered, headers, body) = site.get(&format!("/chart/downloads.{file}?{query}")).await;
                assert_eq!((answered, header(&headers, "content-type")), (status, "application/json"), "{query}: {body}");
                assert!(body.contains(part), "{query}: {body}");
            }
        }
    };
    check("", StatusCode::BAD_REQUEST, "name packages").await;
    check("p=..", StatusCode::BAD_REQUEST, "no name of a package").await;
    check("p=vue&step=hour", StatusCode::BAD_REQUEST, "day, week, month or year").await;
    check("p=vue&from=yesterday", StatusCode::BAD_REQUEST, "2026-11-21").await;
    check("p=vue&width=wide", StatusCode::BAD_REQUEST, "pixels").await;
    check("p=no-such-lib", StatusCode::NOT_FOUND, "not known here: no-such-lib").await;
    check("u=nobody", StatusCode::NOT_FOUND, "/@nobody").await;
    let page = site.page("/chart?p=vue&scale=cubic", StatusCode::BAD_REQUEST).await;
    assert!(page.contains("linear or log"), "{page}");
    site.page("/chart?p=no-such-lib", StatusCode::NOT_FOUND).await;
    let some = site.page("/chart?p=no-such-lib&p=vue", StatusCode::OK).await;
    assert!(some.contains("Not known here: no-such-lib"), "{some}");
    for path in ["/badge/downloads/hour/vue.svg", "/badge/size/vue.svg", "/badge/rank/vue", "/badge/rank"] {
        assert_eq!(site.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/badge/rank/..svg", "/badge/rank/vue.svg?colour=url(x)", "/badge/rank/vue.svg?style=wavy", "/badge/user/week/a%20b.svg"] {
        assert_eq!(site.get(path).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
    let long = format!("/badge/rank/vue.svg?label={}", "x".repeat(61));
    assert_eq!(site.get(&long).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_too_much_to_add_up_is_refused() {
    let lines: Vec<String> = (0..1_000).map(|at| hit(&format!("many-{at}"), "mary", 1, "2024-01-01T00:00:00.000Z").to_string()).collect();
    let site = Site::offline(&lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (status, _, body) = site.get("/chart/downloads.json?u=mary&from=2015-01-10&step=day").await;
    assert!(status == StatusCode::BAD_REQUEST && body.contains("1000 packages") && body.contains("step=month"), "{status} {body}");
    assert_eq!(site.get("/chart/downloads.json?u=mary&from=2015-01-10&step=month").await.0, StatusCode::OK);
}

#[tokio::test]
async fn pages_are_whole() {
    let site = site().await;
    for query in [
        "p=sample-lib",
        "p=sample-lib&p=vue&scale=log",
        "p=sample-lib&show=versions",
        "p=sample-lib,vue,constructor&show=share&step=day",
        "u=jane&show=stacked",
        "u=jane",
    ] {
        let address = format!("/chart?{query}");
        let page = site.page(&address, StatusCode::OK).await;
        for link in html::check(&address, &page)
            .iter()
            .filter(|link| link.starts_with("/chart") && link.contains('?') || link.starts_with("/oembed"))
        {
            let (status, _, body) = site.get(link).await;
            assert_eq!(status, StatusCode::OK, "{address} leads to {link}: {body:.200}");
        }
        assert!(page.contains("<caption>") && page.contains("Counts to 21 Nov 2026") || query.contains("versions"), "{page}");
    }
}

#[tokio::test]
async fn badges_say_what_is_known() {
    let site = site().await;
    let check = |path: &'static str, status: StatusCode, said: &'static str| {
        let site = &site;
        async move {
            let (answered, headers, svg) = site.get(path).await;
            assert_eq!((answered, header(&headers, "content-type")), (status, "image/svg+xml"), "{path}: {svg}");
            let title = svg.split("<title>").nth(1).and_then(|rest| rest.split('<').next()).expect("a title");
            assert_eq!(title, said, "{path}");
        }
    };
    check("/badge/downloads/day/sample-lib.svg", StatusCode::OK, "downloads: 1.7k a day").await;
    check("/badge/downloads/week/sample-lib.svg", StatusCode::OK, "downloads: 12k a week").await;
    check("/badge/downloads/year/sample-lib.svg", StatusCode::OK, "downloads: 586k a year").await;
    check("/badge/downloads/year/vue.svg", StatusCode::OK, "downloads: 30M a year (30 of 365 days)").await;
    check("/badge/downloads/week/constructor.svg", StatusCode::OK, "downloads: unknown").await;
    check("/badge/downloads/week/no-such-lib.svg", StatusCode::NOT_FOUND, "npm: not found").await;
    check("/badge/version/sample-lib.svg", StatusCode::OK, "npm: v2.1.0").await;
    check("/badge/version/@scope/thing.svg?label=%3Cb%3E", StatusCode::OK, "&lt;b&gt;: v1.0.0").await;
    check("/badge/trend/sample-lib.svg", StatusCode::OK, "trend: +2% in 30 days").await;
    check("/badge/rank/constructor.svg", StatusCode::OK, "downloads rank: unknown").await;
    check("/badge/user/month/jane.svg?style=large&colour=0af", StatusCode::OK, "@jane downloads: 53k a month (1 of 9 packages)").await;
    check("/badge/user/month/nobody.svg", StatusCode::NOT_FOUND, "npm: not found").await;
}

#[tokio::test]
async fn sites_are_told_how_to_embed() {
    let site = site().await;
    let ask = |query: String| {
        let site = &site;
        async move {
            let request = Request::get(format!("/oembed?{query}")).header("host", "stats.example").body(Body::empty()).expect("a request");
            let (status, _, body) = site.send(request).await;
            (status, serde_json::from_str::<Value>(&body).expect("JSON"))
        }
    };
    for url in [
        "https%3A%2F%2Fstats.example%2Fchart%3Fp%3Dsample-lib%26step%3Dweek",
        "https%3A%2F%2Fstats.example%2Fpkg%3Asample-lib%402.1.0%3Fstep%3Dweek",
        "https%3A%2F%2Fstats.example%2Fcompare%3Fp%3Dsample-lib%26step%3Dweek",
    ] {
        let (status, embed) = ask(format!("url={url}&maxwidth=500")).await;
        assert_eq!((status, &embed["type"], &embed["version"]), (StatusCode::OK, &"rich".into(), &"1.0".into()), "{embed}");
        assert_eq!(
            (&embed["width"], &embed["height"], &embed["provider_url"]),
            (&500.into(), &400.into(), &"https://stats.example/".into())
        );
        assert_eq!(
            embed["html"],
            "<a href=\"https://stats.example/chart?p=sample-lib&amp;step=week\"><img src=\"https://stats.example/chart/downloads.svg?p=sample-lib&amp;step=week&amp;width=500&amp;height=400\" \
             width=\"500\" height=\"400\" alt=\"Downloads of sample-lib\"></a>"
        );
    }
    assert_eq!(ask("url=https%3A%2F%2Felsewhere.example%2Fchart%3Fp%3Dsample-lib".to_owned()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask("url=https%3A%2F%2Fstats.example%2Fabout".to_owned()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask("url=%2Fchart%3Fp%3Dsample-lib&format=xml".to_owned()).await.0, StatusCode::NOT_IMPLEMENTED);
    assert_eq!(ask("url=%2Fchart%3Fp%3Dsample-lib".to_owned()).await.0, StatusCode::OK);
    let hostile = Request::get("/oembed?url=%2Fchart%3Fp%3Dsample-lib").header("host", "a\"><b>").body(Body::empty()).expect("a request");
    assert_eq!(site.send(hostile).await.0, StatusCode::NOT_FOUND);
    for address in ["/pkg:sample-lib", "/compare?p=sample-lib"] {
        assert!(site.page(address, StatusCode::OK).await.contains("application/json+oembed"), "{address}");
    }
    // What cannot be drawn is said, and the usual chart is there instead.
    for address in ["/pkg:sample-lib?step=fortnight", "/pkg:sample-lib?show=growth&scale=log", "/compare?p=sample-lib&step=fortnight"] {
        let page = site.page(address, StatusCode::OK).await;
        assert!(page.contains("<svg") && (page.contains("step=fortnight is not known") || page.contains("use scale=linear")), "{address}");
    }
    let page = site.page("/chart?p=sample-lib", StatusCode::OK).await;
    assert!(page.contains("type=\"application/json+oembed\" href=\"/oembed?url=/chart%3Fp%3Dsample-lib\""), "{page}");
}
