//! From the HTML of a markdown renderer, with whatever the author wrote in between, to well-formed HTML for a page of ours.
//!
//! One pass over tags and text. Every tag that comes out was made here, with its attributes checked and escaped, and is closed in order,
//! nested at most [`MAX_DEPTH`] deep. So whoever parses the result has no errors to repair and no depth to fear.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::highlight::highlight;
use crate::links::{Base, Link, inline_image};
use crate::readme::{Heading, ID_PREFIX};
use crate::sanitise::{ALLOWED_CLASSES, ELEMENTS, EXTERNAL, is_image_type, is_length, is_media, local};
use crate::tags::{Token, Tokens, decode};

/// Elements open at a time; deeper ones lose their tags and keep their text.
const MAX_DEPTH: usize = 96;
/// Bytes of HTML after which the rest is left out.
const MAX_OUTPUT: usize = 4 * 1024 * 1024;
/// Bytes of code highlighted in one README.
const MAX_HIGHLIGHTED: usize = 256 * 1024;
/// Escaped characters in a row of text without a tag; html5ever copies the row again at each of them.
const MAX_ESCAPED: usize = 60_000;
/// Longest text attribute kept, in bytes.
const MAX_TEXT: usize = 1_000;
/// Most headings listed.
const MAX_CONTENTS: usize = 1_000;

/// What the rewriter needs to know of the package.
pub(crate) struct Setting<'a> {
    pub(crate) base: Base,
    /// Package name, in lower case and without its scope.
    pub(crate) name: String,
    pub(crate) image: &'a dyn Fn(&str) -> String,
}

/// What came out.
pub(crate) struct Rewritten {
    pub(crate) html: String,
    pub(crate) contents: Vec<Heading>,
    pub(crate) cut: bool,
}

pub(crate) fn rewrite(html: &str, setting: &Setting<'_>) -> Rewritten {
    let mut rewriter = Rewriter {
        setting,
        out: String::with_capacity(html.len() * 2),
        open: Vec::new(),
        heading: None,
        levels: Vec::new(),
        slugs: HashMap::new(),
        heading_ids: HashSet::new(),
        contents: Vec::new(),
        tables: 0,
        codes: 0,
        highlighted: 0,
        skipped: None,
        escaped: 0,
        cut: false,
    };
    let mut tokens = Tokens::new(html);
    while let Some(token) = tokens.next() {
        if rewriter.out.len() > MAX_OUTPUT {
            rewriter.cut = true;
            break;
        }
        rewriter.token(token, &mut tokens);
    }
    rewriter.close_to(0);
    let html = settle_ids(&rewriter.out, &rewriter.heading_ids);
    Rewritten { html, contents: rewriter.contents, cut: rewriter.cut }
}

struct Open {
    name: &'static str,
    /// Written behind the end tag.
    after: &'static str,
}

struct OpenHeading {
    /// Where its content begins in the output.
    start: usize,
    depth: u8,
    align: String,
    text: String,
    alternative: String,
    has_image: bool,
}

struct Rewriter<'a> {
    setting: &'a Setting<'a>,
    out: String,
    open: Vec<Open>,
    heading: Option<OpenHeading>,
    /// The headings that what follows stands under: the author's depth and the level it has here, so that none is skipped.
    levels: Vec<(u8, u8)>,
    slugs: HashMap<String, usize>,
    heading_ids: HashSet<String>,
    contents: Vec<Heading>,
    tables: usize,
    codes: usize,
    highlighted: usize,
    /// The foreign element being left out, and how many of its name are open.
    skipped: Option<(String, usize)>,
    /// Escaped characters since the last tag.
    escaped: usize,
    cut: bool,
}

type Attributes = [(String, String)];

