//! Every field in every shape that was ever met, and what becomes of it.

use model::{PackageName, parse_packument};
use serde_json::{Value, json};

use crate::{NOW, at, check, read};

/// A document of one version with these fields, and these at its top.
fn document(version: &str, top: &str) -> String {
    format!(
        r#"{{"name":"@scope/a"{top},"dist-tags":{{"latest":"1.0.0"}},"versions":{{"1.0.0":{{"name":"@scope/a","version":"1.0.0"{version}}}}}}}"#
    )
}

/// A field of the version comes out as expected, and where its top is read as well, the same field there does.
fn rows(pointer: &str, rows: &[(&str, Value)]) {
    for (field, expected) in rows {
        let json = document(&format!(",{field}"), "");
        check(&json, &read(&json), &[(pointer, expected.clone())]);
    }
}

/// As [`rows`], for fields that mirrors and old packages have at the top only.
fn hoisted(pointer: &str, list: &[(&str, Value)]) {
    rows(pointer, list);
    for (field, expected) in list {
        let json = document("", &format!(",{field}"));
        check(&json, &read(&json), &[(pointer, expected.clone())]);
    }
}

#[test]
fn licenses() {
    hoisted(
        "/observation/summary/license",
        &[
            (r#""license":"MIT""#, json!("MIT")),
            (r#""license":{"type":"MIT","url":"http://x"}"#, json!("MIT")),
            (r#""license":{"name":"BSD"}"#, json!("BSD")),
            (r#""license":["MIT","GPL-2.0"]"#, json!("MIT OR GPL-2.0")),
            (r#""license":[{"type":"MIT"},{"name":"X11"},7,null]"#, json!("MIT OR X11")),
            (r#""licenses":[{"type":"MIT","url":"x"},{"type":"GPL"}]"#, json!("MIT OR GPL")),
            (r#""licenses":"BSD""#, json!("BSD")),
            (r#""licence":"ISC""#, json!("ISC")),
            (r#""license":"SEE LICENSE IN LICENSE.txt""#, json!("SEE LICENSE IN LICENSE.txt")),
            (r#""license":"UNLICENSED""#, json!("UNLICENSED")),
            (r#""license":"do what you like""#, json!("do what you like")),
            (r#""license":null,"licenses":[]"#, Value::Null),
            (r#""license":"","licenses":"BSD""#, json!("BSD")),
            (r#""license":{}"#, Value::Null),
            (r#""license":false"#, Value::Null),
            (r#""x":1"#, Value::Null),
        ],
    );
}

#[test]
fn repositories() {
    let github = json!("https://github.com/u/r");
    hoisted(
        "/observation/repository",
        &[
            (r#""repository":{"type":"git","url":"git+https://github.com/u/r.git","directory":"packages/x"}"#, github.clone()),
            (r#""repository":"https://github.com/u/r""#, github.clone()),
            (r#""repository":"u/r""#, github.clone()),
            (r#""repository":"github:u/r""#, github.clone()),
            (r#""repository":"gitlab:u/r""#, json!("https://gitlab.com/u/r")),
            (r#""repository":"bitbucket:u/r""#, json!("https://bitbucket.org/u/r")),
            (r#""repository":"gist:0123abc""#, json!("https://gist.github.com/0123abc")),
            (r#""repository":["u/r","x/y"]"#, github.clone()),
            (r#""repository":[{"url":"u/r"},{"url":"x/y"}]"#, github.clone()),
            (r#""repository":"git@github.com:u/r.git""#, github.clone()),
            (r#""repository":{"url":"https://name:secret@github.com/u/r.git#main"}"#, github.clone()),
            (r#""repository":{"url":"git://www.github.com/u/r.git"}"#, github.clone()),
            (r#""repository":{"url":"https://github.com/u/r/tree/main/packages/x"}"#, github),
            (r#""repository":{}"#, Value::Null),
            (r#""repository":[]"#, Value::Null),
            (r#""repository":{"url":null}"#, Value::Null),
            (r#""repository":{"url":false}"#, Value::Null),
            (r#""repository":"/u/r""#, Value::Null),
            (r#""repository":"./u/r""#, Value::Null),
            (r#""repository":"u/r/""#, Value::Null),
            (r#""repository":"u/r s""#, Value::Null),
            (r#""repository":"file:///etc/passwd""#, Value::Null),
            (r#""repository":"javascript://x/%0aalert(1)""#, Value::Null),
            (r#""repository":"""#, Value::Null),
        ],
    );
    rows(
        "/manifests/0/directory",
        &[
            (r#""repository":{"url":"u/r","directory":"packages/x"}"#, json!("packages/x")),
            (r#""repository":{"url":"https://github.com/u/r/tree/main/packages/x"}"#, json!("packages/x")),
            (r#""repository":{"url":"u/r","directory":"../../etc"}"#, json!("etc")),
            (r#""repository":{"url":"u/r","directory":null}"#, Value::Null),
        ],
    );
}

#[test]
fn people() {
    rows(
        "/manifests/0/author",
        &[
            (r#""author":{"name":"Jane Doe","email":"j@example.com","url":"http://x"}"#, json!("Jane Doe")),
            (r#""author":{"name":"Jane","web":"http://x","mail":"j@example.com"}"#, json!("Jane")),
            (r#""author":{"username":"jane"}"#, json!("jane")),
            (r#""author":"Jane Doe <j@example.com> (http://x)""#, json!("Jane Doe")),
            (r#""author":"Jane Doe (http://x)""#, json!("Jane Doe")),
            (r#""author":["Jane <j@example.com>","Joe"]"#, json!("Jane")),
            (r#""author":"""#, Value::Null),
            (r#""author":"<j@example.com>""#, Value::Null),
            (r#""author":{}"#, Value::Null),
            (r#""author":{"name":7}"#, Value::Null),
            (r#""author":null"#, Value::Null),
        ],
    );
    hoisted(
        "/observation/summary/maintainers",
        &[
            (r#""maintainers":[{"name":"jane","email":"j@example.com"},{"name":"joe"}]"#, json!(["jane", "joe"])),
            (r#""maintainers":["jane <j@example.com>","joe"]"#, json!(["jane", "joe"])),
            (r#""maintainers":[{"name":"jane"},{"name":"jane"}]"#, json!(["jane"])),
            (r#""maintainers":[{"email":"j@example.com"},null,7,[]]"#, json!([])),
            (r#""maintainers":"jane""#, json!(["jane"])),
            (r#""maintainers":{"name":"jane"}"#, json!(["jane"])),
            (r#""maintainers":[]"#, json!([])),
            (r#""maintainers":null"#, json!([])),
            // A user's packages are those whose maintainers name the user; who published one decides nothing.
            (r#""maintainers":[],"_npmUser":{"name":"jane"}"#, json!([])),
        ],
    );
    let json = document(r#","maintainers":[{"name":"then"}]"#, r#","maintainers":[{"name":"now"}]"#);
    check(&json, &read(&json), &[("/observation/summary/maintainers", json!(["now"])), ("/manifests/0/maintainers", json!(["then"]))]);
    rows(
        "/observation/summary/publisher",
        &[
            (r#""_npmUser":{"name":"jane","email":"j@example.com"}"#, json!("jane")),
            (r#""_npmUser":{"name":"GitHub Actions","trustedPublisher":{"id":"github","oidcConfigId":"oidc:1"}}"#, json!("GitHub Actions")),
            (r#""_npmUser":"jane""#, json!("jane")),
            (r#""_npmUser":null"#, Value::Null),
        ],
    );
    rows("/manifests/0/trusted_publisher", &[(r#""_npmUser":{"name":"x","trustedPublisher":{"id":"github"}}"#, json!("github"))]);
}

#[test]
fn keywords() {
    hoisted(
        "/observation/summary/keywords",
        &[
            (r#""keywords":["a","b c","a"]"#, json!(["a", "b c"])),
            (r#""keywords":"a, b,c""#, json!(["a", "b", "c"])),
            (r#""keywords":null"#, json!([])),
            (r#""keywords":["a",["b"],7,null,{"c":1},"","  "]"#, json!(["a"])),
            (r#""keywords":{"a":1}"#, json!([])),
            (r#""keywords":7"#, json!([])),
        ],
    );
    let many: Vec<String> = (0..1_500).map(|number| format!("k{number}")).collect();
    let json = document(&format!(r#","keywords":{}"#, json!(many)), "");
    assert_eq!(at(&read(&json), "/observation/summary/keywords"), &json!(many[..100]));
}

#[test]
fn addresses() {
    hoisted(
        "/observation/summary/bugs",
        &[
            (r#""bugs":{"url":"https://x.example/bugs","email":"b@example.com"}"#, json!("https://x.example/bugs")),
            (r#""bugs":{"web":"https://x.example"}"#, json!("https://x.example")),
            (r#""bugs":{"name":"https://x.example"}"#, json!("https://x.example")),
            (r#""bugs":{"email":"b@example.com"}"#, json!("mailto:b@example.com")),
            (r#""bugs":"https://x.example/bugs""#, json!("https://x.example/bugs")),
            (r#""bugs":"b@example.com""#, json!("mailto:b@example.com")),
            (r#""bugs":{"url":"javascript:alert(1)"}"#, Value::Null),
            (r#""bugs":"not an address""#, Value::Null),
            (r#""bugs":[]"#, Value::Null),
            (r#""bugs":true"#, Value::Null),
        ],
    );
    hoisted(
        "/observation/summary/homepage",
        &[
            (r#""homepage":"https://x.example""#, json!("https://x.example")),
            (r#""homepage":"x.example/docs""#, json!("http://x.example/docs")),
            (r#""homepage":["http://x"]"#, Value::Null),
            (r#""homepage":{"url":"http://x"}"#, Value::Null),
            (r#""homepage":"javascript:alert(1)""#, Value::Null),
            (r#""homepage":"JavaScript:alert(1)""#, Value::Null),
            (r#""homepage":" data:text/html,x""#, Value::Null),
            (r#""homepage":"vbscript:x""#, Value::Null),
            (r#""homepage":"""#, Value::Null),
            (r#""homepage":"a b""#, Value::Null),
        ],
    );
    rows(
        "/manifests/0/funding",
        &[
            (r#""funding":"https://a.example""#, json!(["https://a.example"])),
            (r#""funding":{"type":"x","url":"https://a.example"}"#, json!(["https://a.example"])),
            (
                r#""funding":["https://a.example",{"url":"https://b.example"},7,{"url":"javascript:x"}]"#,
                json!(["https://a.example", "https://b.example"]),
            ),
            (r#""funding":null"#, Value::Null),
        ],
    );
}

#[test]
fn descriptions_and_deprecations() {
    hoisted(
        "/observation/summary/description",
        &[
            (r#""description":"Some words""#, json!("Some words")),
            (r#""description":"a\u0000b\n\tc\u001b[31m\u202ed""#, json!("a b c [31md")),
            (r#""description":"<b onclick=x>bold</b>""#, json!("<b onclick=x>bold</b>")),
            (r#""description":{"x":1}"#, Value::Null),
            (r#""description":["x"]"#, Value::Null),
            (r#""description":7"#, Value::Null),
            (r#""description":"   ""#, Value::Null),
            (r#""description":null"#, Value::Null),
        ],
    );
    let json = document(&format!(r#","description":"{}""#, "é".repeat(10_000)), "");
    assert_eq!(at(&read(&json), "/observation/summary/description"), &json!("é".repeat(1_000)), "cut at 2,000 bytes, between characters");
    rows(
        "/observation/summary/deprecated",
        &[
            (r#""deprecated":"use b""#, json!("use b")),
            (r#""deprecated":true"#, json!("deprecated")),
            (r#""deprecated":false"#, Value::Null),
            (r#""deprecated":"""#, Value::Null),
            (r#""deprecated":null"#, Value::Null),
            (r#""deprecated":["x"]"#, Value::Null),
            (r#""deprecated":{"x":1}"#, Value::Null),
            (r#""deprecated":1"#, Value::Null),
        ],
    );
}

#[test]
fn commands_and_dependencies() {
    rows(
        "/manifests/0/commands",
        &[
            (r#""bin":{"a":"./a.js","b":"../../b.js"}"#, json!(["a", "b"])),
            (r#""bin":"./cli.js""#, json!(["."])),
            (r#""bin":["./a.js"]"#, Value::Null),
            (r#""bin":null"#, Value::Null),
            (r#""bin":"""#, Value::Null),
            (r#""bin":{"a":"./a.js","b":7,"c":null}"#, json!(["a"])),
        ],
    );
    let one = json!([{"name": "b", "range": "^1"}]);
    for (key, pointer) in [
        ("dependencies", "/manifests/0/dependencies"),
        ("devDependencies", "/manifests/0/dev_dependencies"),
        ("peerDependencies", "/manifests/0/peer_dependencies"),
        ("optionalDependencies", "/manifests/0/optional_dependencies"),
    ] {
        for (value, expected) in [
            (r#"{"b":"^1"}"#, one.clone()),
            (r#"{"b":"^1","c":7,"d":null,"e":["1"],"f":{"version":"1"},"":"1"}"#, one.clone()),
            (r#"{"b":""}"#, json!([{"name": "b", "range": "*"}])),
            ("null", Value::Null),
            ("[]", Value::Null),
            (r#"["b"]"#, Value::Null),
            (r#""b""#, Value::Null),
            ("{}", Value::Null),
        ] {
            let json = document(&format!(r#","{key}":{value}"#), "");
            check(&json, &read(&json), &[(pointer, expected)]);
        }
    }
    rows(
        "/manifests/0/bundled_dependencies",
        &[
            (r#""bundleDependencies":["b",7]"#, json!(["b"])),
            (r#""bundledDependencies":["b"]"#, json!(["b"])),
            (r#""bundleDependencies":true,"dependencies":{"b":"1","c":"2"}"#, json!(["b", "c"])),
            (r#""bundleDependencies":false,"dependencies":{"b":"1"}"#, Value::Null),
            (r#""bundleDependencies":{"b":"1"}"#, json!(["b"])),
            (r#""bundleDependencies":null"#, Value::Null),
        ],
    );
    // A peer may be optional, and what is optional stands in one list only.
    let json = document(
        r#","dependencies":{"b":"1","o":"2"},"optionalDependencies":{"o":"2"},"peerDependencies":{"p":"1","q":"1"},"peerDependenciesMeta":{"q":{"optional":true},"p":"x","r":{}}"#,
        "",
    );
    check(
        &json,
        &read(&json),
        &[
            ("/manifests/0/dependencies", json!([{"name": "b", "range": "1"}])),
            ("/manifests/0/optional_dependencies", json!([{"name": "o", "range": "2"}])),
            ("/manifests/0/peer_dependencies", json!([{"name": "p", "range": "1"}, {"name": "q", "range": "1", "optional": true}])),
        ],
    );
}

#[test]
fn where_it_runs() {
    rows(
        "/manifests/0/engines",
        &[
            (r#""engines":{"node":">=18","npm":7}"#, json!([{"name": "node", "range": ">=18"}])),
            (r#""engines":["node","rhino"]"#, Value::Null),
            (r#""engines":[]"#, Value::Null),
            (r#""engines":"node >= 0.4""#, Value::Null),
            (r#""engines":null"#, Value::Null),
        ],
    );
    rows(
        "/manifests/0/platforms",
        &[
            (r#""os":["linux","!win32"],"cpu":"x64","libc":["glibc"]"#, json!(["linux", "!win32", "x64", "glibc"])),
            (r#""os":"linux""#, json!(["linux"])),
            (r#""os":null,"cpu":[],"libc":7"#, Value::Null),
        ],
    );
    rows(
        "/manifests/0/has_types",
        &[
            (r#""types":"x.d.ts""#, json!(true)),
            (r#""typings":"x.d.ts""#, json!(true)),
            (r#""types":["x.d.ts"]"#, Value::Null),
            (r#""types":"""#, Value::Null),
            (r#""typesVersions":{"*":{"*":["x"]}}"#, json!(true)),
            (r#""exports":{".":{"import":{"types":"./x.d.mts","default":"./x.mjs"}}}"#, json!(true)),
            (r#""exports":{".":[{"types@>=5":"./x.d.ts"},"./x.js"]}"#, json!(true)),
            (r#""exports":"./x.js""#, Value::Null),
            (r#""exports":null"#, Value::Null),
        ],
    );
    rows(
        "/manifests/0/is_esm",
        &[
            (r#""exports":"./x.mjs""#, json!(true)),
            (r#""exports":{".":{"import":"./x.js"}}"#, json!(true)),
            (r#""exports":["./x.mjs","./y.js"]"#, json!(true)),
            (r#""exports":null"#, Value::Null),
            (r#""exports":7"#, Value::Null),
            (r#""exports":{"./package.json":"./package.json"},"type":"module""#, Value::Null),
        ],
    );
    rows(
        "/manifests/0/install_scripts",
        &[
            (r#""scripts":{"install":"node x","test":"t"}"#, json!([{"name": "install", "command": "node x"}])),
            (r#""hasInstallScript":true"#, json!([{"name": "install"}])),
            (r#""scripts":["install"]"#, Value::Null),
            (r#""scripts":{"postinstall":7}"#, Value::Null),
        ],
    );
}

#[test]
fn tarballs() {
    rows(
        "/manifests/0/tarball",
        &[
            (r#""dist":{"tarball":"https://registry.example/a.tgz"}"#, json!("https://registry.example/a.tgz")),
            (r#""dist":{"tarball":"file:///etc/passwd"}"#, Value::Null),
            (r#""dist":{"tarball":7}"#, Value::Null),
            (r#""dist":null"#, Value::Null),
            (r#""dist":"x""#, Value::Null),
        ],
    );
    rows(
        "/manifests/0/unpacked_bytes",
        &[
            (r#""dist":{"unpackedSize":10}"#, json!(10)),
            (r#""dist":{"unpackedSize":"10"}"#, json!(10)),
            (r#""dist":{"unpackedSize":-1}"#, Value::Null),
            (r#""dist":{"unpackedSize":1.5}"#, Value::Null),
            (r#""dist":{"unpackedSize":null}"#, Value::Null),
        ],
    );
    rows(
        "/manifests/0/has_provenance",
        &[
            (r#""dist":{"attestations":{"url":"x","provenance":{"predicateType":"https://slsa.dev/provenance/v1"}}}"#, json!(true)),
            (r#""dist":{"attestations":{"url":"x"}}"#, Value::Null),
            (r#""dist":{"attestations":true,"bin":{},"size":1,"npm-signature":"x"}"#, Value::Null),
        ],
    );
}

/// A document of these versions, tags and times.
fn history(versions: &str, tags: &str, time: &str) -> Value {
    read(&format!(r#"{{"name":"a","versions":{versions},"dist-tags":{tags},"time":{time}}}"#))
}

#[test]
fn tags() {
    let two = r#"{"1.0.0":{},"2.0.0":{},"3.0.0-rc.1":{}}"#;
    for (versions, tags, time, shown) in [
        (two, r#"{"latest":"1.0.0"}"#, "{}", json!("1.0.0")),
        (two, r#"{"latest":"3.0.0-rc.1"}"#, "{}", json!("3.0.0-rc.1")),
        (two, r#"{"latest":"9.9.9"}"#, "{}", json!("2.0.0")),
        (two, r#"{"next":"3.0.0-rc.1"}"#, "{}", json!("2.0.0")),
        (two, "{}", "{}", json!("2.0.0")),
        (two, "null", "{}", json!("2.0.0")),
        (two, "[]", "{}", json!("2.0.0")),
        (two, r#"{"latest":null}"#, "{}", json!("2.0.0")),
        (two, r#"{"latest":["1.0.0"]}"#, "{}", json!("2.0.0")),
        (r#"{"1.0.0-a":{},"1.0.0-b":{}}"#, "{}", "{}", json!("1.0.0-b")),
        ("{}", r#"{"latest":"1.0.0"}"#, r#"{"1.0.0":"2020-01-01T00:00:00Z"}"#, Value::Null),
    ] {
        let read = history(versions, tags, time);
        assert_eq!(at(&read, "/observation/summary/version"), &shown, "{versions} {tags}");
    }
    let many: serde_json::Map<String, Value> = (0..45).map(|number| (format!("ts{number:02}"), json!("1.0.0"))).collect();
    let mut tags = Value::Object(many);
    tags["undefined"] = json!("2.0.0");
    tags["latest"] = json!("1.0.0");
    let read = history(two, &tags.to_string(), "{}");
    let found = at(&read, "/details/dist_tags").as_array().expect("tags");
    assert_eq!((found.len(), &found[0]["tag"], &found[46]["tag"]), (47, &json!("latest"), &json!("undefined")), "latest first");
    assert_eq!(at(&self::read(r#"{"name":"a","versions":{"1.0.0":{}}}"#), "/observation/summary/version"), "1.0.0", "no tags at all");
}

#[test]
fn times() {
    let one = r#"{"1.0.0":{}}"#;
    let latest = r#"{"latest":"1.0.0"}"#;
    for (time, published, created, state) in [
        (
            r#"{"created":"2020-01-01T00:00:00.000Z","1.0.0":"2020-01-02T00:00:00.000Z"}"#,
            json!(1_577_923_200),
            json!(1_577_836_800),
            "active",
        ),
        (r#"{"1.0.0":"2020-01-02T01:00:00.123456+01:00"}"#, json!(1_577_923_200), Value::Null, "active"),
        (r#"{"1.0.0":"Thu Jan 02 2020"}"#, Value::Null, Value::Null, "active"),
        (r#"{"1.0.0":1577923200000,"created":null}"#, Value::Null, Value::Null, "active"),
        (r#"{"0.1.0":"2020-01-02T00:00:00.000Z"}"#, Value::Null, Value::Null, "active"),
        ("null", Value::Null, Value::Null, "active"),
        ("[]", Value::Null, Value::Null, "active"),
        (r#""2020-01-01""#, Value::Null, Value::Null, "active"),
        (r#"{"unpublished":null}"#, Value::Null, Value::Null, "active"),
        (r#"{"unpublished":"x"}"#, Value::Null, Value::Null, "active"),
    ] {
        let read = history(one, latest, time);
        let expected = [
            ("/observation/summary/published_at", published),
            ("/details/created_at", created),
            ("/observation/state", json!(state)),
            ("/observation/summary/version", json!("1.0.0")),
        ];
        check(time, &read, &expected);
    }
    for (unpublished, expected) in [
        (r#"{"time":"2020-01-01T00:00:00Z","versions":["1.0.0","0.9.0"]}"#, json!({"at": 1_577_836_800, "versions": ["1.0.0", "0.9.0"]})),
        (
            r#"{"name":"jane","time":"2020-01-01T00:00:00Z","tags":{"latest":"1.0.0"},"maintainers":[{"name":"jane"}],"description":"x","versions":["1.0.0"]}"#,
            json!({"at": 1_577_836_800, "versions": ["1.0.0"]}),
        ),
        (r#"{"versions":{"1.0.0":1}}"#, json!({"at": null, "versions": []})),
        ("{}", json!({"at": null, "versions": []})),
    ] {
        let json = format!(r#"{{"name":"a","time":{{"unpublished":{unpublished}}}}}"#);
        check(&json, &read(&json), &[("/details/unpublished", expected), ("/observation/state", json!("unpublished"))]);
    }
    // Newest first; what has no time comes last, the higher version first.
    let read = history(
        r#"{"1.0.0":{},"0.9.0":{},"2.0.0":{},"1.5.0":{}}"#,
        "{}",
        r#"{"1.0.0":"2020-01-01T00:00:00Z","0.9.0":"2021-01-01T00:00:00Z"}"#,
    );
    let order: Vec<&Value> = at(&read, "/details/versions").as_array().expect("versions").iter().map(|line| &line["v"]).collect();
    assert_eq!(order, ["0.9.0", "1.0.0", "2.0.0", "1.5.0"]);
}

#[test]
fn versions() {
    for (versions, kept) in [
        ("{}", json!([])),
        ("[]", json!([])),
        ("null", json!([])),
        ("7", json!([])),
        ("-7", json!([])),
        ("1.5", json!([])),
        ("true", json!([])),
        (r#""x""#, json!([])),
        (r#"[{"version":"1.0.0"},[[]]]"#, json!([])),
        (r#"{"1.0":{},"v1.0.0 ":{},"latest":{},"":{},"1.0.0":{}}"#, json!(["1.0.0"])),
        (r#"{"1.0.0":{"version":"1.0.1"}}"#, json!(["1.0.0"])),
        (r#"{"1.0.0":{"version":""}}"#, json!(["1.0.0"])),
        (r#"{"1.0.0":{}}"#, json!(["1.0.0"])),
        (r#"{"1.0.0":null,"1.0.1":[],"1.0.2":"x","1.0.3":7,"1.0.4":true,"1.0.5":{"dist":{"shasum":"x"}}}"#, json!(["1.0.5"])),
    ] {
        let json = format!(r#"{{"name":"a","versions":{versions}}}"#);
        let read = read(&json);
        let found: Vec<&Value> = at(&read, "/details/versions").as_array().expect("versions").iter().map(|line| &line["v"]).collect();
        assert_eq!(json!(found), kept, "{json}");
    }
    assert_eq!(at(&read(r#"{"name":"a","time":{}}"#), "/details/versions"), &json!([]), "absent");
}

#[test]
fn readmes() {
    for (fields, expected) in [
        (r##""readme":"# a","readmeFilename":"README.md""##, json!({"text": "# a", "filename": "README.md", "cut": false})),
        (r##""readme":"# a","readmeFilename":"""##, json!({"text": "# a", "filename": null, "cut": false})),
        (r##""readme":"# a""##, json!({"text": "# a", "filename": null, "cut": false})),
        (r#""readme":"ERROR: No README data found!""#, Value::Null),
        (r#""readme":"""#, Value::Null),
        (r#""readme":" \n""#, Value::Null),
        (r#""readme":null"#, Value::Null),
        (r#""readme":{"x":1}"#, Value::Null),
    ] {
        let json = document("", &format!(",{fields}"));
        check(&json, &read(&json), &[("/readme", expected)]);
    }
    for (length, cut) in [(63_999, false), (64_000, true), (65_536, true)] {
        let json = document("", &format!(r#","readme":"{}""#, "é".repeat(length)));
        assert_eq!(at(&read(&json), "/readme/cut"), &json!(cut), "{length} characters");
    }
}

#[test]
fn misspelt_fields_are_none() {
    let json = document(
        r#","dependancies":{"b":"1"},"devdependencies":{"b":"1"},"repo":"u/r","hompage":"http://x","autor":"Jane","contributers":["x"],"script":{"install":"x"}"#,
        r#","stagedVersions":{},"policyRestrictions":[],"users":{"jane":true},"_attachments":{}"#,
    );
    check(
        &json,
        &read(&json),
        &[("/manifests/0", json!({"version": "1.0.0", "is_commonjs": true})), ("/observation/repository", Value::Null)],
    );
}

/// The document of one version of 5,000, as the largest packages have them.
#[test]
fn many_versions() {
    let versions: serde_json::Map<String, Value> = (0..5_000)
        .map(|number| (format!("1.{}.{}", number / 100, number % 100), json!({"dependencies": {"b": format!("^{number}")}})))
        .collect();
    let json = json!({"name": "a", "versions": versions, "dist-tags": {"latest": "1.49.99"}}).to_string();
    let packument = parse_packument(json.as_bytes(), NOW).expect("readable");
    assert_eq!(packument.manifests.len(), 5_000);
    assert_eq!((packument.details.latest, packument.manifests[0].version.as_str()), (Some(0), "1.49.99"));
}

#[test]
fn names() {
    for name in
        ["-", "--hepl", "constructor", "prototype", "toString", "__proto__", "JSONStream", "12345", "it's", "@Scope/Name", &"x".repeat(214)]
    {
        let json = format!(r#"{{"name":"{name}","time":{{}}}}"#);
        assert_eq!(at(&read(&json), "/observation/name"), name);
    }
    for name in ["", " ", "..", "@chee/..", "@chee/.", "a/b", "@a/b/c", "@a", "a b", "naïve", "a%2fb", "a\\u0000", &"x".repeat(215)] {
        let json = format!(r#"{{"name":"{name}","time":{{}}}}"#);
        parse_packument(json.as_bytes(), NOW).expect_err(name);
        assert!(PackageName::parse(name).is_err(), "{name}");
    }
}
