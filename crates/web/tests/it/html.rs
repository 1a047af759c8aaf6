//! As much of HTML as it takes to look at our own pages, whose tags are all written out.

use std::collections::HashSet;

/// An opening tag and the text after it.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    /// What stands between it and the next tag.
    pub(crate) text: String,
}

impl Tag {
    pub(crate) fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == attribute).map(|(_, value)| value.as_str())
    }
}

/// The characters that our templates and READMEs write as entities.
pub(crate) fn unescape(text: &str) -> String {
    let text =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&#34;", "\""), ("&#60;", "<"), ("&#62;", ">")]
            .iter()
            .fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character));
    text.replace("&#38;", "&").replace("&amp;", "&")
}

/// All opening tags, in their order.
pub(crate) fn tags(page: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let name_end = rest.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/').expect("a tag ends");
        let name = rest[..name_end].to_ascii_lowercase();
        rest = &rest[name_end..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let end = rest.find(|c: char| c.is_ascii_whitespace() || "=>/".contains(c)).expect("an attribute ends");
            let attribute = rest[..end].to_ascii_lowercase();
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(after) = rest.strip_prefix('=') {
                let quote =
                    after.chars().next().filter(|c| "\"'".contains(*c)).unwrap_or_else(|| panic!("{attribute} of {name} has no quotes"));
                let inside = &after[1..];
                let end = inside.find(quote).expect("quotes are closed");
                value = unescape(&inside[..end]);
                rest = &inside[end + 1..];
            }
            attributes.push((attribute, value));
        }
        let text = unescape(&rest[..rest.find('<').unwrap_or(rest.len())]);
        found.push(Tag { name, attributes, text });
    }
    found
}

/// What a page is checked for, whatever it is; gives the addresses on this site that it links to.
pub(crate) fn check(address: &str, page: &str) -> Vec<String> {
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"), "{address}");
    let tags = tags(page);
    let named = |name: &str| tags.iter().filter(|tag| tag.name == name).collect::<Vec<_>>();
    // Drawings have titles too, but not in the head.
    let head = page.split("</head>").next().unwrap_or_default();
    assert_eq!(head.matches("<title>").count(), 1, "{address}: title\n{page}");
    for once in ["h1", "main"] {
        assert_eq!(named(once).len(), 1, "{address}: {once}\n{page}");
    }
    for element in ["title", "h1"] {
        assert!(!named(element)[0].text.trim().is_empty(), "{address}: an empty {element}");
    }
    let mut ids = HashSet::new();
    let mut links = Vec::new();
    for tag in &tags {
        assert!(!["style", "iframe", "object", "embed", "base"].contains(&tag.name.as_str()), "{address}: <{}>", tag.name);
        let mut attributes = HashSet::new();
        for (name, value) in &tag.attributes {
            assert!(attributes.insert(name), "{address}: {name} twice in one {}", tag.name);
            assert!(name != "style" && !name.starts_with("on"), "{address}: {name}={value:?} in a {}", tag.name);
        }
        if let Some(id) = tag.get("id") {
            assert!(!id.is_empty() && !id.contains(char::is_whitespace) && ids.insert(id), "{address}: id {id:?} twice");
        }
        if tag.name == "script" {
            assert!(
                tag.text.trim().is_empty() && tag.get("src").is_some_and(|src| src.starts_with("/assets/")),
                "{address}: an inline script"
            );
        }
        if tag.name == "img" {
            assert!(tag.get("alt").is_some(), "{address}: an image without words");
            assert!(
                tag.get("src").is_none_or(|src| src.starts_with("/img/") || src.starts_with("/assets/")),
                "{address}: {:?}",
                tag.get("src")
            );
        }
        let link = ["href", "src", "action"].iter().find_map(|name| tag.get(name));
        links.extend(link.filter(|link| link.starts_with('/')).map(str::to_owned));
        let usual = ["/", "#", "https://", "http://", "mailto:"];
        assert!(link.is_none_or(|link| usual.iter().any(|start| link.starts_with(start))), "{address}: {link:?}");
    }
    for tag in &tags {
        if let Some(id) = tag.get("href").and_then(|href| href.strip_prefix('#')).filter(|id| !id.is_empty()) {
            assert!(ids.contains(id), "{address}: nothing has the id {id:?}");
        }
        for pointer in ["for", "aria-labelledby", "aria-describedby", "aria-controls"] {
            for id in tag.get(pointer).unwrap_or_default().split_whitespace() {
                assert!(ids.contains(id), "{address}: {pointer}={id:?} leads nowhere");
            }
        }
    }
    links
}

/// What a page says, without its tags, one blank between words.
pub(crate) fn text(page: &str) -> String {
    let (mut text, mut is_tag) = (String::new(), false);
    for c in page.chars() {
        match c {
            '<' => is_tag = true,
            '>' if is_tag => {
                is_tag = false;
                text.push(' ');
            }
            _ if !is_tag => text.push(c),
            _ => {}
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    unescape(&words.join(" ")).replace(" ,", ",").replace(" ;", ";").replace(" .", ".").replace("( ", "(").replace(" )", ")")
}
