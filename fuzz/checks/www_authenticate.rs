//! What holds for any lines that are sent as `WWW-Authenticate`, and for challenges that were written by its rules.

use client_credentials::{Challenge, parse_challenges};
use http::HeaderMap;
use http::header::{HeaderValue, WWW_AUTHENTICATE};

/// The most challenges of one answer.
const MOST: usize = 32;

/// Reads the bytes as they are, a header a line, and what is written with them.
pub(crate) fn check(bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    any_headers(&lines.take(1_000).collect::<Vec<_>>());
    written(bytes);
}

fn parse(values: &[HeaderValue]) -> Vec<Challenge> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(WWW_AUTHENTICATE, value.clone());
    }
    parse_challenges(&headers)
}

fn any_headers(values: &[HeaderValue]) {
    let challenges = parse(values);
    assert!(challenges.len() <= MOST);
    let mut size = 0;
    for challenge in &challenges {
        assert!(!challenge.scheme().is_empty() && challenge.scheme().bytes().all(is_part), "{challenge:?}");
        assert!(challenge.parameter("").is_none());
        let known = ["realm", "error", "error_description", "scope"].into_iter().filter_map(|name| challenge.parameter(name));
        size += challenge.scheme().len() + challenge.token68().map_or(0, str::len) + known.map(str::len).sum::<usize>();
        assert!(challenge.token68().is_none_or(|value| !value.is_empty() && !value.contains([' ', ',', '"'])), "{challenge:?}");
    }
    // Nothing is read twice. A byte that is not UTF-8 becomes a letter of three.
    assert!(size <= values.iter().map(|value| 3 * value.len()).sum());
    // What stands in one header changes nothing in another one.
    let mut apart: Vec<Challenge> = values.iter().flat_map(|value| parse(std::slice::from_ref(value))).collect();
    apart.truncate(MOST);
    assert_eq!(apart.len(), challenges.len());
    assert!(apart.iter().zip(&challenges).all(|(one, other)| one.scheme() == other.scheme() && one.token68() == other.token68()));
}

/// RFC 9110, section 5.6.2.
fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

struct Written {
    scheme: String,
    token68: Option<String>,
    parameters: Vec<(String, String)>,
}

/// Writes challenges as RFC 9110, section 11.6.1, says, with the bytes deciding how, and finds everything again.
fn written(bytes: &[u8]) {
    let mut bytes = bytes.iter().copied();
    let mut text = String::new();
    let mut all: Vec<Written> = Vec::new();
    while let Some(kind) = bytes.next() {
        if all.len() == MOST || text.len() > 8_000 {
            break;
        }
        // Empty members of the list are allowed and mean nothing.
        if !text.is_empty() {
            text.push_str(pick(kind, &[",", ", ", " ,\t", ", ,", ",,"]));
        }
        let mut challenge = Written { scheme: word(&mut bytes), token68: None, parameters: Vec::new() };
        text.push_str(&challenge.scheme);
        match kind % 4 {
            0 => {}
            1 => {
                let value: String = word(&mut bytes).chars().filter(char::is_ascii_alphanumeric).collect();
                let value = format!("x{value}{}", pick(kind / 4, &["", "=", "=="]));
                text.push(' ');
                text.push_str(&value);
                challenge.token68 = Some(value);
            }
            _ => {
                for index in 0..=kind / 64 {
                    text.push_str(if index == 0 { " " } else { pick(kind, &[",", ", ", " , ", ",,\t"]) });
                    let name = word(&mut bytes);
                    text.push_str(&name);
                    text.push_str(pick(kind / 8, &["=", " = ", "\t=", "= "]));
                    let value = if kind & 4 == 0 { word(&mut bytes) } else { anything(&mut bytes) };
                    if kind & 4 == 0 {
                        text.push_str(&value);
                    } else {
                        text.push('"');
                        for letter in value.chars() {
                            if matches!(letter, '"' | '\\') || kind & 32 != 0 {
                                text.push('\\');
                            }
                            text.push(letter);
                        }
                        text.push('"');
                    }
                    challenge.parameters.push((name, value));
                }
            }
        }
        all.push(challenge);
    }
    let Ok(value) = HeaderValue::from_str(&text) else { return };
    let read = parse(&[value]);
    assert_eq!(read.len(), all.len(), "{text}");
    for (index, (read, written)) in read.iter().zip(&all).enumerate() {
        assert_eq!((read.scheme(), read.token68()), (written.scheme.as_str(), written.token68.as_deref()), "challenge {index} of {text}");
        for (name, _) in &written.parameters {
            // Of several with one name the first.
            let first = written.parameters.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
            assert_eq!(read.parameter(&name.to_ascii_uppercase()), first, "{name} of challenge {index} of {text}");
        }
    }
}

fn pick<'a>(number: u8, of: &[&'a str]) -> &'a str {
    of[usize::from(number) % of.len()]
}

/// One to eight letters of a token.
fn word(bytes: &mut impl Iterator<Item = u8>) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
    let length = 1 + bytes.next().unwrap_or_default() % 8;
    (0..length).map(|_| char::from(LETTERS[usize::from(bytes.next().unwrap_or_default()) % LETTERS.len()])).collect()
}

/// Up to sixteen letters that may stand between quotes.
fn anything(bytes: &mut impl Iterator<Item = u8>) -> String {
    let length = bytes.next().unwrap_or_default() % 17;
    (0..length).map(|_| char::from(0x20 + bytes.next().unwrap_or_default() % 0x5f)).collect()
}
