//! READMEs in the terminal: the stored HTML as text, with its links below it.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;

use html2text::render::{TaggedLine, TextDecorator};

/// Text wider than this is hard to read.
const WIDEST: usize = 100;
/// Before code and the like.
const INDENT: &str = "    ";

/// What a piece of text is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mark {
    #[default]
    Plain,
    Link,
    Image,
    Emphasis,
    Strong,
    Struck,
    Code,
    Block,
}

impl Mark {
    /// The number of its style.
    fn style(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Link => Some("4"),
            Self::Image => Some("2"),
            Self::Emphasis => Some("3"),
            Self::Strong => Some("1"),
            Self::Struck => Some("9"),
            Self::Code | Self::Block => Some("36"),
        }
    }
}

/// Marks pieces of text, and numbers links.
#[derive(Debug, Clone)]
struct Decorator {
    colours: bool,
    /// Each once, in the order of their first mention.
    links: Rc<RefCell<Vec<String>>>,
    /// What stands behind the links that are open.
    ends: Vec<String>,
}

impl Decorator {
    /// A sign that stands for a style where there are none.
    fn sign(&self, sign: &str) -> String {
        if self.colours { String::new() } else { sign.to_owned() }
    }
}

impl TextDecorator for Decorator {
    type Annotation = Mark;

    fn decorate_link_start(&mut self, url: &str) -> (String, Mark) {
        // A link inside the page leads nowhere here; one to a page of ours is what `show` understands.
        if url.starts_with('#') || url.is_empty() {
            self.ends.push(String::new());
            return (String::new(), Mark::Plain);
        }
        let url = url.strip_prefix("/pkg:").map_or_else(|| url.to_owned(), |package| format!("pkg:{package}"));
        let mut links = self.links.borrow_mut();
        let number = links.iter().position(|link| *link == url).unwrap_or_else(|| {
            links.push(url);
            links.len() - 1
        });
        self.ends.push(format!("[{}]", number + 1));
        (String::new(), Mark::Link)
    }

    fn decorate_link_end(&mut self) -> String {
        self.ends.pop().unwrap_or_default()
    }

    fn decorate_em_start(&self) -> (String, Mark) {
        (self.sign("*"), Mark::Emphasis)
    }

    fn decorate_em_end(&self) -> String {
        self.sign("*")
    }

    fn decorate_strong_start(&self) -> (String, Mark) {
        (self.sign("**"), Mark::Strong)
    }

    fn decorate_strong_end(&self) -> String {
        self.sign("**")
    }

    fn decorate_strikeout_start(&self) -> (String, Mark) {
        (self.sign("~~"), Mark::Struck)
    }

    fn decorate_strikeout_end(&self) -> String {
        self.sign("~~")
    }

    fn decorate_code_start(&self) -> (String, Mark) {
        (self.sign("`"), Mark::Code)
    }

    fn decorate_code_end(&self) -> String {
        self.sign("`")
    }

    fn decorate_preformat_first(&self) -> Mark {
        Mark::Block
    }

    fn decorate_preformat_cont(&self) -> Mark {
        Mark::Block
    }

    fn decorate_image(&mut self, _: &str, title: &str) -> (String, Mark) {
        (format!("[{title}]"), Mark::Image)
    }

    /// The page's own headings come above, so a README begins with the third level.
    fn header_prefix(&self, level: usize) -> String {
        "#".repeat(level.saturating_sub(2).max(1)) + " "
    }

    // The renderer takes prefixes to be as wide as they have bytes.
    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "* ".to_owned()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        self.clone()
    }
}

/// The text of a README, in so many columns where there are that many.
pub(crate) fn render(html: &str, width: usize, colours: bool) -> anyhow::Result<String> {
    let links = Rc::default();
    let decorator = Decorator { colours, links: Rc::clone(&links), ends: Vec::new() };
    let width = width.saturating_sub(INDENT.len()).clamp(20, WIDEST);
    let config = html2text::config::with_decorator(decorator).allow_width_overflow().unicode_strikeout(false);
    let mut text = String::new();
    for line in config.lines_from_read(readable(html).as_bytes(), width)? {
        text.push_str(shown(&line, colours).trim_end());
        text.push('\n');
    }
    for (index, link) in links.borrow().iter().enumerate() {
        if index == 0 {
            text.push('\n');
        }
        text.push_str(&without_controls(&format!("[{}] {link}", index + 1)));
        text.push('\n');
    }
    Ok(text)
}

