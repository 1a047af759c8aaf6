//! `WWW-Authenticate`: what a resource server says about a refused token (RFC 9110, section 11.6.1; RFC 6750, section 3).

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// One challenge, of which an answer may have several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    /// Instead of parameters, as in `Negotiate YII…`.
    token68: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The authentication scheme as it was written, for example `Bearer`. Compare it without regard to case.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Value of a parameter, whose name has no case. Of several the first.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of a scheme that has one instead of parameters.
    #[must_use]
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }
}

/// Longest header value that is read, and the most challenges of one answer.
const LONGEST: usize = 16 * 1024;
const MOST: usize = 32;

/// All challenges of an answer, in their order; of several headers and of one header with several. What cannot be read is left out.
///
/// ```
/// use client_credentials::parse_challenges;
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("www-authenticate", r#"Basic realm="a, b", Bearer error="invalid_token", scope="x y""#.parse().unwrap());
/// let challenges = parse_challenges(&headers);
/// assert_eq!(challenges[0].parameter("realm"), Some("a, b"));
/// assert_eq!(challenges[1].parameter("error"), Some("invalid_token"));
/// ```
#[must_use]
pub fn parse_challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    for value in headers.get_all(WWW_AUTHENTICATE) {
        // Not `to_str`: a realm may be in any alphabet, and must not hide what stands beside it.
        let text = String::from_utf8_lossy(value.as_bytes());
        if text.len() <= LONGEST {
            Reader { rest: &text }.challenges(&mut challenges);
        }
    }
    challenges
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn challenges(&mut self, found: &mut Vec<Challenge>) {
        let first = found.len();
        loop {
            self.skip(|letter| letter == ',' || letter.is_ascii_whitespace());
            if self.rest.is_empty() {
                return;
            }
            let before = self.rest;
            let word = self.token();
            if word.is_empty() {
                // Something that is no challenge: go on behind the next comma.
                self.skip(|letter| letter != ',');
                continue;
            }
            // `name=value` after a comma belongs to the challenge before it; anything else begins a new one.
            let is_parameter = found.len() > first && {
                let mut ahead = Reader { rest: self.rest };
                ahead.spaces();
                ahead.rest.starts_with('=')
            };
            if is_parameter {
                self.rest = before;
                match (self.parameter(), found.last_mut()) {
                    (Some(parameter), Some(challenge)) => challenge.parameters.push(parameter),
                    _ => self.skip(|letter| letter != ','),
                }
                continue;
            }
            if found.len() == MOST {
                return;
            }
            let mut challenge = Challenge { scheme: word.to_owned(), token68: None, parameters: Vec::new() };
            if self.rest.starts_with([' ', '\t']) {
                self.spaces();
                challenge.token68 = self.token68();
                if challenge.token68.is_none() {
                    challenge.parameters.extend(self.parameter());
                }
            }
            found.push(challenge);
        }
    }

    fn skip(&mut self, while_true: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(while_true);
    }

    fn spaces(&mut self) {
        self.skip(|letter| letter == ' ' || letter == '\t');
    }

    /// RFC 9110, section 5.6.2.
    fn token(&mut self) -> &'a str {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
        let end = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        token
    }

    /// RFC 9110, section 11.2: up to the next comma or the end, so that it is told apart from a parameter.
    fn token68(&mut self) -> Option<String> {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-._~+/".contains(letter);
        let end = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let padding = self.rest[end..].len() - self.rest[end..].trim_start_matches('=').len();
        let (value, rest) = self.rest.split_at(end + padding);
        let after = rest.trim_start_matches([' ', '\t']);
        if end == 0 || !(after.is_empty() || after.starts_with(',')) {
            return None;
        }
        self.rest = rest;
        Some(value.to_owned())
    }

    /// `name=value` or `name="value"`, with spaces around the sign as RFC 9110, section 11.2, allows to read them.
    fn parameter(&mut self) -> Option<(String, String)> {
        let before = self.rest;
        let name = self.token();
        self.spaces();
        let Some(rest) = self.rest.strip_prefix('=').filter(|_| !name.is_empty()) else {
            self.rest = before;
            return None;
        };
        self.rest = rest;
        self.spaces();
        let value = if self.rest.starts_with('"') { self.quoted()? } else { self.token().to_owned() };
        Some((name.to_owned(), value))
    }

    /// RFC 9110, section 5.6.4.
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((index, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &self.rest[index + 1..];
                    return Some(value);
                }
                '\\' => value.push(letters.next()?.1),
                _ => value.push(letter),
            }
        }
        // It is never closed: nothing after it can be told apart.
        self.rest = "";
        None
    }
}
