//! READMEs as HTML.

use std::fmt::{self, Write as _};

use comrak::{Arena, Options, format_html, try_parse_document};

use crate::links::Base;
use crate::rewrite::{Rewritten, Setting, rewrite};
use crate::sanitise::sanitise_settled;

/// Raised when the output changes, so that stored HTML is rendered anew.
pub const RENDERER: i64 = 1;
/// Bytes of a README that are rendered; the rest is left out.
pub const MAX_README: usize = 1024 * 1024;

/// Stands before every id, so that no README can name a part of the page around it.
pub(crate) const ID_PREFIX: &str = "user-content-";

/// Bytes of HTML taken from the markdown renderer: reference definitions and tables can multiply a text.
const MAX_HTML: usize = 4 * 1024 * 1024;
/// Block markers at the beginning of a line, and blank lines in a row: beyond these a parser's work grows with the product of both.
const MAX_MARKERS: usize = 48;
const MAX_BLANK_LINES: usize = 40;
/// Most columns of a table.
const MAX_COLUMNS: usize = 100;
/// How often the parser may ask whether to go on, which it does every 256 steps. A text of [`MAX_README`] that people wrote needs a
/// fraction of it.
const MAX_STEPS: u32 = 8_000;

/// A README and what has to be known of its package.
#[derive(Clone, Copy)]
pub struct ReadmeSource<'a> {
    /// The text as published.
    pub text: &'a str,
    /// `README.md`, `README.markdown`, `README`, `README.rst` and so on; `None` means markdown.
    pub filename: Option<&'a str>,
    /// The package's name, scope included. An opening heading that repeats it is left out.
    pub package: &'a str,
    /// Where the repository is browsed, as `model::browse_url` gives it: `https://github.com/u/r`.
    pub repository: Option<&'a str>,
    /// `repository.directory`: the package's directory in the repository, `packages/core`.
    pub directory: Option<&'a str>,
    /// From an absolute http or https address of an image to a path of this site that serves it. What is not such a path is not used.
    pub image: &'a dyn Fn(&str) -> String,
}

impl fmt::Debug for ReadmeSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadmeSource").field("package", &self.package).field("filename", &self.filename).finish_non_exhaustive()
    }
}

/// A rendered README.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Readme {
    /// Safe HTML for the inside of a page that has its own `h1` and `h2`.
    pub html: String,
    /// Its headings in order.
    pub contents: Vec<Heading>,
    /// Whether it was longer than what is rendered.
    pub cut: bool,
}

/// One heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// 3 to 6, as in `h3`.
    pub level: u8,
    /// The element's id, `user-content-usage`.
    pub id: String,
    /// Its text without markup.
    pub text: String,
}

/// Renders a README: GitHub's markdown, with headings from `h3` on, addresses made absolute, images by way of `source.image`, code
/// highlighted, wide parts in scrolling regions, and nothing in it that could run or reach another server by itself. Texts in other
/// formats are shown as they are. Never fails, and takes time and memory in proportion to the text.
#[must_use]
pub fn render_readme(source: &ReadmeSource<'_>) -> Readme {
    let text = &source.text[..source.text.floor_char_boundary(MAX_README)];
    let cut = text.len() < source.text.len();
    let text: String = text.replace("\r\n", "\n").replace('\r', "\n").chars().filter(|&c| !crate::hidden(c)).collect();
    if text.trim().is_empty() {
        return Readme { cut, ..Readme::default() };
    }
    let (html, whole) =
        source.filename.is_none_or(is_markdown).then(|| markdown(&text)).flatten().unwrap_or_else(|| (preformatted(&text), true));
    let setting = Setting {
        base: Base::new(source.repository, source.directory),
        name: source.package.rsplit('/').next().unwrap_or_default().to_lowercase(),
        image: source.image,
    };
    let Rewritten { html, contents, cut: cut_again } = rewrite(&html, &setting);
    Readme { html: sanitise_settled(&html), contents, cut: cut || !whole || cut_again }
}

/// A bare `README` is markdown on npm more often than not.
fn is_markdown(filename: &str) -> bool {
    let name = filename.rsplit('/').next().unwrap_or_default();
    let Some((_, extension)) = name.rsplit_once('.') else { return true };
    matches!(extension.to_ascii_lowercase().as_str(), "md" | "markdown" | "mdown" | "mkd" | "mkdn" | "mdx" | "html" | "htm")
}