impl Rewriter<'_> {
    fn token(&mut self, token: Token<'_>, tokens: &mut Tokens<'_>) {
        if let Some((name, depth)) = &mut self.skipped {
            match token {
                Token::Open { name: other, closed: false, .. } if other == *name => *depth += 1,
                Token::Close(other) if other == *name => *depth -= 1,
                _ => {}
            }
            if *depth == 0 {
                self.skipped = None;
            }
            return;
        }
        match token {
            Token::Text(text) => self.text(text),
            Token::Close(name) => {
                if let Some(name) = element(if name == "center" { "div" } else { &name }) {
                    self.close(name);
                }
            }
            Token::Open { name, closed, .. } if matches!(name.as_str(), "svg" | "math") => {
                if !closed {
                    self.skipped = Some((name, 1));
                }
            }
            Token::Open { name, attributes, .. } => {
                if let Some(name) = element(&name) {
                    self.open(name, &attributes, tokens);
                } else if name == "center" {
                    self.open("div", &[("align".to_owned(), "center".to_owned())], tokens);
                }
            }
        }
    }

    fn top(&self) -> &'static str {
        self.open.last().map_or("", |open| open.name)
    }

    fn text(&mut self, text: &str) {
        let text = decode(text);
        // Between rows there is room for blanks only.
        if matches!(self.top(), "table" | "thead" | "tbody" | "tfoot" | "tr") {
            if text.trim().is_empty() {
                return self.out.push_str(if text.contains('\n') { "\n" } else { "" });
            }
            self.open_cell();
        }
        if matches!(self.top(), "picture") {
            return;
        }
        // The first line break in `pre` is not shown and would go missing again at each reading.
        let text = if self.out.ends_with("<pre>") { text.trim_start_matches('\n') } else { &text };
        self.escaped += text.bytes().filter(|b| b"&<>\"'\xc2".contains(b)).count();
        if self.escaped > MAX_ESCAPED {
            self.cut = true;
            return;
        }
        crate::escape_into(&mut self.out, text);
        if let Some(heading) = &mut self.heading {
            heading.text.push_str(text);
        }
    }

    /// Rows, sections and cells that the author left out.
    fn open_cell(&mut self) {
        if self.top() == "table" {
            self.start("tbody", "", "");
        }
        if self.top() != "tr" {
            self.start("tr", "", "");
        }
        self.start("td", "", "");
    }

    /// Writes a start tag and remembers to close it. `attributes` begin with a blank each.
    fn start(&mut self, name: &'static str, attributes: &str, after: &'static str) {
        self.escaped = 0;
        self.out.push('<');
        self.out.push_str(name);
        self.out.push_str(attributes);
        self.out.push('>');
        self.open.push(Open { name, after });
    }

    /// Closes elements until `depth` are open.
    fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            self.escaped = 0;
            if let Some(Open { name, after }) = self.open.pop() {
                if heading_depth(name).is_some() {
                    self.end_heading();
                } else {
                    self.out.push_str("</");
                    self.out.push_str(name);
                    self.out.push('>');
                    self.out.push_str(after);
                }
            }
        }
    }

    /// The innermost open element that `wanted` holds for, without looking beyond one that `wall` holds for.
    fn find(&self, wanted: impl Fn(&str) -> bool, wall: impl Fn(&str) -> bool) -> Option<usize> {
        for (at, open) in self.open.iter().enumerate().rev() {
            if wanted(open.name) {
                return Some(at);
            }
            if wall(open.name) {
                return None;
            }
        }
        None
    }

    fn close(&mut self, name: &'static str) {
        let found = if is_inline(name) {
            self.find(|other| other == name, |other| !is_inline(other))
        } else if is_table_part(name) {
            self.find(|other| other == name, |other| other == "table")
        } else {
            self.find(|other| other == name || (heading_depth(name).is_some() && heading_depth(other).is_some()), is_table_part)
        };
        if let Some(at) = found {
            self.close_to(at);
        }
    }

    fn open(&mut self, name: &'static str, attributes: &Attributes, tokens: &mut Tokens<'_>) {
        if is_table_part(name) {
            return self.open_table_part(name, attributes);
        }
        if self.open.len() >= MAX_DEPTH {
            return;
        }
        if matches!(self.top(), "table" | "thead" | "tbody" | "tfoot" | "tr") {
            self.open_cell();
        }
        if !is_inline(name) {
            if self.find(|other| other == "pre", |_| false).is_some() {
                return;
            }
            if let Some(at) = self.find(|other| other == "p", is_table_part) {
                self.close_to(at);
            }
        }
        match name {
            "br" | "wbr" => {
                let _ = write!(self.out, "<{name}>");
            }
            "hr" => self.out.push_str("<hr>"),
            "img" => self.image(attributes),
            "input" => self.checkbox(attributes),
            "source" => self.source(attributes),
            "a" => self.anchor(attributes),
            "pre" => self.code(attributes, tokens),
            "li" => {
                if let Some(at) = self.find(|other| other == "li", |other| matches!(other, "ul" | "ol") || is_table_part(other)) {
                    self.close_to(at);
                }
                if matches!(self.top(), "ul" | "ol") {
                    self.plain(name, attributes);
                }
            }
            "dt" | "dd" => {
                if let Some(at) = self.find(|other| matches!(other, "dt" | "dd"), |other| other == "dl" || is_table_part(other)) {
                    self.close_to(at);
                }
                if self.top() == "dl" {
                    self.plain(name, attributes);
                }
            }
            "summary" if self.top() != "details" => {}
            "picture" if self.top() == "picture" => {}
            _ if heading_depth(name).is_some() => self.start_heading(name, attributes),
            _ => self.plain(name, attributes),
        }
    }

    fn open_table_part(&mut self, name: &'static str, attributes: &Attributes) {
        let sections = |other: &str| matches!(other, "thead" | "tbody" | "tfoot");
        if name == "table" {
            if matches!(self.top(), "table" | "thead" | "tbody" | "tfoot" | "tr") {
                self.open_cell();
            }
            if let Some(at) = self.find(|other| other == "p", is_table_part) {
                self.close_to(at);
            }
            // Room for the parts of the table is kept.
            if self.open.len() + 4 >= MAX_DEPTH
                || self.heading.is_some()
                || self.find(|other| other == "pre" || other == "a", |_| false).is_some()
            {
                return;
            }
            let attributes = common(name, attributes);
            if self.find(|other| other == "table", |_| false).is_some() {
                return self.start(name, &attributes, "");
            }
            self.tables += 1;
            let _ = write!(self.out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table {}\">", self.tables);
            return self.start(name, &attributes, "</div>");
        }
        let Some(table) = self.find(|other| other == "table", |_| false) else { return };
        match name {
            "caption" | "thead" | "tbody" | "tfoot" => {
                self.close_to(table + 1);
            }
            "tr" => {
                if let Some(section) = self.find(sections, |other| other == "table") {
                    self.close_to(section + 1);
                } else {
                    self.close_to(table + 1);
                    self.start("tbody", "", "");
                }
            }
            _ => match self.find(|other| other == "tr", |other| other == "table") {
                Some(row) => self.close_to(row + 1),
                None => self.open_table_part("tr", &[]),
            },
        }
        if self.open.len() < MAX_DEPTH {
            let attributes = common(name, attributes);
            self.start(name, &attributes, "");
        }
    }

    fn plain(&mut self, name: &'static str, attributes: &Attributes) {
        let attributes = common(name, attributes);
        self.start(name, &attributes, "");
    }

    fn anchor(&mut self, attributes: &Attributes) {
        // A link within a link ends the outer one.
        if let Some(at) = self.find(|other| other == "a", |other| !is_inline(other)) {
            self.close_to(at);
        }
        if self.find(|other| other == "a", |_| false).is_some() {
            return;
        }
        let mut own = common("a", attributes);
        if let Some(link) = value(attributes, "href").and_then(|href| self.setting.base.link(href)) {
            match link {
                Link::Local(address) => push_attribute(&mut own, "href", &address),
                Link::External(address) => {
                    push_attribute(&mut own, "href", &address);
                    push_attribute(&mut own, "rel", EXTERNAL);
                }
            }
            if let Some(label) = value(attributes, "aria-label").filter(|_| own.contains("footnote-backref")) {
                push_text_attribute(&mut own, "aria-label", label);
            }
            self.start("a", &own, "");
        } else if own.contains(" data-id=") {
            self.start("a", &own, "");
        }
    }

    /// An image by way of our own address, or its text.
    fn image(&mut self, attributes: &Attributes) {
        let alternative = value(attributes, "alt").unwrap_or_default();
        if let Some(heading) = &mut self.heading {
            heading.alternative.push_str(alternative);
            heading.has_image = true;
        }
        let source = value(attributes, "src").unwrap_or_default();
        let address = match inline_image(source) {
            Some(inline) => inline.to_owned(),
            None => self.setting.base.image(source).map(|address| (self.setting.image)(&address)).filter(|a| local(a)).unwrap_or_default(),
        };
        if address.is_empty() {
            return crate::escape_into(&mut self.out, shortened(alternative));
        }
        let mut own = String::new();
        push_attribute(&mut own, "src", &address);
        push_text_attribute(&mut own, "alt", alternative);
        own.push_str(&common("img", attributes));
        let _ = write!(self.out, "<img{own} loading=\"lazy\" decoding=\"async\" referrerpolicy=\"no-referrer\">");
    }

    fn source(&mut self, attributes: &Attributes) {
        if self.top() != "picture" {
            return;
        }
        let mut entries = Vec::new();
        for entry in value(attributes, "srcset").unwrap_or_default().split(", ").take(8) {
            let mut words = entry.split_whitespace();
            let address = words.next().and_then(|word| self.setting.base.image(word.trim_end_matches(',')));
            let address = address.map(|address| (self.setting.image)(&address));
            let Some(address) = address.filter(|address| local(address) && !address.contains([' ', ','])) else { continue };
            let size = words.next().unwrap_or_default().trim_end_matches(',');
            let number = size.strip_suffix(['x', 'w']).unwrap_or_default();
            if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
                entries.push(format!("{address} {size}"));
            } else {
                entries.push(address);
            }
        }
        if entries.is_empty() {
            return;
        }
        let mut own = String::new();
        push_attribute(&mut own, "srcset", &entries.join(", "));
        if let Some(media) = value(attributes, "media").filter(|media| is_media(media)) {
            push_attribute(&mut own, "media", media);
        }
        if let Some(kind) = value(attributes, "type").filter(|kind| is_image_type(kind)) {
            push_attribute(&mut own, "type", kind);
        }
        let _ = write!(self.out, "<source{own}>");
    }

    fn checkbox(&mut self, attributes: &Attributes) {
        if !value(attributes, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("checkbox")) {
            return;
        }
        self.out.push_str(if value(attributes, "checked").is_some() {
            "<input type=\"checkbox\" disabled=\"\" checked=\"\" aria-label=\"done\">"
        } else {
            "<input type=\"checkbox\" disabled=\"\" aria-label=\"not done\">"
        });
    }

    /// A block of code, highlighted when it is one piece of text in a known language.
    fn code(&mut self, attributes: &Attributes, tokens: &mut Tokens<'_>) {
        self.codes += 1;
        let attributes = common("pre", attributes);
        let _ = write!(self.out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"code {}\">", self.codes);
        self.start("pre", &attributes, "</div>");
        let mut ahead = tokens.clone();
        let Some(Token::Open { name, attributes, .. }) = ahead.next() else { return };
        if name != "code" {
            return;
        }
        *tokens = ahead.clone();
        self.start("code", "", "");
        let class = value(&attributes, "class").unwrap_or_default();
        let Some(language) = class.split_whitespace().find_map(|class| class.strip_prefix("language-")) else { return };
        if let (Some(Token::Text(text)), Some(Token::Close(end))) = (ahead.next(), ahead.next())
            && end == "code"
            && self.highlighted + text.len() <= MAX_HIGHLIGHTED
            && let Some(html) = highlight(&decode(text), language)
        {
            self.highlighted += text.len();
            self.out.push_str(&html);
            self.close("code");
            *tokens = ahead;
        }
    }

    fn start_heading(&mut self, name: &'static str, attributes: &Attributes) {
        if self.heading.is_some() {
            return;
        }
        let align: String = common(name, attributes)
            .split_inclusive('"')
            .collect::<Vec<_>>()
            .chunks(2)
            .fold(String::new(), |kept, pair| if pair[0].starts_with(" align=") { kept + &pair.concat() } else { kept });
        let start = self.out.len();
        // The author's own name for it stays reachable.
        if let Some(id) = value(attributes, "id").filter(|id| !id.is_empty() && id.len() < 200 && !id.contains(char::is_whitespace)) {
            let mut own = String::new();
            push_attribute(&mut own, "data-id", &format!("{ID_PREFIX}{}", id.strip_prefix(ID_PREFIX).unwrap_or(id)));
            let _ = write!(self.out, "<span{own}></span>");
        }
        let depth = heading_depth(name).unwrap_or(1);
        self.heading = Some(OpenHeading { start, depth, align, text: String::new(), alternative: String::new(), has_image: false });
        self.open.push(Open { name, after: "" });
    }

    fn end_heading(&mut self) {
        let Some(heading) = self.heading.take() else { return };
        let content = self.out.split_off(heading.start);
        let text = heading.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let slug = self.unique_slug(&text);
        let id = format!("{ID_PREFIX}{slug}");
        let mut own = String::new();
        push_attribute(&mut own, "id", &id);
        self.heading_ids.insert(id.clone());
        let named = text.trim_start_matches('@').rsplit('/').next().unwrap_or_default().trim().to_lowercase();
        if heading.depth == 1 && !heading.has_image && named == self.setting.name && self.out.trim().is_empty() {
            // The page has this heading already; links to it still lead somewhere.
            let _ = write!(self.out, "<span{own}></span>");
            return;
        }
        while self.levels.last().is_some_and(|(depth, _)| *depth >= heading.depth) {
            self.levels.pop();
        }
        let level = self.levels.last().map_or(3, |(_, level)| (level + 1).min(6));
        self.levels.push((heading.depth, level));
        let _ = write!(self.out, "<h{level}{own}{}>{content}", heading.align);
        if self.find(|other| other == "a", |_| false).is_none() {
            let mut link = String::new();
            push_attribute(&mut link, "href", &format!("#{id}"));
            let _ = write!(self.out, "<a class=\"anchor\"{link} aria-hidden=\"true\" tabindex=\"-1\">#</a>");
        }
        let _ = write!(self.out, "</h{level}>");
        let text = if text.is_empty() { heading.alternative.split_whitespace().collect::<Vec<_>>().join(" ") } else { text };
        if !text.is_empty() && self.contents.len() < MAX_CONTENTS {
            self.contents.push(Heading { level, id, text: shortened(&text).to_owned() });
        }
    }

    fn unique_slug(&mut self, text: &str) -> String {
        let base = slug(shortened(text));
        let mut found = base.clone();
        while self.slugs.contains_key(&found) {
            let count = self.slugs.entry(base.clone()).or_default();
            *count += 1;
            found = format!("{base}-{count}");
        }
        self.slugs.insert(found.clone(), 0);
        found
    }
}

