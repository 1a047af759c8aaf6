//! What holds for any text rendered as a README. The first line is the file's name.

use markup::{ReadmeSource, render_readme};

/// Renders the text and checks that nothing in it could run or reach another server.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (filename, text) = text.split_once('\n').unwrap_or(("", &text));
    let readme = render_readme(&ReadmeSource {
        text,
        filename: Some(filename).filter(|name| !name.is_empty()),
        package: "@scope/thing",
        repository: Some("https://github.com/someone/thing"),
        directory: Some("packages/thing"),
        image: &|_| "/img/x/y".to_owned(),
    });
    let html = readme.html.to_ascii_lowercase();
    for tag in ["script", "style", "iframe", "object", "embed", "link", "meta", "base", "form", "svg", "math", "template", "h1", "h2"] {
        for end in [' ', '>', '/', '\n'] {
            assert!(!html.contains(&format!("<{tag}{end}")), "<{tag}{end} in {html}");
        }
    }
    for (place, _) in html.match_indices("src=\"") {
        assert!(html[place + 5..].starts_with("/img/"), "{html}");
    }
    for (place, _) in html.match_indices(" href=\"") {
        let rest = &html[place + 7..];
        assert!(["http://", "https://", "mailto:", "#", "/"].iter().any(|start| rest.starts_with(start)), "{html}");
    }
    for (place, _) in html.match_indices(" id=\"") {
        assert!(html[place + 5..].starts_with("user-content-"), "{html}");
    }
    for heading in &readme.contents {
        assert!((3..=6).contains(&heading.level) && readme.html.contains(&format!("id=\"{}\"", heading.id)), "{heading:?} in {html}");
    }
    assert_eq!(markup::sanitise(&readme.html), readme.html, "cleaning again changes nothing");
}
