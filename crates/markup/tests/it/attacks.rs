use std::fs;
use std::path::Path;

use markup::sanitise;
use proptest::prelude::*;

use crate::{render, strict};

fn check(name: &str, text: &str) {
    let html = render(text).html;
    if let Err(problem) = strict::check(&html) {
        panic!("{name}: {problem}\n{html}");
    }
    assert_eq!(sanitise(&html), html, "{name}: reading it again changes it");
    let again = render(&html).html;
    if let Err(problem) = strict::check(&again) {
        panic!("{name}, rendered twice: {problem}\n{again}");
    }
}

#[test]
fn the_corpus() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    let mut count = 0;
    for entry in fs::read_dir(directory).expect("the corpus") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a text");
        check(&path.display().to_string(), &text);
        count += 1;
    }
    assert!(count >= 60, "only {count} attacks");
}

#[test]
fn images_come_from_this_site_only() {
    let html = render("![a](http://attacker.example/a.png) <img src='x.png'>").html;
    assert_eq!(html.matches("<img src=\"/img/").count(), 2, "{html}");
    assert!(!html.contains("attacker.example"), "{html}");
}

/// Fragments that mean something to one of the parsers, in any order.
fn fragments() -> impl Strategy<Value = String> {
    let pieces = [
        "<",
        ">",
        "</",
        "/>",
        "<a href=",
        "<img src=x onerror=pwned(1) ",
        "<table>",
        "<tr>",
        "<td>",
        "</table>",
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<a href='#x'>",
        "</a>",
        "<svg>",
        "</svg>",
        "<math>",
        "<style>",
        "</style>",
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "<pre>",
        "</pre>",
        "<code class=language-js>",
        "</code>",
        "<h1 id=x>",
        "</h1>",
        "<li>",
        "<ul>",
        "</ul>",
        "<dl>",
        "<dd>",
        "<details>",
        "<summary>",
        "<picture>",
        "<source srcset='x 1x'>",
        "\"",
        "'",
        "`",
        "```",
        "\n",
        "\n\n",
        "    ",
        "> ",
        "- ",
        "1. ",
        "# ",
        "|",
        "|-|-|\n",
        "[",
        "](",
        ")",
        "![",
        "[^1]",
        "[^1]: ",
        "[!NOTE]\n",
        "&",
        "&#x3c;",
        "&lt;",
        "&NewLine;",
        "javascript:",
        "http://attacker.example/",
        "*",
        "**",
        "_",
        "~~",
        ":+1:",
        "\\",
        "x",
        "é",
        "\u{202e}",
        "\0",
        "\r",
        "\t",
        "---\n",
        "<div align=center>",
        "</div>",
        "<center>",
        "<input type=checkbox>",
        "- [x] ",
        "<input>",
        "<br>",
        "<textarea>",
        "<form>",
        "<select>",
        "<template>",
        "<caption>",
        "<th style='text-align:left'>",
        "<blockquote>",
        "<q>",
        "<tt>",
        "<section>",
        "<section class=footnotes>",
        "<a name=y>",
        "<a id=y class=anchor>",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        check("any", &text);
    }

    #[test]
    fn any_markup(text in fragments()) {
        check("fragments", &text);
    }
}