/// The attributes that need no thought, as they are written in a tag.
fn common(name: &str, attributes: &Attributes) -> String {
    let mut out = String::new();
    for (key, value) in attributes {
        let value = value.as_str();
        match (name, key.as_str()) {
            (_, "id") | ("a", "name")
                if !value.is_empty() && value.len() < 200 && !value.contains(char::is_whitespace) && !out.contains(" data-id=") =>
            {
                let bare = value.strip_prefix(ID_PREFIX).unwrap_or(value);
                push_attribute(&mut out, "data-id", &format!("{ID_PREFIX}{bare}"));
            }
            ("a" | "div" | "li" | "p" | "section" | "span" | "sup" | "ul", "class") => {
                // What scrolls is made here only.
                let classes: Vec<&str> =
                    value.split_whitespace().filter(|class| ALLOWED_CLASSES.contains(class) && *class != "scroll").collect();
                if !classes.is_empty() {
                    push_attribute(&mut out, "class", &classes.join(" "));
                }
            }
            ("div" | "p" | "img" | "table" | "td" | "th" | "tr" | "thead" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6", "align") => {
                let value = value.to_ascii_lowercase();
                let known = matches!(value.as_str(), "left" | "center" | "right" | "justify");
                if known || (name == "img" && matches!(value.as_str(), "top" | "middle" | "bottom")) {
                    push_attribute(&mut out, "align", &value);
                }
            }
            ("td" | "th" | "p" | "div", "style") if !out.contains(" align=") => {
                let wanted = value.split(';').filter_map(|rule| rule.split_once(':')).find(|(key, _)| key.trim() == "text-align");
                if let Some((_, side)) = wanted
                    && matches!(side.trim(), "left" | "center" | "right")
                {
                    push_attribute(&mut out, "align", side.trim());
                }
            }
            ("td" | "th" | "tr", "valign") if matches!(value, "top" | "middle" | "bottom" | "baseline") => {
                push_attribute(&mut out, key, value);
            }
            ("td" | "th", "colspan" | "rowspan") if value.parse().is_ok_and(|count: u16| count <= 1_000) => {
                push_attribute(&mut out, key, value);
            }
            ("td" | "th" | "img", "width") | ("img", "height") => {
                let length = value.trim().trim_end_matches("px");
                if is_length(length) {
                    push_attribute(&mut out, key, length);
                }
            }
            ("th", "scope") if matches!(value, "row" | "col" | "rowgroup" | "colgroup") => push_attribute(&mut out, key, value),
            ("ol", "start") | ("li", "value") if value.parse::<i32>().is_ok() => push_attribute(&mut out, key, value),
            ("ol", "reversed") | ("details", "open") => push_attribute(&mut out, key, ""),
            ("a" | "abbr" | "img", "title") => push_text_attribute(&mut out, key, value),
            (_, "dir") if matches!(value, "ltr" | "rtl" | "auto") => push_attribute(&mut out, key, value),
            _ => {}
        }
    }
    out
}