fn shown(line: &TaggedLine<Vec<Mark>>, colours: bool) -> String {
    let pieces: Vec<_> = line.tagged_strings().map(|piece| (without_controls(&piece.s), piece.tag.as_slice())).collect();
    let is_block = pieces.iter().any(|(_, marks)| marks.contains(&Mark::Block));
    let plain: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
    let is_heading = !is_block && plain.starts_with('#') && plain.trim_start_matches('#').starts_with(' ');
    let mut shown = if is_block { INDENT.to_owned() } else { String::new() };
    for (text, marks) in pieces {
        let mut styles: Vec<&str> = marks.iter().filter_map(|mark| mark.style()).collect();
        if is_heading {
            styles.push("1");
        }
        if colours && !styles.is_empty() && !text.trim().is_empty() {
            let _ = write!(shown, "\u{1b}[{}m{text}\u{1b}[0m", styles.join(";"));
        } else {
            shown.push_str(&text);
        }
    }
    shown
}

/// A README is hostile input, and terminals obey control characters.
fn without_controls(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The HTML without the links that headings have to themselves, with signs in the place of boxes, and with blocks that are code or not
/// looking the same.
fn readable(html: &str) -> String {
    let html = html.replace("</code></pre>", "</pre>");
    let mut readable = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        readable.push_str(before);
        let is_in_pre = readable.ends_with('>') && readable.rfind('<').is_some_and(|start| readable[start..].starts_with("<pre"));
        let left_out = if tag.starts_with("<code>") && is_in_pre {
            Some("<code>".len())
        } else if tag.starts_with("<a class=\"anchor\"") {
            tag.find("</a>").map(|end| end + "</a>".len())
        } else if tag.starts_with("<input") {
            tag.find('>').map(|end| {
                readable.push_str(if tag[..end].contains(" checked") { "[x] " } else { "[ ] " });
                end + 1
            })
        } else {
            None
        };
        match left_out {
            Some(end) => rest = &tag[end..],
            None => {
                readable.push('<');
                rest = &tag[1..];
            }
        }
    }
    readable.push_str(rest);
    readable
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTML: &str = "<h3 id=\"user-content-x\">Usage<a class=\"anchor\" href=\"#user-content-x\" aria-hidden=\"true\">#</a></h3>\
        <p>Run <code>npm i</code> and <strong>read</strong> <a href=\"https://example.com/a\">the manual</a>, \
        <a href=\"#user-content-x\">above</a>, <a href=\"/pkg:vue\">vue</a>, <a href=\"https://example.com/a\">again</a>.&#27;[31m</p>\
        <pre><code><span class=\"tok-keyword\">let</span> x = 1;\n  y</code></pre>\
        <ul><li><input type=\"checkbox\" disabled checked> done</li><li>two</li></ul><blockquote><p>Said</p><ul><li>so</li></ul></blockquote><img src=\"/img/x\" alt=\"A picture\">\
        <table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>";

    #[test]
    fn as_plain_text() {
        let text = render(HTML, 100, false).expect("text");
        for part in [
            "# Usage\n",
            "Run `npm i` and **read** the manual[1], above, vue[2], again[1].",
            "    let x = 1;\n      y\n",
            "[x] done",
            "* two",
            "> Said\n> * so\n",
            "[A picture]",
            "\n[1] https://example.com/a\n[2] pkg:vue\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!text.contains('\u{1b}') && !text.contains("#user-content"), "{text}");
    }

    #[test]
    fn with_colours() {
        let text = render(HTML, 40, true).expect("text");
        assert!(text.contains("\u{1b}[1m# Usage\u{1b}[0m"), "{text:?}");
        assert!(text.contains("\u{1b}[36mnpm i\u{1b}[0m") && !text.contains("\u{1b}[31m"), "{text:?}");
    }

    #[test]
    fn whatever_comes() {
        assert_eq!(render("", 1, false).expect("text").trim(), "");
        assert_eq!(render("a < b <", 100, false).expect("text").trim(), "a < b <");
        assert!(render("<a class=\"anchor\" x", 100, true).is_ok());
        assert!(render(&"<table><tr><td>x".repeat(50), 20, true).is_ok());
    }
}
