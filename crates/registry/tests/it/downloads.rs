//! npm's downloads API, with its limits and its ways of saying no.

use std::collections::HashMap;

use model::{Day, DayCount, DayRange, PackageName};
use registry::{Config, DownloadsClient, Layer, SINGLE_DAYS};
use testkit::{DownloadFaults, FakeDownloads, FakeRegistry, VirtualClock, count_of};

fn name(text: &str) -> PackageName {
    PackageName::parse(text).expect("a name")
}

fn range(first: &str, last: &str) -> DayRange {
    DayRange { first: Day::parse(first).expect("a day"), last: Day::parse(last).expect("a day") }
}

fn client(url: &str, npmrc: &str) -> DownloadsClient {
    let layer = Layer { path: ".npmrc".into(), text: npmrc.to_owned() };
    let config = Config::from_layers(&[layer], &HashMap::new(), None).expect("readable");
    DownloadsClient::new(&config, Some(url)).expect("a client")
}

#[tokio::test]
async fn ranges_are_what_the_answer_says() {
    let now = range("2026-11-24", "2026-11-24").first.start_seconds();
    let api = FakeDownloads::start(VirtualClock::at(now), DownloadFaults::default()).await;
    let client = client(&api.url(), "");
    let asked = range("2015-01-10", "2026-10-31");
    let counted = client.range(&name("@scope/package-1"), asked).await.expect("counts");
    assert_eq!(counted.series.range(), DayRange::ending(asked.last, SINGLE_DAYS), "the beginning is cut off without a word");
    let right = counted.series.iter().all(|(day, count)| count == DayCount::Known(count_of("@scope/package-1", day)));
    assert!(right, "every day");
    let whole = client.whole_registry(range("2026-10-01", "2026-10-31")).await.expect("counts");
    assert_eq!((whole.package, whole.series.days.len()), (None, 31));
    let unknown = (0..1_000).map(|number| format!("package-{number}")).find(|name| !api.has_counts(name)).expect("one in sixty");
    let names = [name("package-2"), name(&unknown), name("dots..30"), name("JSON.stream-9")];
    let all = client.bulk_range(&names, range("2026-10-01", "2026-10-31")).await.expect("counts");
    assert_eq!(
        (all.len(), all[&names[1]].is_none(), all.contains_key(&names[2])),
        (3, true, false),
        "what is about the whole registry is about nobody"
    );
    assert_eq!(all[&names[0]].as_ref().map(|counted| counted.series.days.len()), Some(31));
    let alone = client.bulk_range(&names[1..2], range("2026-10-01", "2026-10-31")).await.expect("an answer");
    assert_eq!(alone, HashMap::from([(names[1].clone(), None)]));
    assert!(client.range(&names[1], range("2026-10-01", "2026-10-31")).await.expect_err("unknown").is_not_found());
    let error = client.range(&names[2], range("2026-10-01", "2026-10-31")).await.expect_err("another's");
    assert!(error.to_string().contains("it is not about dots..30"), "{error}");
    let versions = client.versions(&name("@scope/package-1")).await.expect("counts");
    assert_eq!(versions.iter().map(|(version, _)| version.as_str()).collect::<Vec<_>>(), ["1.0.0", "2.0.0-rc.1+build"]);
    assert_eq!(api.violations(), Vec::<String>::new());
    for _ in 0..40 {
        let _ = client.versions(&name("package-2")).await;
    }
    let error = client.versions(&name("package-2")).await.expect_err("too often");
    assert!(error.is_rate_limited() && !api.violations().is_empty());
}

#[tokio::test]
async fn what_it_answers_besides() {
    let server = FakeRegistry::start().await;
    let token = format!("registry={}/\n//{}/:_authToken=canary\n", server.url(), server.url().trim_start_matches("http://"));
    let client = client(&server.url(), &token);
    let days = range("2026-11-16", "2026-11-16");
    let path = "/downloads/range/2026-11-16:2026-11-16/a";
    let check = async |status: u16, body: &str, expected: &str| {
        server.set_answer(path, status, vec![], body.to_owned());
        let error = client.range(&name("a"), days).await.expect_err("no counts").to_string();
        assert!(error.contains(expected) && error.len() < 400 && !error.contains("canary"), "{status} {body}: {error}");
    };
    check(200, r#"{"error":"package a not found"}"#, "package a not found").await;
    check(404, r#"{"error":"package a not found"}"#, "does not exist").await;
    check(403, "<html>Sorry, you have been blocked</html>", "403").await;
    check(429, "<html>error 1015</html>", "429").await;
    check(522, "", "522").await;
    check(302, "", "302").await;
    check(200, "", "something else").await;
    check(200, r#"{"downloads":[],"start":"2026-11-16","end":"2026-11-16"}"#, "it is not about a").await;
    check(200, r#"{"downloads":[],"start":"2026-11-16","end":"2026-11-16","package":"b"}"#, "it is not about a").await;
    server.set_answer(
        "/downloads/range/2026-11-16:2026-11-16",
        200,
        vec![],
        r#"{"downloads":[],"start":"2026-11-16","end":"2026-11-16","package":"b"}"#,
    );
    assert!(client.whole_registry(days).await.expect_err("a package").to_string().contains("it is about a package"));
    server.set_answer(path, 200, vec![], vec![b' '; 17 << 20]);
    assert!(client.range(&name("a"), days).await.expect_err("too much").to_string().contains("larger than"));
    assert!(server.requests().iter().all(|request| request.authorization.is_none()), "the token is the registry's");
}