fn preformatted(text: &str) -> String {
    let mut html = String::from("<pre><code>");
    crate::escape_into(&mut html, text);
    html.push_str("</code></pre>");
    html
}

/// HTML as the markdown renderer writes it, and whether it is all of it. `None` when the text asks for more work than a README is worth.
fn markdown(text: &str) -> Option<(String, bool)> {
    let (matter, text) = front_matter(text);
    let text = tamed(text);
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.strikethrough = true;
    extension.table = true;
    extension.autolink = true;
    extension.tasklist = true;
    extension.footnotes = true;
    extension.alerts = true;
    extension.shortcodes = true;
    options.render.r#unsafe = true;
    options.render.tasklist_classes = true;
    let arena = Arena::new();
    let asked = std::cell::Cell::new(0);
    let enough = || {
        asked.set(asked.get() + 1);
        asked.get() > MAX_STEPS
    };
    let root = try_parse_document(&arena, &text, &options, &enough).ok()?;
    let mut html = Bounded(matter);
    let whole = format_html(root, &options, &mut html).is_ok();
    Some((html.0, whole))
}

/// A text that refuses to grow beyond [`MAX_HTML`].
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_HTML {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// What stands between `---` at the beginning as a table, and the text after it.
fn front_matter(text: &str) -> (String, &str) {
    let nothing = (String::new(), text);
    let Some(rest) = text.strip_prefix("---\n") else { return nothing };
    let mut rows = String::new();
    let mut length = 0;
    for line in rest.split_inclusive('\n').take(100) {
        length += line.len();
        let line = line.trim_end();
        if line == "---" {
            if rows.is_empty() {
                return nothing;
            }
            return (format!("<table><tbody>{rows}</tbody></table>\n"), &rest[length..]);
        }
        match line.split_once(':') {
            Some((key, value)) if !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) => {
                rows.push_str("<tr><th scope=\"row\">");
                crate::escape_into(&mut rows, key);
                rows.push_str("</th><td>");
                crate::escape_into(&mut rows, value.trim().trim_matches(['"', '\'']));
                let _ = rows.write_str("</td></tr>");
            }
            // Lists and texts over several lines belong to the key before them.
            _ if line.is_empty() || line.starts_with([' ', '-', '#', '\t']) => {}
            _ => return nothing,
        }
    }
    nothing
}

/// The text with a blank after the `#` of headings that lack it, and without what is written only to keep a parser busy.
fn tamed(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut fence: Option<(u8, usize)> = None;
    let mut blank = 0;
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        blank = if start.is_empty() { blank + 1 } else { 0 };
        if blank > MAX_BLANK_LINES {
            continue;
        }
        let indent = line.len() - start.len();
        let line = without_depth(line);
        let mark = start.as_bytes().first().copied().filter(|mark| b"`~".contains(mark));
        let run = mark.map_or(0, |mark| start.bytes().take_while(|&b| b == mark).count());
        match (fence, mark) {
            (Some((open, length)), Some(mark)) if mark == open && run >= length && start[run..].trim().is_empty() => fence = None,
            (None, Some(mark)) if run >= 3 && !(mark == b'`' && start[run..].contains('`')) => fence = Some((mark, run)),
            (None, None) => {
                let level = start.bytes().take_while(|&b| b == b'#').count();
                let lazy = start[level..].chars().next().is_some_and(|c| !c.is_whitespace() && c != '!' && !c.is_ascii_digit());
                if indent <= 3 && (1..=6).contains(&level) && lazy && line.ends_with(start) {
                    out.push_str(&start[..level]);
                    out.push(' ');
                    out.push_str(&start[level..]);
                    continue;
                }
            }
            _ => {}
        }
        out.push_str(line);
    }
    out
}

