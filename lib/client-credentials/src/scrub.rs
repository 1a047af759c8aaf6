//! Words of others, made fit to print.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use zeroize::Zeroizing;

use crate::request::form_encoded;

/// Strikes out whatever of a text is the client secret: a server may echo what it received, in the form in which it came or in another.
pub(crate) struct Scrub {
    /// The forms in which it is sent, which are cut out.
    sent: Vec<Zeroizing<String>>,
    /// What must not be there even in part, in lower case: a server may write it in another case.
    telling: Vec<Zeroizing<String>>,
}

/// So many letters of a secret, one after the other, are taken for an echo of it.
const TELLING: usize = 8;

/// Bytes of a text that are looked at; far more than are ever shown.
const LONGEST: usize = 16 * 1024;

const NOT_SHOWN: &str = "(not shown, since it repeats a secret)";

impl Scrub {
    /// `text`: the secret, or nothing. `query`: that of the token endpoint, in which some services want a key.
    pub(crate) fn new(client_id: &str, text: &str, query: Option<&str>) -> Self {
        let encoded = form_encoded(text);
        let basic = |id: &str, secret: &str| Zeroizing::new(STANDARD.encode(Zeroizing::new(format!("{id}:{secret}")).as_bytes()));
        let mut telling = Vec::new();
        if !text.is_empty() {
            telling.push(Zeroizing::new(text.to_ascii_lowercase()));
        }
        // In Base64 it looks different after one, two or three letters of something else, of which the first letters tell.
        for (text, before) in [text, &encoded].into_iter().flat_map(|text| ["", "-", "--"].map(|before| (text, before))) {
            let base64 = Zeroizing::new(STANDARD_NO_PAD.encode(Zeroizing::new(format!("{before}{text}")).as_bytes()));
            telling.push(Zeroizing::new(base64.get(2 * before.len()..).unwrap_or_default().to_ascii_lowercase()));
        }
        let values = query.into_iter().flat_map(|query| query.split('&')).map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
        telling.extend(values.map(|value| Zeroizing::new(value.to_ascii_lowercase())));
        // What is short may be any word, but for the secret itself.
        let mut is_first = !text.is_empty();
        telling.retain(|needle| std::mem::take(&mut is_first) || needle.len() >= TELLING);
        let mut sent = vec![basic(client_id, text), basic(&form_encoded(client_id), &encoded), encoded, Zeroizing::new(text.to_owned())];
        sent.retain(|form| !text.is_empty() && !form.is_empty());
        // The longest first: of two that begin alike, what is left of the longer one would tell.
        sent.sort_by_key(|form| std::cmp::Reverse(form.len()));
        Self { sent, telling }
    }

    /// The same with a token that came along, or a proof: a server may say it more than once.
    pub(crate) fn and(&self, token: &str) -> Self {
        let mut telling = self.telling.clone();
        if token.len() >= TELLING {
            telling.push(Zeroizing::new(token.to_ascii_lowercase()));
        }
        Self { sent: self.sent.clone(), telling }
    }

    /// The text without secrets and control characters, and not longer than so many characters.
    pub(crate) fn text(&self, text: &str, longest: usize) -> String {
        let end = (0..=text.len().min(LONGEST)).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        // First of all: a line break in place of a space must not hide a secret until it is a space itself.
        let mut clean: Zeroizing<String> =
            Zeroizing::new(text[..end].chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect());
        for form in &self.sent {
            if clean.contains(form.as_str()) {
                clean = Zeroizing::new(clean.replace(form.as_str(), "…"));
            }
        }
        if self.repeats(&clean) {
            return NOT_SHOWN.to_owned();
        }
        let mut short: String = clean.chars().take(longest).collect();
        if clean.chars().nth(longest).is_some() {
            short.push('…');
        }
        short
    }

    /// Whether a part of a secret is there, also when it was written for HTML, an address or JSON, once or twice.
    fn repeats(&self, text: &str) -> bool {
        let mut text = Zeroizing::new(text.to_owned());
        for _ in 0..3 {
            let small = Zeroizing::new(text.to_ascii_lowercase());
            let found = self.telling.iter().any(|secret| {
                // All but a strange token is ASCII, so that any part of it is a text.
                let mut parts = secret.as_bytes().windows(TELLING.min(secret.len()));
                parts.any(|part| std::str::from_utf8(part).is_ok_and(|part| small.contains(part)))
            });
            if found {
                return true;
            }
            text = decoded(&text);
        }
        false
    }
}

/// The text with the escapes of HTML, addresses and JSON undone.
fn decoded(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let (decoded, length) = escape(rest).unwrap_or((letter, letter.len_utf8()));
        plain.push(decoded);
        rest = &rest[length..];
    }
    plain
}

/// The letter that an escape at the beginning of the text stands for, and how long the escape is.
fn escape(text: &str) -> Option<(char, usize)> {
    const NAMED: [(&str, char); 5] = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&apos;", '\'')];
    let hexadecimal = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    match text.as_bytes().first()? {
        b'%' => Some((hexadecimal(text.get(1..3)?)?, 3)),
        b'+' => Some((' ', 1)),
        b'\\' if text[1..].starts_with('u') => Some((hexadecimal(text.get(2..6)?)?, 6)),
        b'\\' => text[1..].chars().next().map(|letter| (letter, 1 + letter.len_utf8())),
        b'&' => {
            if let Some((name, letter)) = NAMED.iter().find(|(name, _)| text.starts_with(name)) {
                return Some((*letter, name.len()));
            }
            let end = text.bytes().take(10).position(|byte| byte == b';')?;
            let number = text[..end].strip_prefix("&#")?;
            let letter = match number.strip_prefix(['x', 'X']) {
                Some(digits) => hexadecimal(digits)?,
                None => char::from_u32(number.parse().ok()?)?,
            };
            Some((letter, end + 1))
        }
        _ => None,
    }
}
