//! The allow list that every README passes last.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use crate::highlight::TOKEN_CLASSES;
use crate::links::inline_image;
use crate::readme::ID_PREFIX;

/// What every link that leaves the site says about itself.
pub(crate) const EXTERNAL: &str = "nofollow ugc noopener noreferrer";

/// Every element a README can have.
pub(crate) const ELEMENTS: [&str; 59] = [
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "input",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "picture",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "source",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
    "address",
];

/// Every class a README can have, besides those of [`TOKEN_CLASSES`].
pub const ALLOWED_CLASSES: [&str; 14] = [
    "anchor",
    "contains-task-list",
    "footnote-backref",
    "footnote-ref",
    "footnotes",
    "markdown-alert",
    "markdown-alert-caution",
    "markdown-alert-important",
    "markdown-alert-note",
    "markdown-alert-tip",
    "markdown-alert-title",
    "markdown-alert-warning",
    "scroll",
    "task-list-item",
];

const ATTRIBUTES: [(&str, &[&str]); 19] = [
    ("a", &["href", "title", "rel", "aria-hidden", "aria-label", "tabindex"]),
    ("abbr", &["title"]),
    ("details", &["open"]),
    ("div", &["align", "tabindex", "role", "aria-label"]),
    ("h3", &["align"]),
    ("h4", &["align"]),
    ("h5", &["align"]),
    ("h6", &["align"]),
    ("img", &["src", "alt", "title", "width", "height", "align", "loading", "decoding", "referrerpolicy"]),
    ("input", &["type", "disabled", "checked", "aria-label"]),
    ("li", &["value"]),
    ("ol", &["start", "reversed"]),
    ("p", &["align"]),
    ("source", &["srcset", "media", "type"]),
    ("table", &["align"]),
    ("td", &["align", "valign", "colspan", "rowspan", "width"]),
    ("th", &["align", "valign", "colspan", "rowspan", "width", "scope"]),
    ("tr", &["align", "valign"]),
    ("thead", &["align"]),
];

static ALLOW_LIST: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    let classes: HashSet<&str> = ALLOWED_CLASSES.into_iter().chain(TOKEN_CLASSES).collect();
    builder
        .tags(ELEMENTS.into())
        .clean_content_tags(HashSet::from(["script", "style", "textarea", "title", "iframe", "noembed", "noframes", "svg", "math", "xmp"]))
        .tag_attributes(ATTRIBUTES.into_iter().map(|(name, list)| (name, list.iter().copied().collect())).collect())
        .generic_attributes(HashSet::from(["id", "dir"]))
        .allowed_classes(
            ["a", "div", "li", "p", "section", "span", "sup", "ul"]
                .into_iter()
                .map(|name| (name, classes.clone()))
                .collect::<HashMap<_, _>>(),
        )
        .url_schemes(HashSet::from(["http", "https", "mailto", "data"]))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(None)
        .attribute_filter(attribute);
    builder
});

/// The part of `html` that is on the allow list. What comes out of it goes through it unchanged.
#[must_use]
pub fn sanitise(html: &str) -> String {
    ALLOW_LIST.clean(html).to_string()
}

/// [`sanitise`], repeated until nothing changes, so that a browser reads what was checked. Escaped text when that does not come about.
pub(crate) fn sanitise_settled(html: &str) -> String {
    let mut before = sanitise(html);
    for _ in 0..4 {
        let after = sanitise(&before);
        if after == before {
            return after;
        }
        before = after;
    }
    let mut text = String::from("<pre>");
    crate::escape_into(&mut text, html);
    text.push_str("</pre>");
    sanitise(&text)
}

/// Whether an attribute on the list may have this value.
fn attribute<'v>(element: &str, name: &str, value: &'v str) -> Option<Cow<'v, str>> {
    let keep = match name {
        "id" => value.len() > ID_PREFIX.len() && value.starts_with(ID_PREFIX) && !value.contains(char::is_whitespace),
        "href" => {
            let web = ["https://", "http://", "mailto:"].iter().any(|scheme| value.starts_with(scheme));
            web || local(value) || value.strip_prefix('#').is_some_and(|fragment| fragment.starts_with(ID_PREFIX))
        }
        "src" => local(value) || inline_image(value) == Some(value),
        "srcset" => value.split(", ").all(local),
        "rel" => value == EXTERNAL,
        "width" | "height" => is_length(value),
        "colspan" | "rowspan" => value.parse().is_ok_and(|count: u16| count <= 1_000),
        "start" | "value" => value.parse::<i32>().is_ok(),
        "align" => matches!(value, "left" | "center" | "right" | "justify" | "top" | "middle" | "bottom"),
        "valign" => matches!(value, "top" | "middle" | "bottom" | "baseline"),
        "dir" => matches!(value, "ltr" | "rtl" | "auto"),
        "scope" => matches!(value, "row" | "col" | "rowgroup" | "colgroup"),
        "role" => value == "region",
        "tabindex" => value == if element == "a" { "-1" } else { "0" },
        "aria-hidden" => value == "true",
        "loading" => value == "lazy",
        "decoding" => value == "async",
        "referrerpolicy" => value == "no-referrer",
        "type" if element == "input" => value == "checkbox",
        "type" => is_image_type(value),
        "media" => is_media(value),
        "open" | "reversed" | "disabled" | "checked" => value.is_empty(),
        // Texts: titles, labels, and classes, which are filtered one by one.
        "alt" | "title" | "aria-label" | "class" => true,
        _ => false,
    };
    keep.then_some(Cow::Borrowed(value))
}

/// A path of this site.
pub(crate) fn local(address: &str) -> bool {
    address.strip_prefix('/').is_some_and(|rest| !rest.starts_with(['/', '\\'])) && !address.contains(|c: char| c.is_control())
}

/// Digits, or digits and a percent sign.
pub(crate) fn is_length(text: &str) -> bool {
    let digits = text.strip_suffix('%').unwrap_or(text);
    (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

pub(crate) fn is_image_type(text: &str) -> bool {
    text.len() < 40
        && text.strip_prefix("image/").is_some_and(|kind| kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)))
}

/// A media query of the kind that chooses between a light and a dark picture, or a wide and a narrow one.
pub(crate) fn is_media(text: &str) -> bool {
    text.len() < 200 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" ():-,.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays() {
        let check = |html: &str, expected: &str| assert_eq!(sanitise(html), expected, "{html}");
        check("<p onclick=x style=x class='a scroll' id=x>t</p>", "<p class=\"scroll\">t</p>");
        check("<img src=/img/x onerror=x><img src=//h/x><img src=http://h/x>", "<img src=\"/img/x\"><img><img>");
        check("<a href='javascript:x'>a</a><a href='data:image/png;base64,AA'>b</a>", "<a>a</a><a>b</a>");
        check("<a href=/pkg:x rel=opener target=_top>a</a>", "<a href=\"/pkg:x\">a</a>");
        check("<source srcset='/a 1x, http://h/x 2x'><source srcset='/a 1x, /b 2x'>", "<source><source srcset=\"/a 1x, /b 2x\">");
        check("<x-y><script>x</script><svg><a>x</a></svg><form>t</form></x-y>", "t");
        check("<h1>a</h1><h3 id=user-content-a>b</h3>", "a<h3 id=\"user-content-a\">b</h3>");
    }
}
