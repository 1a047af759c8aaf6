//! What holds for any text rendered as a README. The first line is the file's name.

use markup::{ReadmeSource, render_readme};

/// Renders the text and checks that nothing in it could run or reach another server.
pub(crate) fn check(bytes: &[u8]) {
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
    for tag in tags(&html) {
        let values = |attribute: &'static str| tag.match_indices(attribute).map(move |(place, _)| &tag[place + attribute.len()..]);
        assert!(values(" src=\"").all(|rest| rest.starts_with("/img/")), "{tag}");
        assert!(values(" id=\"").all(|rest| rest.starts_with("user-content-")), "{tag}");
        let leads_out = |rest: &str| ["http://", "https://", "mailto:", "#", "/"].iter().any(|start| rest.starts_with(start));
        assert!(values(" href=\"").all(leads_out), "{tag}");
        assert!(!tag.contains(" style=\""), "{tag}");
    }
    for heading in &readme.contents {
        assert!((3..=6).contains(&heading.level) && readme.html.contains(&format!("id=\"{}\"", heading.id)), "{heading:?} in {html}");
    }
    assert_eq!(markup::sanitise(&readme.html), readme.html, "cleaning again changes nothing");
}

/// Everything from a `<` to its `>`. In what was cleaned a text has neither, and a value has no quotation mark.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    let mut rest = html;
    std::iter::from_fn(move || {
        rest = &rest[rest.find('<')?..];
        let mut quoted = false;
        let end = rest.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let (tag, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        rest = after;
        Some(tag)
    })
}
