//! Pages and their JSON: status and content.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use testkit::{Fault, Lists};

use crate::html::{self, unescape};
use crate::site::{BARE, Site, VUE, documents, header, hit, registry};

fn has(page: &str, address: &str, wanted: &[&str]) {
    for text in wanted {
        assert!(page.contains(text), "{address} lacks {text:?}:\n{page}");
    }
}

fn lacks(page: &str, address: &str, unwanted: &[&str]) {
    for text in unwanted {
        assert!(!page.contains(text), "{address} has {text:?}:\n{page}");
    }
}

#[tokio::test]
async fn a_package_with_details() {
    let registry = registry().await;
    let site =
        Site::live(&[r#"{"package":{"name":"sample-lib","date":"2026-10-30T00:00:00.000Z"},"downloads":{"monthly":4321000}}"#], &registry)
            .await;
    for _ in 0..2 {
        let (status, headers, page) = site.get("/pkg:sample-lib").await;
        assert_eq!((status, header(&headers, "cache-control")), (StatusCode::OK, "public, max-age=60, stale-while-revalidate=600"));
        has(
            &page,
            "/pkg:sample-lib",
            &[
                "<b>2.1.0</b>",
                "published <time datetime=\"2025-03-04T05:06:07Z\"",
                "Apache-2.0",
                "Samples &#38; &#60;examples&#62;",
                "npm install sample-lib",
                "pnpm add sample-lib",
                "4,321,000",
                "How to use it",
                "<img src=\"/img/",
                "href=\"/@jane\"",
                "href=\"/@joe\"",
                "href=\"/pkg:@scope/thing\"",
                "href=\"/pkg:left-pad\"",
                "href=\"/pkg:react\"",
                "href=\"/pkg:tap\"",
                "node build.js",
                "href=\"https://github.com/jane/sample-lib\"",
                "?versions=all#versions\">All 28 versions</a>",
                "href=\"/pkg:sample-lib@3.0.0-beta.1\"",
                "href=\"/api/v1/packages/sample-lib\"",
            ],
        );
        lacks(&page, "/pkg:sample-lib", &["published <time datetime=\"2026-10-30", "jane@mail.example", "noindex", "attacker"]);
    }
    assert_eq!(registry.count("/sample-lib"), 1, "what is stored is not asked for again");
    let all = site.page("/pkg:sample-lib?versions=all", StatusCode::OK).await;
    assert_eq!(all.matches("<th scope=\"row\"><a href=\"/pkg:sample-lib@").count(), 28);

    let (status, headers, old) = site.get("/pkg:sample-lib@1.0.0").await;
    assert_eq!((status, header(&headers, "cache-control")), (StatusCode::OK, "public, max-age=60, stale-while-revalidate=600"));
    has(
        &old,
        "1.0.0",
        &["<b>1.0.0</b>", "see the latest", "MIT", "npm install sample-lib@1.0.0", "How it was once", "2020-02-02T00:00:00Z", "noindex"],
    );
    lacks(&old, "1.0.0", &["How to use it", "left-pad"]);
    for (tag, version) in [("latest", "2.1.0"), ("beta", "3.0.0-beta.1")] {
        let (status, headers, _) = site.get(&format!("/pkg:sample-lib@{tag}")).await;
        assert_eq!((status, header(&headers, "location")), (StatusCode::FOUND, format!("/pkg:sample-lib@{version}").as_str()), "{tag}");
        let (status, headers, _) = site.get(&format!("/api/v1/packages/sample-lib@{tag}")).await;
        assert_eq!(
            (status, header(&headers, "location")),
            (StatusCode::FOUND, format!("/api/v1/packages/sample-lib@{version}").as_str()),
            "{tag}"
        );
    }
    let page = site.page("/pkg:sample-lib@9.9.9", StatusCode::NOT_FOUND).await;
    has(&page, "9.9.9", &["no version or tag 9.9.9", "latest 2.1.0", "href=\"/pkg:sample-lib\""]);
    assert_eq!(site.get("/api/v1/packages/sample-lib@9.9.9").await.0, StatusCode::NOT_FOUND);

    let json = site.json("/api/v1/packages/sample-lib").await;
    assert_eq!(
        (&json["version"], &json["published"], &json["modified"]),
        (&json!("2.1.0"), &json!("2025-03-04T05:06:07Z"), &json!("2026-10-30T00:00:00Z"))
    );
    assert_eq!(
        (json["versions"].as_array().map(Vec::len), &json["readme_state"], &json["maintainers"]),
        (Some(28), &json!("rendered"), &json!(["jane", "joe"]))
    );
    assert_eq!(site.json("/api/v1/packages/sample-lib@1.0.0").await["license"], "MIT");
}

#[tokio::test]
async fn what_is_known_of_a_package_decides_its_status() {
    let registry = registry().await;
    let names = ["listed-lib", "vanished-lib", "failing-lib", "gone-lib", "held-lib"];
    let lines = names.map(|name| format!(r#"{{"package":{{"name":"{name}"}}}}"#));
    let site = Site::live(&lines.each_ref().map(String::as_str), &registry).await;
    registry.fail("/failing-lib", std::iter::repeat_n(Fault::Status(503, vec![], String::new()), 8));
    registry.fail("/unreachable-lib", std::iter::repeat_n(Fault::Status(503, vec![], String::new()), 8));
    for (name, status, policy, says) in [
        (
            "listed-lib",
            200,
            "public, max-age=60, stale-while-revalidate=600",
            vec!["<b>1.0.0</b>", "Words of this package", "2020-01-02T00:00:00Z"],
        ),
        ("fresh-lib", 200, "public, max-age=60, stale-while-revalidate=600", vec!["<b>1.0.0</b>", "Words of this package"]),
        ("@scope/thing", 200, "public, max-age=60, stale-while-revalidate=600", vec!["<h1>@scope/thing</h1>", "npm install @scope/thing"]),
        ("vanished-lib", 404, "no-store", vec!["has no package vanished-lib any more", "list of names"]),
        ("failing-lib", 200, "no-store", vec!["<h1>failing-lib</h1>", "could not be asked", "npm install failing-lib"]),
        ("gone-lib", 410, "public, max-age=60, stale-while-revalidate=600", vec!["Unpublished", "0.0.1, 0.0.2", "14 Jan 2022", "noindex"]),
        (
            "held-lib",
            200,
            "public, max-age=60, stale-while-revalidate=600",
            vec!["Security holding package", "Do not install it", "noindex"],
        ),
        ("listed-libb", 404, "no-store", vec!["No such package", "Did you mean", "href=\"/pkg:listed-lib\""]),
        ("unreachable-lib", 503, "no-store", vec!["Not known here", "503"]),
    ] {
        let address = format!("/pkg:{name}");
        let (answered, headers, page) = site.get(&address).await;
        assert_eq!((answered.as_u16(), header(&headers, "cache-control")), (status, policy), "{name}: {page}");
        assert_eq!(headers.contains_key("retry-after"), status == 503, "{name}");
        has(&page, &address, &says);
        html::check(&address, &page);
        let (answered, _, body) = site.get(&format!("/api/v1/packages/{name}")).await;
        assert_eq!(answered.as_u16(), status, "{name} as JSON: {body}");
        let json: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(json["name"] == *name, matches!(status, 200 | 410), "{json}");
    }
    for name in ["gone-lib", "held-lib"] {
        lacks(&site.get(&format!("/pkg:{name}")).await.2, name, &["npm install"]);
    }
    assert_eq!((registry.count("/listed-libb"), registry.count("/vanished-lib")), (1, 1), "that a package does not exist is remembered");
}

#[tokio::test]
async fn a_page_waits_for_the_registry_and_then_says_so() {
    let registry = registry().await;
    let site = Site::live(&[r#"{"package":{"name":"slow-lib"}}"#], &registry).await;
    for path in ["/slow-lib", "/unknown-slow-lib"] {
        registry.fail(path, [Fault::Hang, Fault::Hang, Fault::Hang]);
    }
    let (listed, unknown) = tokio::join!(site.get("/pkg:slow-lib"), site.get("/pkg:unknown-slow-lib"));
    let (status, headers, page) = listed;
    assert_eq!((status, header(&headers, "cache-control")), (StatusCode::OK, "no-store"));
    has(&page, "/pkg:slow-lib", &["<h1>slow-lib</h1>", "The registry is being asked"]);
    let (status, headers, page) = unknown;
    assert_eq!(
        (status, header(&headers, "cache-control"), header(&headers, "retry-after")),
        (StatusCode::SERVICE_UNAVAILABLE, "no-store", "5")
    );
    has(&page, "/pkg:unknown-slow-lib", &["is being asked", "data-reload"]);
    assert_eq!((registry.count("/slow-lib"), registry.count("/unknown-slow-lib")), (1, 1));
}

#[tokio::test]
async fn unknown_names_are_asked_for_within_a_budget() {
    let registry = registry().await;
    let site = Site::live(&[BARE], &registry).await;
    let mut statuses = Vec::new();
    for number in 0..12 {
        let (status, headers, _) = site.get(&format!("/api/v1/packages/nobody-has-this-{number}")).await;
        assert_eq!(headers.contains_key("retry-after"), status == StatusCode::SERVICE_UNAVAILABLE);
        statuses.push(status);
    }
    assert_eq!(statuses[..4], [StatusCode::NOT_FOUND; 4]);
    assert!(statuses[4..].contains(&StatusCode::SERVICE_UNAVAILABLE), "{statuses:?}");
    assert!(statuses.iter().all(|status| [404, 503].contains(&status.as_u16())), "{statuses:?}");
    let asked = registry.requests().iter().filter(|request| request.path.starts_with("/nobody-has-this-")).count();
    assert_eq!(asked, statuses.iter().filter(|status| **status == StatusCode::NOT_FOUND).count());
}

#[tokio::test]
async fn names_that_break_programs() {
    let registry = registry().await;
    let site = Site::live(&[], &registry).await;
    let names = ["JSONStream", "constructor", "__proto__", "@types/node", "-"];
    for name in names {
        let address = format!("/pkg:{name}");
        while site.get(&address).await.0 == StatusCode::SERVICE_UNAVAILABLE {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let page = site.page(&address, StatusCode::OK).await;
        has(&page, &address, &[&format!("<h1>{name}</h1>"), "Words of this package"]);
        html::check(&address, &page);
        assert_eq!(site.json(&format!("/api/v1/packages/{name}")).await["name"], name);
    }
    let page = site.page("/pkg:-", StatusCode::OK).await;
    has(&page, "/pkg:-", &["npm install -- -"]);
    let mut other = site.get("/pkg:jsonstream").await.0;
    while other == StatusCode::SERVICE_UNAVAILABLE {
        tokio::time::sleep(Duration::from_millis(100)).await;
        other = site.get("/pkg:jsonstream").await.0;
    }
    assert_eq!(other, StatusCode::NOT_FOUND, "names are told apart by case");
    assert_eq!(site.page("/pkg:@types%2Fnode", StatusCode::OK).await, site.page("/pkg:@types/node", StatusCode::OK).await);
}

#[tokio::test]
async fn offline_pages_say_so() {
    let site = Site::offline(&[VUE, BARE]).await;
    for (path, status, says) in [
        ("/pkg:vue", 200, vec!["<b>3.5.27</b>", "This server is offline", "The progressive framework", "8,525,448", "href=\"/@evan\""]),
        ("/pkg:constructor", 200, vec!["<h1>constructor</h1>", "This server is offline"]),
        ("/pkg:vue@3.5.27", 200, vec!["<b>3.5.27</b>"]),
        ("/pkg:vue@3.0.0", 503, vec!["only the latest version is known", "latest 3.5.27"]),
        ("/pkg:vuee", 503, vec!["Not known here", "offline", "Did you mean", "href=\"/pkg:vue\""]),
        ("/@evan", 200, vec!["offline", "href=\"/pkg:vue\""]),
        ("/@vuejs", 200, vec!["Packages from repositories of vuejs"]),
        ("/@nobody-at-all", 503, vec!["No package is known", "offline"]),
    ] {
        let (answered, headers, page) = site.get(path).await;
        assert_eq!((answered.as_u16(), header(&headers, "cache-control")), (status, "no-store"), "{path}: {page}");
        has(&page, path, &says);
        html::check(path, &page);
    }
    for (path, status) in
        [("/api/v1/packages/vue", 200), ("/api/v1/packages/vuee", 503), ("/api/v1/users/evan", 200), ("/api/v1/users/nobody", 503)]
    {
        assert_eq!(site.get(path).await.0.as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn users() {
    let registry = registry().await;
    let mine = [
        hit("alpha", "jane", 100, "2024-01-01T00:00:00.000Z"),
        hit("beta", "jane", 3_000, "2023-01-01T00:00:00.000Z"),
        hit("gamma", "jane", 20, "2025-01-01T00:00:00.000Z"),
    ];
    registry.set_user("jane", mine.to_vec());
    // A user with two pages of packages.
    registry
        .set_user("busy", (0..130).map(|number| hit(&format!("busy-{number:03}"), "busy", number, "2024-01-01T00:00:00.000Z")).collect());
    let scoped = hit("@jane/tool", "someone", 7_000_000, "2024-01-01T00:00:00.000Z").to_string();
    let owned = hit("forked", "jane", 5_000_000, "2024-01-01T00:00:00.000Z")
        .to_string()
        .replace("\"username\":\"jane\"", "\"username\":\"another\"");
    let site = Site::live(&[&scoped, &owned], &registry).await;

    let page = site.page("/@jane", StatusCode::OK).await;
    html::check("/@jane", &page);
    has(
        &page,
        "/@jane",
        &[
            "<b>3</b> of 3 packages",
            ">3,120</b> downloads a month",
            "Packages in the scope @jane",
            "Packages from repositories of jane",
            "not counted above",
        ],
    );
    let (theirs, others) = page.split_once("Packages in the scope").expect("two parts");
    lacks(theirs, "/@jane", &["@jane/tool", "forked"]);
    has(others, "/@jane", &["href=\"/pkg:@jane/tool\"", "href=\"/pkg:forked\""]);
    let order = |page: &str| -> Vec<String> {
        let part = page.split("<tbody>").nth(1).and_then(|rest| rest.split("</tbody>").next()).unwrap_or_default();
        part.split("<th scope=\"row\"><a href=\"/pkg:").skip(1).filter_map(|rest| Some(rest.split('"').next()?.to_owned())).collect()
    };
    for (sort, expected) in [
        ("", ["beta", "alpha", "gamma"]),
        ("?sort=downloads", ["beta", "alpha", "gamma"]),
        ("?sort=name", ["alpha", "beta", "gamma"]),
        ("?sort=published", ["gamma", "alpha", "beta"]),
        ("?sort=nonsense", ["beta", "alpha", "gamma"]),
    ] {
        assert_eq!(order(&site.page(&format!("/@jane{sort}"), StatusCode::OK).await), expected, "{sort}");
    }
    let json = site.json("/api/v1/users/jane?sort=name&size=2&from=1").await;
    assert_eq!(json["packages"].as_array().expect("packages").iter().map(|one| &one["name"]).collect::<Vec<_>>(), ["beta", "gamma"]);
    assert_eq!((&json["total"], &json["downloads"]["monthly"], &json["scope"]["total"]), (&json!(3), &json!(3_120), &json!(1)));
    assert_eq!(site.get("/api/v1/users/jane?sort=nonsense").await.0, StatusCode::BAD_REQUEST);

    let first = site.page("/@busy?sort=name", StatusCode::OK).await;
    has(&first, "/@busy", &["rel=\"next\" href=\"/@busy?sort=name&amp;skip=100\"", "busy-099"]);
    lacks(&first, "/@busy", &["busy-100", "rel=\"prev\""]);
    let second = site.page("/@busy?sort=name&skip=100", StatusCode::OK).await;
    has(&second, "/@busy", &["busy-100", "busy-129", "rel=\"prev\" href=\"/@busy?sort=name&amp;skip=0\""]);
    lacks(&second, "/@busy", &["rel=\"next\"", "busy-099"]);
    html::check("/@busy", &second);
    let beyond = site.page("/@busy?skip=5000", StatusCode::OK).await;
    html::check("/@busy?skip=5000", &beyond);

    let (status, headers, page) = site.get("/@nobody-at-all").await;
    assert_eq!((status, header(&headers, "cache-control")), (StatusCode::NOT_FOUND, "no-store"));
    has(&page, "/@nobody-at-all", &["No package is known", "href=\"/?q=nobody-at-all\""]);
    let asked = |name: &str| registry.requests().iter().filter(|request| request.path.contains(&format!("maintainer%3A{name}&"))).count();
    assert_eq!((asked("jane"), asked("busy"), asked("nobody-at-all")), (1, 1, 1), "{:?}", registry.requests());
}

#[tokio::test]
async fn users_of_registries_that_do_not_tell() {
    for (status, says) in [(404, "has no search"), (429, "less often"), (500, "500")] {
        let registry = registry().await;
        registry.fail_search(std::iter::repeat_n(Fault::Status(status, vec![], String::new()), 12));
        let known = hit("alpha", "jane", 100, "2024-01-01T00:00:00.000Z").to_string();
        let site = Site::live(&[&known], &registry).await;
        let page = site.page("/@jane", StatusCode::OK).await;
        has(&page, "/@jane", &[says, "<b>1</b> package", "cannot tell", "href=\"/pkg:alpha\""]);
        html::check("/@jane", &page);
        let nobody = site.page("/@nobody-at-all", StatusCode::NOT_FOUND).await;
        has(&nobody, "/@nobody-at-all", &[says]);
    }
}

/// A store that was filled twice from published lists.
async fn filled() -> Site {
    let site = Site::offline(&[]).await;
    for (count, names, month) in [(900, "2.0.70", "2.20251201.0"), (1_000, "2.0.100", "2.20260301.0")] {
        let folder = testkit::folder();
        for (file, bytes) in Lists::of(count, names, month).files {
            std::fs::write(folder.path().join(file), bytes).expect("writable");
        }
        let options = sync::FillOptions { from: sync::ListSource::Folder(folder.path().to_owned()), limit: None };
        sync::fill(&site.context, &options).await.expect("filled");
    }
    site.catalog.refresh().expect("readable");
    site
}

#[tokio::test]
async fn home_search_and_about() {
    let site = filled().await;
    let home = site.page("/", StatusCode::OK).await;
    has(&home, "/", &["Popular", "By chance", "snapshot 2026-03", "pkg:react", "@sindresorhus", "1,001 packages stored"]);
    assert_eq!(html::tags(&home).iter().filter(|tag| tag.name == "input" && tag.get("name") == Some("q")).count(), 1);
    let json = site.json("/api/v1/home").await;
    assert_eq!((json["packages"].as_u64(), json["popular"].as_array().map(Vec::is_empty)), (Some(1_001), Some(false)));
    assert_eq!((&json["counted"], &json["compared"]), (&json!("snapshot 2026-03"), &json!("snapshot 2025-12")));
    for one in json["popular"].as_array().expect("a list") {
        has(&home, "/", &[&format!("href=\"/pkg:{}\"", one["package"]["name"].as_str().expect("a name"))]);
    }

    let results = site.page("/?q=react", StatusCode::OK).await;
    has(&results, "react", &["1 to 20 of", "exact name", "rel=\"next\" href=\"/?q=react&#38;from=20\"", "value=\"react\"", "noindex"]);
    assert!(results.contains("<h3><a href=\"/pkg:react\"><mark>react</mark></a>"), "{results}");
    assert_eq!(results.matches("<li class=\"card\">").count(), 20);
    let without_time = |page: &str| page.split(" ms</p>").nth(1).map(str::to_owned);
    assert!(results.contains(", in ") && results.contains(" ms</p>") && !results.contains("<!--"), "the time it took is there");
    assert_eq!(without_time(&site.page("/search?q=react", StatusCode::OK).await), without_time(&results));
    let second = site.page("/?q=react&from=20", StatusCode::OK).await;
    has(&second, "second", &["21 to", "rel=\"prev\" href=\"/?q=react\"", "start=\"21\""]);
    has(&site.page("/?q=react&from=5000", StatusCode::OK).await, "beyond", &["There are only", "beyond the last", "href=\"/?q=react\""]);
    has(&site.page("/?q=zzzzqqqqxxxx", StatusCode::OK).await, "nothing", &["No package fits"]);
    has(&site.page("/?q=expresss", StatusCode::OK).await, "corrected", &["No name is quite like this", "href=\"/pkg:express\""]);
    has(&site.page("/?q=colour:red+react", StatusCode::OK).await, "unknown qualifier", &["<code>colour:red</code>: there is no qualifier"]);
    has(&site.page("/?q=&from=0", StatusCode::OK).await, "no text", &["Most downloaded packages"]);
    lacks(&site.page("/?q=scope:react1+date", StatusCode::OK).await, "scope", &["is no qualifier"]);
    assert_eq!(site.page("/?q=", StatusCode::OK).await, home, "an empty box leads home");

    let about = site.page("/about", StatusCode::OK).await;
    has(&about, "/about", &["all-the-package-names", "2.0.100", "2026-03", "2025-12", "openapi.json", "1,001"]);
    let missing = site.page("/no/such/address", StatusCode::NOT_FOUND).await;
    has(&missing, "missing", &["Nothing lives at this address", "href=\"/\""]);
    for path in ["/api/v1/nothing", "/-/nothing", "/downloads/point/last-week/vue"] {
        let (status, headers, body) = site.get(path).await;
        assert_eq!((status, header(&headers, "content-type")), (StatusCode::NOT_FOUND, "application/json"), "{path}: {body}");
    }
    let robots = site.get("/robots.txt").await;
    assert!(robots.0 == StatusCode::OK && robots.2.starts_with("User-agent: *"));
    let (status, _, text) = site.get("/llms.txt").await;
    assert!(status == StatusCode::OK && text.starts_with("# pkgstats\n\n> "), "{text}");
    let links: Vec<&str> = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() >= 7, "{links:?}");
    for link in links {
        assert_eq!(site.get(link).await.0, StatusCode::OK, "{link}");
    }
}

/// Hostile words stay text, whatever is marked in them.
#[tokio::test]
async fn matches_are_marked() {
    let lines = [
        json!({"package": {"name": "sunny-date-picker", "description": "Pickers of <b>dates</b> & <script>alert('date')</script> <mark>x</mark>",
            "keywords": ["one", "two", "three", "four", "five", "six", "date picker", "<i>date</i>"]}}),
        json!({"package": {"name": "took", "description": "<!--took--> &lt;mark&gt; \u{202e}date"}}),
    ]
    .map(|line| line.to_string());
    let site = Site::offline(&lines.each_ref().map(String::as_str)).await;
    let page = site.page("/?q=date+picker", StatusCode::OK).await;
    let marked = [
        "<a href=\"/pkg:sunny-date-picker\">sunny-<mark>date-picker</mark></a>",
        "<mark>Pickers</mark> of &#60;b&#62;<mark>dates</mark>&#60;/b&#62; &#38; &#60;script&#62;alert(&#39;<mark>date</mark>&#39;)&#60;/script&#62; &#60;mark&#62;x",
        ">&#60;i&#62;<mark>date</mark>&#60;/i&#62;</a>",
    ];
    has(&page, "marks", &marked);
    assert!(page.find("<mark>date</mark> <mark>picker</mark></a>") < page.find(">one</a>"), "keywords with marks come first: {page}");
    let page = site.page("/?q=%3C!--took--%3E+date", StatusCode::OK).await;
    assert!(page.contains("&#60;!--<mark>took</mark>--&#62; &#38;lt;mark&#38;gt;") && page.matches(" ms</p>").count() == 1, "{page}");
    html::check("/?q=date+picker", &page);
}

/// Everything that can be done on a page of results is a link to a text that says it.
#[tokio::test]
async fn a_search_is_changed_by_links() {
    let packages: Vec<String> = [("date-picker", 9_000, "jane"), ("time-picker", 90_000, "joe"), ("@dates/picker", 900, "jane")]
        .into_iter()
        .map(|(name, monthly, user)| hit(name, user, monthly, "2026-01-01T00:00:00.000Z").to_string())
        .collect();
    let site = Site::offline(&packages.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let address = "/?q=picker+maintainer:jane+-time+sort:downloads+colour:red";
    let page = site.page("/?q=picker+maintainer:jane+-time+sort:downloads", StatusCode::OK).await;
    has(
        &page,
        address,
        &[
            "1 to 2 of 2",
            "href=\"/?q=picker%20maintainer%3Ajane%20sort%3Adownloads\" title=\"Search without it\"><span class=\"sr-only\">Without </span>-time",
            "href=\"/?q=picker%20-time%20sort%3Adownloads\" title=\"Search without it\"><span class=\"sr-only\">Without </span>maintainer:jane",
            "href=\"/?q=picker%20-time%20maintainer%3Ajane\">Relevance</a>",
            "href=\"/?q=picker%20-time%20maintainer%3Ajane%20sort%3Adownloads\" aria-current=\"true\">Downloads</a>",
            "href=\"/?q=picker%20-time%20maintainer%3Ajane%20sort%3Aname\">Name</a>",
            "The most downloaded come first",
        ],
    );
    assert!(page.find("/pkg:date-picker") < page.find("/pkg:@dates/picker"), "{page}");
    html::check(address, &page);
    // Every link on the page leads to a page, and the links in it keep what was asked for.
    let mut links: Vec<String> =
        html::tags(&page).iter().filter_map(|tag| tag.get("href").map(unescape)).filter(|to| to.starts_with("/?q=")).collect();
    links.sort();
    links.dedup();
    assert!(links.len() >= 8, "{links:?}");
    for link in &links {
        html::check(link, &site.page(link, StatusCode::OK).await);
    }

    let nothing = site.page("/?q=%22picker+of+dates%22+maintainer:jane+scope:none+sort:name", StatusCode::OK).await;
    has(
        &nothing,
        "nothing",
        &[
            "No package fits",
            "Search without <code>scope:none</code>",
            "Search without <code>maintainer:jane</code>",
            "Search for <code>&#34;picker of dates&#34;</code> alone",
            "Sort by relevance</a>",
            "without quotes they need not",
            "href=\"/help/search\"",
        ],
    );
    html::check("nothing", &nothing);
    has(&site.page("/?q=no-such-name", StatusCode::OK).await, "a name", &["href=\"/pkg:no-such-name\">pkg:no-such-name</a>"]);
    let noted = site.page("/?q=picker+colour:red+downloads:some", StatusCode::OK).await;
    has(
        &noted,
        "notes",
        &["<code>colour:red</code>: there is no qualifier colour:", "<code>downloads:some</code>: numbers are written as &#62;1000"],
    );
}

#[tokio::test]
async fn a_page_says_why_its_packages_stand_in_that_order() {
    let lines: Vec<String> =
        (0..30).map(|number| hit(&format!("picker-{number}"), "jane", 10 * number, "2026-01-01T00:00:00.000Z").to_string()).collect();
    let site = Site::offline(&lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let page = site.page("/?q=picker", StatusCode::OK).await;
    has(&page, "plain", &["<summary>Why this order?</summary>", "href=\"/?q=picker&#38;explain=1\">Show the parts of every score</a>"]);
    lacks(&page, "plain", &["class=\"parts\""]);
    let explained = site.page("/?q=picker&explain=1", StatusCode::OK).await;
    has(
        &explained,
        "explained",
        &[
            "<details class=\"why\" open>",
            "<th scope=\"row\">downloads</th>",
            "<th scope=\"row\">words</th>",
            "href=\"/?q=picker\">Hide them</a>",
            "rel=\"next\" href=\"/?q=picker&#38;from=20&#38;explain=1\"",
            "href=\"/api/v1/search?q=picker&#38;explain=1\"",
        ],
    );
    assert_eq!(explained.matches("class=\"parts\"").count(), 20);
    html::check("/?q=picker&explain=1", &explained);
    let json = site.json("/api/v1/search?q=picker&explain=1").await;
    for hit in json["hits"].as_array().expect("hits") {
        let product: f64 = hit["parts"].as_array().expect("parts").iter().map(|part| part["value"].as_f64().expect("a number")).product();
        assert!((product / hit["score"].as_f64().expect("a number") - 1.0).abs() < 1e-3, "the score is the product of its parts: {hit}");
    }
    assert!(site.json("/api/v1/search?q=picker").await["hits"][0].get("parts").is_none());

    let help = site.page("/help/search", StatusCode::OK).await;
    has(&help, "/help/search", &["How to search", "downloads:&gt;1000", "sort:", "<table"]);
    html::check("/help/search", &help);
    for page in ["/", "/about"] {
        has(&site.page(page, StatusCode::OK).await, page, &["href=\"/help/search\""]);
    }
}

/// Packages enough that words are known: forty pickers, half of them of dates.
async fn pickers() -> Site {
    let lines: Vec<String> = (0..40)
        .map(|number| {
            let name = format!("{}-picker-{number}", ["date", "colour"][number % 2]);
            let mut hit = hit(&name, "jane", 100_000 + 10_000 * number as u64, "2026-01-01T00:00:00.000Z");
            hit["package"]["license"] = "MIT".into();
            hit["package"]["keywords"] = serde_json::json!(["ui", name]);
            hit.to_string()
        })
        .collect();
    let others = ["picker", "date"].map(|name| hit(name, "joe", 90_000, "2026-01-01T00:00:00.000Z").to_string());
    Site::offline(&lines.iter().chain(&others).map(String::as_str).collect::<Vec<_>>()).await
}

#[tokio::test]
async fn a_search_leads_to_others() {
    let site = pickers().await;
    let page = site.page("/?q=dat+pikcer+has:keywords", StatusCode::OK).await;
    has(&page, "mistyped", &["Did you mean <a href=\"/?q=dat%20picker%20has%3Akeywords\">dat picker has:keywords</a>?"]);
    let page = site.page("/?q=picker", StatusCode::OK).await;
    has(&page, "plain", &["<h2 id=\"also\">Also try</h2>", "href=\"/?q=picker%20colour\"", "href=\"/?q=picker&#38;facets=1\""]);
    lacks(&page, "plain", &["Did you mean", "class=\"why facets\""]);
    html::check("/?q=picker", &page);
    lacks(&site.page("/?q=picker&from=20", StatusCode::OK).await, "the second page", &["Also try"]);
    let page = site.page("/?q=picker&facets=1", StatusCode::OK).await;
    has(
        &page,
        "facets",
        &[
            "<dt>Keyword</dt>",
            "<dt>Licence</dt>",
            "href=\"/?q=picker%20license%3Amit&#38;facets=1\">MIT",
            "href=\"/?q=picker\">Hide this</a>",
        ],
    );
    html::check("/?q=picker&facets=1", &page);
    let json = site.json("/api/v1/search?q=picker&facets=1&others=1").await;
    let licenses = json["facets"].as_array().expect("facets").iter().find(|facet| facet["qualifier"] == "license").expect("licenses");
    assert_eq!(licenses["values"][0], serde_json::json!({"value": "MIT", "packages": 40, "text": "picker license:mit"}));
    assert!(json["also_try"].as_array().is_some_and(|list| list.iter().any(|text| text == "picker date")), "{json}");
    let narrowed = site.json("/api/v1/search?q=picker%20license:mit&facets=1").await;
    assert_eq!(narrowed["total"], 40, "as many as the facet says");
    assert!(!narrowed["facets"].to_string().contains("\"license:mit\""), "what was narrowed down to is not offered again");
    assert!(site.json("/api/v1/search?q=picker").await.get("facets").is_none());
}

#[tokio::test]
async fn packages_like_another() {
    let site = pickers().await;
    let page = site.page("/pkg:date-picker-2", StatusCode::OK).await;
    has(&page, "similar", &["<h2>Similar packages</h2>", "<a href=\"/pkg:date-picker-"]);
    let json = site.json("/api/v1/packages/date-picker-2").await;
    let similar: Vec<&str> = json["similar"].as_array().expect("some").iter().filter_map(|hit| hit["name"].as_str()).collect();
    assert!(similar.len() == 6 && !similar.contains(&"date-picker-2"), "{similar:?}");
    assert!(similar.iter().all(|name| name.contains("date") || *name == "picker"), "{similar:?}");
}

#[tokio::test]
async fn suggestions_while_typing() {
    let site = pickers().await;
    let json = site.json("/api/v1/suggestions?q=dat").await;
    let first = |number: usize| json["packages"][number]["name"].as_str();
    assert_eq!((first(0), first(1)), (Some("date"), Some("date-picker-38")), "the shortest, then the most downloaded: {json}");
    assert_eq!(json["packages"].as_array().map(Vec::len), Some(7));
    assert!(json["packages"][0]["downloads"]["as_of"].is_string(), "{json}");
    assert_eq!(site.json("/api/v1/suggestions?q=d&size=2").await["packages"].as_array().map(Vec::len), Some(2));
    let users = site.json("/api/v1/suggestions?q=picker%20maintainer:ja").await;
    assert_eq!(users["users"], serde_json::json!([{"name": "jane", "packages": 40, "query": "picker maintainer:jane"}]));
    let page = site.page("/", StatusCode::OK).await;
    has(
        &page,
        "a form without a script",
        &["<form class=\"search\" action=\"/\" role=\"search\">", "data-suggestions=\"/api/v1/suggestions\""],
    );
    lacks(&page, "a form without a script", &["role=\"combobox\""]);
    for (address, status) in [("?q=a&q=b", 400), ("?size=x", 400), ("", 200), ("?q=", 200)] {
        assert_eq!(site.get(&format!("/api/v1/suggestions{address}")).await.0.as_u16(), status, "{address}");
    }
}

#[tokio::test]
async fn an_empty_server_has_pages() {
    let site = Site::offline(&[]).await;
    for (path, status, says) in [
        ("/", 200, "no packages yet"),
        ("/about", 200, "not yet"),
        ("/?q=x", 503, "Being filled"),
        ("/pkg:x", 503, "offline"),
        ("/@x", 503, "offline"),
    ] {
        let page = site.page(path, StatusCode::from_u16(status).expect("a status")).await;
        has(&page, path, &[says]);
        html::check(path, &page);
    }
}

#[tokio::test]
async fn ways_to_the_same_page() {
    let site = Site::offline(&[VUE, BARE]).await;
    for (path, status, to) in [
        ("/?q=pkg:react", 303, "/pkg:react"),
        ("/?q=pkg%3Areact", 303, "/pkg:react"),
        ("/search?q=pkg:@types/node", 303, "/pkg:@types/node"),
        ("/?q=@x", 303, "/@x"),
        ("/?q=~x", 303, "/@x"),
        ("/?q=%20@x%20", 303, "/@x"),
        ("/?q=@x/y", 303, "/pkg:@x/y"),
        ("/?q=react@18.2.0", 303, "/pkg:react@18.2.0"),
        ("/?q=react@next", 303, "/pkg:react@next"),
        ("/?q=pkg:react@my-tag", 303, "/pkg:react@my-tag"),
        ("/?q=https%3A%2F%2Fwww.npmjs.com%2Fpackage%2F%40types%2Fnode%2Fv%2F20.1.0%3FactiveTab%3Dcode", 303, "/pkg:@types/node@20.1.0"),
        ("/?q=https://www.npmjs.com/~jane", 303, "/@jane"),
        ("/?q=pkg:react&q=pkg:vue", 303, "/pkg:react"),
        ("/@scope/name", 308, "/pkg:@scope/name"),
        ("/@scope/name@1.0.0", 308, "/pkg:@scope/name@1.0.0"),
        ("/@scope%2Fname", 308, "/pkg:@scope/name"),
        ("/@user/", 308, "/@user"),
        ("/~user", 308, "/@user"),
        ("/%40user", 200, ""),
        ("/package/vue", 308, "/pkg:vue"),
        ("/package/vue/v/1.0.0", 308, "/pkg:vue@1.0.0"),
        ("/package/@scope/name/v/1.0.0-beta+5", 308, "/pkg:@scope/name@1.0.0-beta%2B5"),
        ("/package/@scope%2fname", 308, "/pkg:@scope/name"),
        ("/?q=pkg:it's!(x)*", 303, "/pkg:it's!(x)*"),
    ] {
        let (answered, headers, body) = site.get(path).await;
        if path == "/%40user" {
            assert_ne!(answered, StatusCode::INTERNAL_SERVER_ERROR);
            continue;
        }
        assert_eq!((answered.as_u16(), header(&headers, "location")), (status, to), "{path}: {body}");
        assert!(!header(&headers, "cache-control").is_empty(), "{path}");
    }
}

/// The site with one of everything.
async fn crawled_site() -> Site {
    let lines = [
        VUE.to_owned(),
        BARE.to_owned(),
        hit("react", "jane", 1_000, "2024-01-01T00:00:00.000Z").to_string(),
        hit("@jane/tool", "joe", 70, "2024-01-01T00:00:00.000Z").to_string(),
    ];
    let site = Site::offline(&lines.each_ref().map(String::as_str)).await;
    let documents = documents("https://registry.example");
    site.import(&documents).await;
    site
}

#[tokio::test]
async fn every_page_is_sound_and_every_link_leads_somewhere() {
    let site = crawled_site().await;
    let starts = [
        "/",
        "/pkg:sample-lib",
        "/pkg:sample-lib@1.0.3",
        "/pkg:gone-lib",
        "/pkg:held-lib",
        "/pkg:no-such-lib",
        "/@jane",
        "/@joe",
        "/@nobody",
        "/?q=sample",
        "/?q=sampel",
        "/?q=colour:red",
        "/?q=x&from=900",
        "/?q=a&from=99999999",
        "/no/such",
        "/pkg:",
        "/pkg:a/b",
        "/@",
        "/~..",
        "/package/",
        "/?q=%3Cscript%3E",
    ];
    let mut waiting: VecDeque<(String, String)> = starts.map(|path| (path.to_owned(), "the start".to_owned())).into();
    let mut seen: HashSet<String> = starts.map(str::to_owned).into();
    let mut pages = 0;
    while let Some((path, from)) = waiting.pop_front() {
        let (status, headers, bytes) =
            site.bytes(axum::http::Request::get(&path).body(axum::body::Body::empty()).expect("a request")).await;
        assert!(!status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE, "{path}, linked from {from}: {status}");
        // Offline, users and packages nobody told of are not known; everything else that is linked is there.
        let may_lack = starts.contains(&path.as_str())
            || path.starts_with("/pkg:")
            || path.starts_with("/@")
            || path.starts_with("/img/")
            || path.starts_with("/api/v1/");
        assert!(status != StatusCode::NOT_FOUND || may_lack, "{path}, linked from {from}");
        let location = header(&headers, "location").to_owned();
        let mut links = if location.is_empty() { Vec::new() } else { vec![location] };
        if header(&headers, "content-type").starts_with("text/html") {
            pages += 1;
            links = html::check(&path, std::str::from_utf8(&bytes).expect("text"));
        }
        for link in links {
            let link = link.split('#').next().unwrap_or_default().replace(' ', "%20");
            if pages < 400 && seen.insert(link.clone()) {
                waiting.push_back((link, path.clone()));
            }
        }
    }
    assert!(pages > 60, "only {pages} pages");
    let page = unescape(&site.page("/pkg:sample-lib", StatusCode::OK).await);
    has(&page, "sample", &["<examples>"]);
}
