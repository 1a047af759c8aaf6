//! Whole documents: the smallest, unpublished, held, broken, rebuilt by a mirror, and what is no document.

use model::{Record, RecordError, parse_hit_page, parse_packument, parse_record};
use serde_json::{Value, json};

use crate::{NOW, check, read, shown};

const ABBREVIATED: &str = r#"{"dist-tags":{"latest":"1.0.0"},"modified":"2015-05-16T22:27:54.741Z","name":"tiny-tarball","versions":{"1.0.0":{"_hasShrinkwrap":false,"directories":{},
 "dist":{"shasum":"bbf102d5ae73afe2c553295e0fb02230216f65b1","tarball":"https://registry.example/tiny-tarball/-/tiny-tarball-1.0.0.tgz"},"name":"tiny-tarball","version":"1.0.0"}}}"#;

const FULL: &str = r##"{"_attachments":{},"_id":"tiny-tarball","_rev":"3-085759e977d42299e64a35aedc17d250","author":{"name":"Ben Coe"},"description":"tiny tarball used for health checks",
 "dist-tags":{"latest":"1.0.0"},"license":"ISC","maintainers":[{"name":"bcoe"}],"name":"tiny-tarball","readme":"# TinyTarball\n","readmeFilename":"README.md",
 "time":{"1.0.0":"2015-03-24T00:12:24.039Z","created":"2015-03-24T00:12:24.039Z","modified":"2015-05-16T22:27:54.741Z"},
 "versions":{"1.0.0":{"_from":".","_id":"tiny-tarball@1.0.0","_nodeVersion":"1.5.0","_npmUser":{"name":"bcoe"},"_npmVersion":"2.7.0","_shasum":"bbf102d5ae73afe2c553295e0fb02230216f65b1",
 "directories":{},"dist":{"shasum":"bbf102d5ae73afe2c553295e0fb02230216f65b1","tarball":"https://registry.example/tiny-tarball/-/tiny-tarball-1.0.0.tgz"},"license":"ISC","main":"index.js","name":"tiny-tarball","version":"1.0.0"}}}"##;

const UNPUBLISHED: &str = r#"{"_id":"babel-plugin-autocss","name":"babel-plugin-autocss","time":{"created":"2021-10-29T08:21:56.032Z","0.0.1":"2021-10-29T08:21:56.206Z","modified":"2022-01-14T12:34:23.941Z",
 "unpublished":{"time":"2022-01-14T12:34:23.941Z","versions":["0.0.1"]}}}"#;

const HELD: &str = r#"{"_id":"webpack.js.org","_rev":"8-313f502bfcae16586b0ebc33074466ca","name":"webpack.js.org","dist-tags":{"latest":"0.0.1-security"},
 "time":{"created":"2022-01-04T09:59:06.887Z","0.1.2":"2021-12-27T15:22:51.697Z","modified":"2022-01-04T09:59:11.281Z","1.0.0":"2022-01-03T18:39:58.746Z","0.0.1-security":"2022-01-04T09:59:06.988Z"},
 "versions":{"0.0.1-security":{"name":"webpack.js.org","version":"0.0.1-security","description":"security holding package","repository":"npm/security-holder",
 "dist":{"tarball":"https://registry.example/webpack.js.org/-/webpack.js.org-0.0.1-security.tgz","shasum":"bc05e5fbb2b5de76eebbef9c12bcbaf38d319c01","fileCount":2,"unpackedSize":434}}}}"#;

const LEGACY: &str = r#"{"_id":"legacy","name":"legacy","dist-tags":{"latest":"9.9.9","undefined":"1.0.0","beta":null},"license":[{"type":"MIT","url":"http://x"},"GPL-2.0"],"licenses":"BSD",
 "author":"Jane Doe <jane@example.com> (http://jane.example)","maintainers":[{"name":"jane"},"joe <joe@example.com>",null],"keywords":"a, b,c","bugs":"jane@example.com",
 "homepage":["http://x"],"repository":"github:jane/legacy","readme":"ERROR: No README data found!","readmeFilename":"","users":{"jane":true},
 "time":{"created":"2011-01-01T00:00:00.000Z","1.0.0":"2011-01-01T00:00:00.000Z","0.9.0":"not a date","unpublished":null},
 "versions":{"1.0.0":{"name":"legacy","version":"1.0.0","engines":["node >=0.4"],"bin":"./cli.js","deprecated":true,"dependencies":[],"devDependencies":null,"bundleDependencies":true,
   "os":"linux","funding":["https://a.example",{"type":"patreon","url":"https://b.example"}],"description":{"x":1},"dist":{"shasum":"da39a3ee5e6b4b0d3255bfef95601890afd80709","tarball":"https://registry.example/legacy/-/legacy-1.0.0.tgz"}},
  "1.0":{"name":"legacy","version":"1.0"},"2.0.0":{"version":"2.0.0","deprecated":""},"3.0.0":null}}"#;

