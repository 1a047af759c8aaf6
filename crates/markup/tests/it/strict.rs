//! A reader of HTML that accepts only what a README may contain, written without a look at the renderer's own lists.

const ELEMENTS: &str = " a abbr address b blockquote br caption cite code dd del details dfn div dl dt em figcaption figure h3 h4 h5 h6 hr i img \
     input ins kbd li mark ol p picture pre q s samp section small source span strike strong sub summary sup table tbody td tfoot th \
     thead tr tt u ul var wbr ";
const ATTRIBUTES: &str = " align alt aria-hidden aria-label checked class colspan decoding dir disabled height href id loading media open \
     referrerpolicy rel reversed role rowspan scope src srcset start tabindex title type valign value width ";
const VOID: [&str; 6] = ["br", "hr", "img", "input", "source", "wbr"];

/// Says what is wrong with the HTML, if anything is.
pub(crate) fn check(html: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut ids = std::collections::HashSet::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        plain(&rest[..at])?;
        rest = &rest[at + 1..];
        if let Some(end) = rest.strip_prefix('/') {
            let (name, after) = end.split_once('>').ok_or("an end tag without an end")?;
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes something else"));
            }
            rest = after;
            continue;
        }
        let end = rest.find([' ', '>']).ok_or("a tag without an end")?;
        let name = &rest[..end];
        if !ELEMENTS.contains(&format!(" {name} ")) {
            return Err(format!("<{name}>"));
        }
        rest = &rest[end..];
        let mut attributes = Vec::new();
        while let Some(attribute) = rest.strip_prefix(' ') {
            let (key, after) = attribute.split_once("=\"").ok_or("an attribute without a value")?;
            let (value, after) = after.split_once('"').ok_or("a value without an end")?;
            if !ATTRIBUTES.contains(&format!(" {key} ")) || key.starts_with("on") || key == "style" {
                return Err(format!("<{name} {key}>"));
            }
            if attributes.iter().any(|(other, _)| *other == key) {
                return Err(format!("<{name}> has {key} twice"));
            }
            one(name, key, value)?;
            if key == "id" && !ids.insert(value) {
                return Err(format!("the id {value} twice"));
            }
            attributes.push((key, value));
            rest = after;
        }
        rest = rest.strip_prefix('>').ok_or_else(|| format!("<{name} is not a clean tag"))?;
        let has = |key: &str, wanted: &str| attributes.iter().any(|(other, value)| *other == key && *value == wanted);
        let external = attributes.iter().any(|(key, value)| *key == "href" && !value.starts_with(['#', '/']));
        if external && !has("rel", "nofollow ugc noopener noreferrer") {
            return Err("an external link without rel".to_owned());
        }
        if name == "input" && !(has("type", "checkbox") && has("disabled", "")) {
            return Err("an input that is not a disabled checkbox".to_owned());
        }
        if name == "img"
            && !(has("loading", "lazy") && has("referrerpolicy", "no-referrer") && attributes.iter().any(|(key, _)| *key == "alt"))
        {
            return Err("an image that loads eagerly, says from where, or has no alt".to_owned());
        }
        if !VOID.contains(&name) {
            open.push(name);
        }
    }
    plain(rest)?;
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stay open")) }
}

fn plain(text: &str) -> Result<(), String> {
    let hidden = |c: char| (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.contains('>') || text.contains(hidden) {
        return Err(format!("text that is not plain: {text:?}"));
    }
    Ok(())
}

fn one(element: &str, key: &str, value: &str) -> Result<(), String> {
    plain(value)?;
    let own = |address: &str| address.starts_with('/') && !address.starts_with("//") && !address.starts_with("/\\");
    let fine = match key {
        "href" => {
            let pages = value.starts_with("/pkg:") || value.starts_with("/@") || value.starts_with("/?q=");
            pages || ["https://", "http://", "mailto:", "#user-content-"].iter().any(|start| value.starts_with(start))
        }
        "src" => {
            value.starts_with("/img/")
                || ["png", "gif", "jpeg", "webp"].iter().any(|kind| value.starts_with(&format!("data:image/{kind};base64,")))
        }
        "srcset" => value.split(", ").all(own),
        "id" => value.starts_with("user-content-"),
        "class" => value.split(' ').all(|class| {
            class.starts_with("tok-") && element == "span"
                || class.starts_with("markdown-alert")
                || matches!(
                    class,
                    "scroll" | "anchor" | "footnotes" | "footnote-ref" | "footnote-backref" | "task-list-item" | "contains-task-list"
                )
        }),
        "width" | "height" => value.trim_end_matches('%').bytes().all(|b| b.is_ascii_digit()),
        _ => true,
    };
    if fine { Ok(()) } else { Err(format!("<{element} {key}=\"{value}\">")) }
}
