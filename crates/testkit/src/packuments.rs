//! Packuments of a usual size, as many as wanted, each different.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

const WORDS: [&str; 16] = [
    "parse", "stream", "value", "returns", "the", "given", "option", "default", "when", "missing", "callback", "promise", "encoding",
    "buffer", "schema", "every",
];

/// A packument with 5 to 64 versions, dependencies, maintainers and a README of 2 to 60 kB with headings, lists, code, tables, images and
/// links. The same number gives the same document.
#[must_use]
pub fn packument(name: &str, number: u64) -> Value {
    let mut random = fastrand::Rng::with_seed(number);
    let count = random.usize(5..65);
    let (mut versions, mut time) = (Map::new(), Map::new());
    time.insert("created".to_owned(), json!("2015-03-01T10:00:00.000Z"));
    let mut last = String::new();
    for place in 0..count {
        last = format!("{}.{}.{}", place / 12, place % 12, random.u8(0..9));
        let dependencies = |random: &mut fastrand::Rng, most: usize| {
            let names =
                (0..random.usize(0..most)).map(|_| (format!("dependency-{}", random.u16(..)), json!(format!("^{}.0.0", random.u8(0..9)))));
            Value::Object(names.collect())
        };
        let manifest = json!({
            "name": name, "version": last, "description": format!("Package number {number} that parses values and streams them"), "license": "MIT",
            "keywords": ["parse", "stream", format!("word{}", number % 100)], "author": {"name": "Jane Doe"},
            "repository": {"type": "git", "url": format!("git+https://github.com/jane/repository-{number}.git"), "directory": "packages/core"},
            "homepage": "https://docs.example/start", "bugs": {"url": format!("https://github.com/jane/repository-{number}/issues")},
            "dependencies": dependencies(&mut random, 20), "devDependencies": dependencies(&mut random, 30), "peerDependencies": dependencies(&mut random, 4),
            "engines": {"node": ">=18"}, "main": "index.js", "types": "index.d.ts", "exports": {".": {"import": "./index.mjs", "require": "./index.js"}},
            "_npmUser": {"name": "jane"}, "maintainers": [{"name": "jane"}, {"name": "joe"}],
            "dist": {"tarball": format!("https://registry.example/{name}/-/x-{last}.tgz"), "shasum": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "fileCount": random.u16(1..400), "unpackedSize": random.u32(1_000..4_000_000)},
        });
        time.insert(last.clone(), json!(format!("20{:02}-{:02}-11T12:00:00.000Z", 15 + place / 12, place % 12 + 1)));
        versions.insert(last.clone(), manifest);
    }
    time.insert("modified".to_owned(), json!("2026-11-01T10:00:00.000Z"));
    let length = random.usize(2_000..60_000);
    json!({
        "_id": name, "name": name, "dist-tags": {"latest": last, "next": last}, "versions": versions, "time": time,
        "maintainers": [{"name": "jane"}, {"name": "joe"}], "readme": readme(name, length, &mut random), "readmeFilename": "README.md",
    })
}

fn readme(name: &str, length: usize, random: &mut fastrand::Rng) -> String {
    let mut text = format!("# {name}\n\n[![build](https://img.example/{name}.svg)](https://ci.example/{name})\n\n");
    let words =
        |random: &mut fastrand::Rng, count: usize| (0..count).map(|_| WORDS[random.usize(..WORDS.len())]).collect::<Vec<_>>().join(" ");
    let mut section = 0;
    while text.len() < length {
        section += 1;
        let _ = write!(
            text,
            "## Section {section}\n\n{}. See [the guide](docs/guide-{section}.md) and `option{section}`.\n\n",
            words(random, 60)
        );
        match section % 4 {
            0 => text.push_str("| option | type | default |\n|---|---|---:|\n| a | `string` | x |\n| b | `number` | 7 |\n\n"),
            1 => {
                let _ = write!(
                    text,
                    "```js\nimport {{ parse }} from \"{name}\";\nconst value = parse(await read(\"file\"), {{ limit: {section} }}); // {}\n```\n\n",
                    words(random, 6)
                );
            }
            2 => {
                for _ in 0..6 {
                    let _ = writeln!(text, "- {}", words(random, 9));
                }
                text.push('\n');
            }
            _ => {
                let _ = write!(text, "> [!NOTE]\n> {}\n\n![a picture](images/{section}.png)\n\n", words(random, 12));
            }
        }
    }
    text
}