/// The id GitHub gives a heading: lower case, without punctuation, blanks as hyphens.
fn slug(text: &str) -> String {
    let slug: String = text
        .trim()
        .to_lowercase()
        .chars()
        .filter(|&c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ') || is_mark(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect();
    if slug.is_empty() { "heading".to_owned() } else { slug }
}

/// Combining marks of the scripts that cannot do without them.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{dff}' | '\u{e31}'..='\u{e4e}')
}

/// Ids of headings win over the ones an author gave to anything else, and the first of two wins. The rewriter writes an author's id as
/// `data-id`; a quote in a text or a value is always escaped, so the pattern stands in tags only.
fn settle_ids(html: &str, headings: &HashSet<String>) -> String {
    const MARK: &str = " data-id=\"";
    let mut seen: HashSet<&str> = headings.iter().map(String::as_str).collect();
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        rest = &rest[at + MARK.len()..];
        let end = rest.find('"').unwrap_or(rest.len());
        if seen.insert(&rest[..end]) {
            out.push_str(" id=\"");
            out.push_str(&rest[..end]);
            out.push('"');
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

fn value<'v>(attributes: &'v Attributes, name: &str) -> Option<&'v str> {
    attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    crate::escape_into(out, value);
    out.push('"');
}

fn push_text_attribute(out: &mut String, name: &str, value: &str) {
    push_attribute(out, name, shortened(value));
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

/// The element that is kept under this name, which for the old `h1` and `h2` is decided later.
fn element(name: &str) -> Option<&'static str> {
    ["h1", "h2"].into_iter().chain(ELEMENTS).find(|known| *known == name)
}

fn heading_depth(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', digit @ b'1'..=b'6'] => Some(digit - b'0'),
        _ => None,
    }
}

fn is_table_part(name: &str) -> bool {
    matches!(name, "table" | "caption" | "thead" | "tbody" | "tfoot" | "tr" | "td" | "th")
}

/// Elements that stand in a line of text and do not end a paragraph.
fn is_inline(name: &str) -> bool {
    matches!(
        name,
        "a" | "abbr"
            | "b"
            | "br"
            | "cite"
            | "code"
            | "del"
            | "dfn"
            | "em"
            | "i"
            | "img"
            | "input"
            | "ins"
            | "kbd"
            | "mark"
            | "picture"
            | "q"
            | "s"
            | "samp"
            | "small"
            | "source"
            | "span"
            | "strike"
            | "strong"
            | "sub"
            | "sup"
            | "tt"
            | "u"
            | "var"
            | "wbr"
    )
}
