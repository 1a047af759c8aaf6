//! Documents that are almost JSON.
//!
//! npm cuts READMEs at 64 KiB, through the middle of a character written as two `\u` escapes if need be, and old tools wrote byte order
//! marks and numbers beyond any range. One such bit must not cost the whole document.

/// The document with such bits replaced: half characters by U+FFFD, numbers out of range by null. `None` when there are none.
pub(crate) fn repair(json: &[u8]) -> Option<Vec<u8>> {
    let rest = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let mut changed = rest.len() != json.len();
    let mut kept = Vec::with_capacity(rest.len());
    let (mut place, mut in_string) = (0, false);
    while let Some(&byte) = rest.get(place) {
        let mut step = 1;
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => match surrogate(rest, place) {
                Some(0xd800..0xdc00) if matches!(surrogate(rest, place + 6), Some(0xdc00..0xe000)) => step = 12,
                Some(_) => {
                    kept.extend_from_slice(b"\\ufffd");
                    changed = true;
                    place += 6;
                    continue;
                }
                None => step = 2,
            },
            b'-' | b'0'..=b'9' if !in_string => {
                let length = rest[place..].iter().take_while(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')).count();
                let number = std::str::from_utf8(&rest[place..place + length]).ok().and_then(|text| text.parse::<f64>().ok());
                if number.is_some_and(f64::is_infinite) {
                    kept.extend_from_slice(b"null");
                    changed = true;
                    place += length;
                    continue;
                }
                step = length;
            }
            _ => {}
        }
        let end = (place + step).min(rest.len());
        kept.extend_from_slice(&rest[place..end]);
        place = end;
    }
    changed.then_some(kept)
}

/// The code unit of a `\uD800` to `\uDFFF` escape at this place.
fn surrogate(json: &[u8], place: usize) -> Option<u16> {
    let digits = json.get(place..place + 6)?.strip_prefix(b"\\u")?;
    let unit = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (0xd800..0xe000).contains(&unit).then_some(unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_almost_json() {
        let check = |json: &str, expected: Option<&str>| {
            assert_eq!(repair(json.as_bytes()).map(|bytes| String::from_utf8(bytes).expect("text")).as_deref(), expected, "{json}");
        };
        check(r#"{"a":"cut \ud83d"}"#, Some(r#"{"a":"cut \ufffd"}"#));
        check(r#"{"a":"\ude00\ud83d\ude00"}"#, Some(r#"{"a":"\ufffd\ud83d\ude00"}"#));
        check(r#"{"a":"\ud83d\ud83d\ude00"}"#, Some(r#"{"a":"\ufffd\ud83d\ude00"}"#));
        check(r#"{"a":"\\ud83d","b":1e5,"c":"1e999"}"#, None);
        check(r#"{"a":[1e999,-1e999,2]}"#, Some(r#"{"a":[null,null,2]}"#));
        check("\u{feff}{}", Some("{}"));
        check("\"\\", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn json_stays_what_it_was(text in "\\PC{0,20}", number in any::<f64>()) {
            let json = serde_json::json!({ "text": text, "number": number }).to_string();
            prop_assert_eq!(repair(json.as_bytes()), None);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(prop::sample::select(b"\\u\"d8fe019{}-".to_vec()), 0..40)) {
            let repaired = repair(&bytes).unwrap_or(bytes);
            let _ = serde_json::from_slice::<Value>(&repaired);
        }
    }
}