/// The line without the block markers that nest deeper than [`MAX_MARKERS`] and the columns beyond [`MAX_COLUMNS`].
fn without_depth(line: &str) -> &str {
    let mut markers = 0;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'>' | b'-' | b'+' | b'*' | b'.' | b')' => markers += 1,
            b' ' | b'\t' | b'0'..=b'9' => {}
            _ => break,
        }
        if markers > MAX_MARKERS && line[at..].contains([' ', '>']) {
            return line[at..].trim_start_matches(|c: char| " \t>-+*.)0123456789".contains(c));
        }
    }
    let columns = line.bytes().filter(|&b| b == b'|').count();
    if columns > MAX_COLUMNS && line.bytes().all(|b| b"|-: \t\n>".contains(&b)) { "\n" } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, filename: &str) -> Readme {
        let image = |address: &str| format!("/img/{}", address.trim_start_matches("https://"));
        render_readme(&ReadmeSource {
            text,
            filename: Some(filename),
            package: "@mark/sample",
            repository: Some("https://github.com/mark/wahlberg"),
            directory: None,
            image: &image,
        })
    }

    #[test]
    fn pieces() {
        let check = |text: &str, expected: &str| {
            let html = render(text, "README.md").html.replace(" rel=\"nofollow ugc noopener noreferrer\"", "");
            let html = html.replace(" loading=\"lazy\" decoding=\"async\" referrerpolicy=\"no-referrer\"", "");
            assert_eq!(html.trim(), expected, "{text}");
        };
        check("[a](docs/x.md)", "<p><a href=\"https://github.com/mark/wahlberg/blob/HEAD/docs/x.md\">a</a></p>");
        check("![p](/deep/p.png)", "<p><img src=\"/img/raw.githubusercontent.com/mark/wahlberg/HEAD/deep/p.png\" alt=\"p\"></p>");
        check(
            "[![b](https://img.shields.io/x)](https://ci.example)",
            "<p><a href=\"https://ci.example/\"><img src=\"/img/img.shields.io/x\" alt=\"b\"></a></p>",
        );
        check("<a href='https://a.example/x' rel=bookmark target=_self>x</a>", "<p><a href=\"https://a.example/x\">x</a></p>");
        check("<p align=center>x</p>", "<p align=\"center\">x</p>");
        check("<details open><summary>s</summary>x</details>", "<details open=\"\"><summary>s</summary>x</details>");
        check("<iframe src='//malware.example'></iframe>x", "x");
        check("<div style='position:fixed' class=evil onclick=x>y</div>", "<div>y</div>");
        check("#######foo", "<p>#######foo</p>");
        check("`#foo`", "<p><code>#foo</code></p>");
        check("<center>a</center>b", "<div align=\"center\">a</div>b");
        check("<b>a<br/>b", "<p><b>a<br>b</b></p>");
        check(
            "<table><td style='text-align:center;color:red'>x",
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table 1\"><table><tbody><tr><td align=\"center\">x\n\
             </td></tr></tbody></table></div>",
        );
        check("[x](javascript:pwned(1))", "<p>x</p>");
        check("", "");
    }

    #[test]
    fn headings() {
        let check = |text: &str, expected: &[(u8, &str, &str)]| {
            let contents = render(text, "readme.markdown").contents;
            let found: Vec<_> = contents
                .iter()
                .map(|heading| (heading.level, heading.id.strip_prefix(ID_PREFIX).expect("a prefix"), heading.text.as_str()))
                .collect();
            assert_eq!(found, expected, "{text}");
        };
        check("## API\n\n<h2>API</h2>\n\n## API", &[(3, "api", "API"), (3, "api-1", "API"), (3, "api-2", "API")]);
        check("# Title\n<h3>Sub</h3>\n\n#### Deep", &[(3, "title", "Title"), (4, "sub", "Sub"), (5, "deep", "Deep")]);
        check("### `<Text>`", &[(3, "text", "<Text>")]);
        check("# user-content-title\n# Title", &[(3, "user-content-title", "user-content-title"), (3, "title", "Title")]);
        check("#foo\n\n#foo#\n\n##bar ##", &[(3, "foo", "foo"), (3, "foo-1", "foo#"), (4, "bar", "bar")]);
        check("```\n#foo\n```\n\n#!x\n\n#1", &[]);
        check("# v1.2.3, _what's_ new?", &[(3, "v123-whats-new", "v1.2.3, what's new?")]);
        check("# ???", &[(3, "heading", "???")]);
        check("# sample\n\n## Usage", &[(3, "usage", "Usage")]);
        check("# ![logo](x.png)", &[(3, "heading", "logo")]);
    }

    #[test]
    fn other_formats_are_shown_as_they_are() {
        let html = render("Title\n=====\n<b>", "README.rst").html;
        assert!(html.contains("<pre><code>Title\n=====\n&lt;b&gt;</code></pre>"), "{html}");
        assert!(render("# x", "README").html.contains("<h3"));
    }
}