const MIRROR: &str = r#"{"_id":"is-odd","name":"is-odd","dist-tags":{"latest":"3.0.1"},"time":{"3.0.1":"2026-03-21T00:48:47.363000+00:00"},"versions":{"3.0.1":{"name":"is-odd","version":"3.0.1","author":"Jon Schlinkert",
 "dist":{"tarball":"https://…","shasum":"…","integrity":"sha512-…"}}}}"#;

const BUN: &str = r#"{"_id":"nano","name":"nano","dist-tags":{"latest":"1.0.0"},"scripts":{"build":"x"},"dist":{"shasum":"0"},"exports":{".":"./x.js"},"_npmUser":{"name":"jane"},
 "author":"Jane","readme":"","readmeFilename":"","maintainers":[{"name":"jane","email":"j@example.com"},{"name":"jane","email":"j@example.com"}],"shasum":"1","type":"module",
 "versions":{"1.0.0":{"name":"nano","version":"1.0.0","type":"module","exports":{".":"./x.js"},"_npmUser":{"name":"jane"},"dist":{"shasum":"0","tarball":"https://registry.example/nano/-/nano-1.0.0.tgz"}}}}"#;

#[test]
fn the_abbreviated_form_lacks_words_and_times() {
    check(
        ABBREVIATED,
        &read(ABBREVIATED),
        &[
            ("/observation/name", json!("tiny-tarball")),
            ("/observation/source", json!("packument")),
            ("/observation/state", json!("active")),
            ("/observation/observed_at", json!(NOW)),
            ("/observation/summary/version", json!("1.0.0")),
            ("/observation/summary/published_at", Value::Null),
            ("/observation/summary/description", Value::Null),
            ("/observation/summary/license", Value::Null),
            ("/observation/summary/maintainers", json!([])),
            ("/details/modified_at", json!(1_431_815_274)),
            ("/details/created_at", Value::Null),
            ("/details/latest", json!(0)),
            ("/details/dist_tags", json!([{"tag": "latest", "version": "1.0.0"}])),
            ("/manifests/0/shasum", json!("bbf102d5ae73afe2c553295e0fb02230216f65b1")),
            ("/manifests/0/tarball", json!("https://registry.example/tiny-tarball/-/tiny-tarball-1.0.0.tgz")),
            ("/readme", Value::Null),
        ],
    );
}

#[test]
fn the_full_form() {
    check(
        FULL,
        &read(FULL),
        &[
            ("/observation/summary/version", json!("1.0.0")),
            ("/observation/summary/published_at", json!(1_427_155_944)),
            ("/observation/summary/description", json!("tiny tarball used for health checks")),
            ("/observation/summary/license", json!("ISC")),
            ("/observation/summary/maintainers", json!(["bcoe"])),
            ("/observation/summary/publisher", json!("bcoe")),
            ("/observation/summary/deprecated", Value::Null),
            ("/details/created_at", json!(1_427_155_944)),
            ("/details/modified_at", json!(1_431_815_274)),
            ("/details/versions/0/v", json!("1.0.0")),
            ("/details/versions/0/t", json!(1_427_155_944)),
            ("/manifests/0/is_commonjs", json!(true)),
            ("/readme", json!({"text": "# TinyTarball\n", "filename": "README.md", "cut": false})),
        ],
    );
}

#[test]
fn taken_back_and_held() {
    check(
        UNPUBLISHED,
        &read(UNPUBLISHED),
        &[
            ("/observation/state", json!("unpublished")),
            ("/observation/summary/version", Value::Null),
            ("/details/unpublished", json!({"at": 1_642_163_663, "versions": ["0.0.1"]})),
            ("/details/latest", Value::Null),
            ("/details/versions", json!([])),
            ("/details/dist_tags", json!([])),
            ("/details/created_at", json!(1_635_495_716)),
        ],
    );
    check(
        HELD,
        &read(HELD),
        &[
            ("/observation/state", json!("security-holding")),
            ("/observation/summary/version", json!("0.0.1-security")),
            ("/observation/repository", json!("https://github.com/npm/security-holder")),
            ("/details/versions", json!([{"v": "0.0.1-security", "t": 1_641_290_346, "b": 434, "f": 2}])),
            ("/details/unpublished", Value::Null),
        ],
    );
}

