//! Reading values that should have one shape and, in a registry as old as npm's, have others.
//!
//! Nothing here fails: what cannot be understood is left out.

use serde_json::{Map, Value};

/// Longest text kept of a field; a description of ten kilobytes exists.
const MAX_TEXT: usize = 2_000;
/// Most keywords and maintainers kept; a package with a thousand keywords exists.
const MAX_ITEMS: usize = 100;

/// A non-empty text without control characters, cut at 2,000 bytes.
pub(crate) fn text(value: Option<&Value>) -> Option<String> {
    clean(value?.as_str()?)
}

pub(crate) fn clean(text: &str) -> Option<String> {
    let mut kept = String::with_capacity(text.len().min(MAX_TEXT));
    for c in text.chars() {
        // Text direction overrides would let a description rewrite the line around it.
        let c = if c.is_control() { ' ' } else { c };
        if matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            continue;
        }
        if kept.len() + c.len_utf8() > MAX_TEXT {
            break;
        }
        if !(c == ' ' && kept.ends_with(' ')) {
            kept.push(c);
        }
    }
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// A list of texts, or one text that lists them with commas or spaces.
pub(crate) fn keywords(value: Option<&Value>) -> Vec<String> {
    let mut found = Vec::new();
    let mut add = |word: &str| {
        if let Some(word) = clean(word)
            && found.len() < MAX_ITEMS
            && !found.contains(&word)
        {
            found.push(word);
        }
    };
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).for_each(&mut add),
        Some(Value::String(list)) => list.split([',', ' ', '\t', '\n']).for_each(&mut add),
        _ => {}
    }
    found
}

/// The user name of a person: `{"name"}` or `{"username"}`, or `name <mail> (url)`.
pub(crate) fn person(value: &Value) -> Option<String> {
    let name = match value {
        Value::String(line) => line.split(['<', '(']).next(),
        Value::Object(fields) => ["username", "name"].iter().find_map(|key| fields.get(*key)?.as_str()),
        _ => None,
    }?;
    clean(name)
}

/// User names, each once.
pub(crate) fn people(value: Option<&Value>) -> Vec<String> {
    let mut found = Vec::new();
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    for name in items.iter().filter_map(person) {
        if found.len() < MAX_ITEMS && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// A licence: a text, an object with `type` or `name`, or a list of either, joined with `OR`.
pub(crate) fn license(fields: &Map<String, Value>) -> Option<String> {
    fn one(value: &Value) -> Option<String> {
        match value {
            Value::String(id) => clean(id),
            Value::Object(fields) => ["type", "name"].iter().find_map(|key| text(fields.get(*key))),
            Value::Array(items) => {
                let ids: Vec<String> = items.iter().take(MAX_ITEMS).filter(|item| !item.is_array()).filter_map(one).collect();
                (!ids.is_empty()).then(|| ids.join(" OR "))
            }
            _ => None,
        }
    }
    ["license", "licence", "licenses"].iter().find_map(|key| one(fields.get(*key)?))
}

/// An http or https address; a bare host name gets `http://`, as npm does it.
pub(crate) fn web_address(value: Option<&Value>) -> Option<String> {
    let found = text(value)?;
    if found.contains(char::is_whitespace) {
        return None;
    }
    let scheme = found.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https") => Some(found),
        // `example.com:8080/x` has a port, not a scheme.
        Some(other) if !other.contains('.') => None,
        _ => Some(format!("http://{found}")),
    }
}

/// Where to report bugs: `{url, email}`, an address, or a mail address.
pub(crate) fn bugs(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Object(fields) => {
            ["url", "web", "name"].iter().find_map(|key| web_address(fields.get(*key))).or_else(|| mail(fields.get("email")?.as_str()?))
        }
        Value::String(line) => mail(line).or_else(|| web_address(value)),
        _ => None,
    }
}

fn mail(line: &str) -> Option<String> {
    let (user, host) = line.rsplit_once('@')?;
    let plausible = !user.is_empty() && host.contains('.') && !line.contains(['/', ' ', ':']);
    clean(line).filter(|_| plausible).map(|line| format!("mailto:{line}"))
}

/// A deprecation: a message, or `true`. Empty texts and `false` take one back.
pub(crate) fn deprecated(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Bool(true) => Some("deprecated".to_owned()),
        Value::String(_) => text(value),
        _ => None,
    }
}

/// A count, given as a number or as digits in a text.
pub(crate) fn count(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// A moment, in any of the ways RFC 3339 is written: seconds since 1970.
pub(crate) fn moment(value: Option<&Value>) -> Option<i64> {
    value?.as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}