/// Any one of the signs is enough.
#[test]
fn signs_of_a_held_package() {
    for (manifest, version, state) in [
        (r#""description":"security holding package""#, "1.0.0", "security-holding"),
        (r#""repository":"npm/security-holder""#, "1.0.0", "security-holding"),
        (r#""repository":{"type":"git","url":"git+https://github.com/npm/security-holder.git"}"#, "1.0.0", "security-holding"),
        (r#""license":"MIT""#, "0.0.2-security", "security-holding"),
        (r#""license":"MIT""#, "0.0.1-security.1", "security-holding"),
        (r#""description":"a security holding package""#, "0.0.1", "active"),
        (r#""repository":"npm/deprecate-holder""#, "1.0.0", "active"),
        (r#""license":"MIT""#, "0.1.0-security", "active"),
    ] {
        let json = format!(r#"{{"name":"x","dist-tags":{{"latest":"{version}"}},"versions":{{"{version}":{{{manifest}}}}}}}"#);
        check(&json, &read(&json), &[("/observation/state", json!(state))]);
    }
}

#[test]
fn everything_wrong_at_once_loses_only_the_bad_bits() {
    check(
        LEGACY,
        &read(LEGACY),
        &[
            // The tag names nothing, so the highest release is shown.
            ("/observation/summary/version", json!("2.0.0")),
            ("/observation/summary/license", json!("MIT OR GPL-2.0")),
            ("/observation/summary/maintainers", json!(["jane", "joe"])),
            ("/observation/summary/keywords", json!(["a", "b", "c"])),
            ("/observation/summary/bugs", json!("mailto:jane@example.com")),
            ("/observation/summary/homepage", Value::Null),
            ("/observation/summary/description", Value::Null),
            ("/observation/summary/deprecated", Value::Null),
            ("/observation/repository", json!("https://github.com/jane/legacy")),
            ("/details/dist_tags", json!([{"tag": "latest", "version": "9.9.9"}, {"tag": "undefined", "version": "1.0.0"}])),
            ("/details/latest", json!(1)),
            ("/details/versions", json!([{"v": "1.0.0", "t": 1_293_840_000, "d": "deprecated"}, {"v": "2.0.0"}])),
            ("/details/unpublished", Value::Null),
            ("/manifests/0/commands", json!(["."])),
            ("/manifests/0/platforms", json!(["linux"])),
            ("/manifests/0/funding", json!(["https://a.example", "https://b.example"])),
            ("/manifests/0/dependencies", Value::Null),
            ("/manifests/0/engines", Value::Null),
            ("/manifests/0/bundled_dependencies", Value::Null),
            ("/manifests/0/description", Value::Null),
            ("/readme", Value::Null),
        ],
    );
}

#[test]
fn rebuilt_by_a_mirror_or_published_by_bun() {
    check(
        MIRROR,
        &read(MIRROR),
        &[
            ("/observation/summary/version", json!("3.0.1")),
            ("/observation/summary/published_at", json!(1_774_054_127)),
            ("/observation/summary/maintainers", json!([])),
            ("/manifests/0/author", json!("Jon Schlinkert")),
            ("/manifests/0/integrity", json!("sha512-…")),
            ("/readme", Value::Null),
        ],
    );
    check(
        BUN,
        &read(BUN),
        &[
            ("/observation/summary/maintainers", json!(["jane"])),
            ("/observation/summary/publisher", json!("jane")),
            ("/manifests/0/is_esm", json!(true)),
            ("/manifests/0/is_commonjs", Value::Null),
            ("/manifests/0/shasum", json!("0")),
            ("/readme", Value::Null),
        ],
    );
}

/// A line of an import is told apart by its fields, and read to the same end.
#[test]
fn lines_of_an_import_are_the_same_documents() {
    for json in [ABBREVIATED, FULL, UNPUBLISHED, HELD, LEGACY, MIRROR, BUN] {
        match parse_record(json.as_bytes(), NOW) {
            Ok(Record::Packument(packument)) => assert_eq!(shown(&packument), read(json)),
            other => panic!("{other:?}: {json}"),
        }
    }
}

/// What registries and those in front of them answer instead, should it ever get past the status.
#[test]
fn answers_that_are_no_documents() {
    let cut = &FULL[..FULL.len() / 2];
    let gzip: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let json = |error: &RecordError| matches!(error, RecordError::Json(_));
    let unnamed = |error: &RecordError| matches!(error, RecordError::NoName);
    let kinds: [&dyn Fn(&RecordError) -> bool; 2] = [&json, &unnamed];
    for (body, kind) in [
        (br#"{"error":"Not found"}"#.as_slice(), 1),
        (br#"{"error":"version not found: 9.9.9"}"#, 1),
        (br#""version not found: 9.9.9""#, 0),
        (b"{}", 1),
        (br#"{"code":"MethodNotAllowedError","message":"GET is not allowed"}"#, 1),
        (br#"{"error":"Missing \"Bearer\" header."}"#, 1),
        (b"<html><body>error 1015</body></html>", 0),
        (b"Sorry, you have been blocked", 0),
        (b"", 0),
        (b"null", 0),
        (b"[]", 0),
        (cut.as_bytes(), 0),
        (gzip, 0),
        (br#"{"errors":[{"status":404,"message":"not there"}]}"#, 1),
        (b"\xff\xfe{\x00", 0),
    ] {
        let error = parse_packument(body, NOW).expect_err("no document");
        assert!(kinds[kind](&error), "{error:?}: {}", String::from_utf8_lossy(body));
        parse_record(body, NOW).expect_err("no record");
        parse_hit_page(body, NOW).expect_err("no page");
    }
}
