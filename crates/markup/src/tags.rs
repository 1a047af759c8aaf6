//! HTML cut into tags and text, without building a tree.
//!
//! It reads as a browser's tokenizer does, as far as that matters: what is given out as text is escaped by the caller, so a difference
//! can lose markup and never add any.

/// A piece of HTML.
#[derive(Debug, PartialEq)]
pub(crate) enum Token<'a> {
    /// As written, with its entities.
    Text(&'a str),
    Open {
        name: String,
        attributes: Vec<(String, String)>,
        closed: bool,
    },
    Close(String),
}

/// Elements whose content is not markup; it is left out.
const RAW: [&str; 9] = ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "plaintext"];
/// Most attributes read of one tag.
const MAX_ATTRIBUTES: usize = 64;

#[derive(Debug, Clone)]
pub(crate) struct Tokens<'a> {
    html: &'a str,
    at: usize,
}

/// Name, attributes, and whether it ends in `/>`.
type Tag = (String, Vec<(String, String)>, bool);

impl<'a> Tokens<'a> {
    pub(crate) fn new(html: &'a str) -> Self {
        Self { html, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.html[self.at..]
    }

    fn skip_past(&mut self, end: &str) {
        self.at = self.rest().find(end).map_or(self.html.len(), |found| self.at + found + end.len());
    }

    /// `<!-- … -->` and what else begins with `<!`, `<?` or `</` without a name.
    fn skip_comment(&mut self) {
        let rest = self.rest();
        if let Some(comment) = rest.strip_prefix("<!--") {
            if comment.starts_with('>') || comment.starts_with("->") {
                return self.skip_past(">");
            }
            let end = comment.match_indices("--").find_map(|(at, _)| {
                let rest = &comment[at + 2..];
                let length = if rest.starts_with("!>") { 4 } else { 3 };
                // In `--->` the first two of three are not the end's.
                let early = rest.starts_with("->").then_some(at + 4);
                early.or((rest.starts_with('>') || length == 4).then_some(at + length))
            });
            self.at = end.map_or(self.html.len(), |end| self.at + 4 + end);
        } else {
            self.skip_past(">");
        }
    }

    fn skip_raw(&mut self, name: &str) {
        let bytes = self.html.as_bytes();
        while let Some(found) = self.rest().find("</") {
            let start = self.at + found + 2;
            let end = start + name.len();
            self.at = start;
            let same = bytes.get(start..end).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()));
            if same && bytes.get(end).is_none_or(|&next| is_space(next) || next == b'/' || next == b'>') {
                return self.skip_past(">");
            }
        }
        self.at = self.html.len();
    }

    /// Reads behind `<` or `</`: the name, the attributes, whether it ends in `/>`. `None` when the text ends before the tag does.
    fn tag(&mut self, from: usize) -> Option<Tag> {
        let bytes = self.html.as_bytes();
        let word = |from: usize, ends: &[u8]| {
            bytes[from..].iter().position(|&b| is_space(b) || ends.contains(&b)).map_or(bytes.len(), |found| from + found)
        };
        let mut at = word(from, b"/>");
        let name = self.html[from..at].to_ascii_lowercase();
        let mut attributes: Vec<(String, String)> = Vec::new();
        let mut closed = false;
        self.at = self.html.len();
        loop {
            match *bytes.get(at)? {
                b'>' => {
                    self.at = at + 1;
                    return Some((name, attributes, closed));
                }
                b'/' => {
                    closed = true;
                    at += 1;
                }
                byte if is_space(byte) => at += 1,
                _ => {
                    closed = false;
                    // An attribute's name may begin with `=`.
                    let end = word(at + 1, b"/>=").max(at + 1);
                    let end = (end..=bytes.len()).find(|&end| self.html.is_char_boundary(end))?;
                    let attribute = self.html[at..end].to_ascii_lowercase();
                    at = end;
                    let mut after = at;
                    while bytes.get(after).is_some_and(|&b| is_space(b)) {
                        after += 1;
                    }
                    let mut value = String::new();
                    if bytes.get(after) == Some(&b'=') {
                        after += 1;
                        while bytes.get(after).is_some_and(|&b| is_space(b)) {
                            after += 1;
                        }
                        let (text, end) = match *bytes.get(after)? {
                            quote @ (b'"' | b'\'') => {
                                let start = after + 1;
                                let end = start + bytes[start..].iter().position(|&b| b == quote)?;
                                (&self.html[start..end], end + 1)
                            }
                            _ => {
                                let end = word(after, b">");
                                (&self.html[after..end], end)
                            }
                        };
                        value = decode(text);
                        at = end;
                    }
                    if attributes.len() < MAX_ATTRIBUTES && !attributes.iter().any(|(name, _)| *name == attribute) {
                        attributes.push((attribute, value));
                    }
                }
            }
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.html.as_bytes();
        loop {
            let start = self.at;
            match (bytes.get(start)?, bytes.get(start + 1), bytes.get(start + 2)) {
                (b'<', Some(b'/'), Some(letter)) if letter.is_ascii_alphabetic() => {
                    return self.tag(start + 2).map(|(name, ..)| Token::Close(name));
                }
                (b'<', Some(b'!' | b'?'), _) | (b'<', Some(b'/'), Some(_)) => self.skip_comment(),
                (b'<', Some(letter), _) if letter.is_ascii_alphabetic() => {
                    let (name, attributes, closed) = self.tag(start + 1)?;
                    if RAW.contains(&name.as_str()) {
                        self.skip_raw(&name);
                    } else {
                        return Some(Token::Open { name, attributes, closed });
                    }
                }
                _ => {
                    // A `<` that begins no tag is text.
                    let from = start + usize::from(bytes[start] == b'<');
                    self.at = self.html[from..].find('<').map_or(self.html.len(), |found| from + found);
                    return Some(Token::Text(&self.html[start..self.at]));
                }
            }
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

/// The entities people write by hand, and all numeric ones, as characters. An unknown one stays as it is written.
pub(crate) fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((length, c)) = entity(rest) {
            out.push(c);
            rest = &rest[length..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// The entity at the beginning of the text: its length in bytes and its character.
fn entity(text: &str) -> Option<(usize, char)> {
    let body = &text.as_bytes()[1..];
    if body.first() == Some(&b'#') {
        let hex = matches!(body.get(1), Some(b'x' | b'X'));
        let digits = &body[if hex { 2 } else { 1 }..];
        let radix = if hex { 16 } else { 10 };
        let length = digits.iter().take_while(|b| char::from(**b).is_digit(radix)).count();
        if length == 0 {
            return None;
        }
        let number = digits[..length]
            .iter()
            .fold(0_u32, |sum, b| sum.saturating_mul(radix).saturating_add(char::from(*b).to_digit(radix).unwrap_or_default()));
        let semicolon = usize::from(digits.get(length) == Some(&b';'));
        let c = char::from_u32(number).filter(|&c| c != '\0').unwrap_or('\u{fffd}');
        return Some((1 + if hex { 2 } else { 1 } + length + semicolon, c));
    }
    let length = body.iter().take(12).position(|&b| b == b';')?;
    let c = match &text[1..=length] {
        "amp" | "AMP" => '&',
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "colon" => ':',
        "sol" => '/',
        "bsol" => '\\',
        "lpar" => '(',
        "rpar" => ')',
        "num" => '#',
        "period" => '.',
        "comma" => ',',
        "Tab" => '\t',
        "NewLine" => '\n',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "hellip" => '…',
        "mdash" => '—',
        "ndash" => '–',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "laquo" => '«',
        "raquo" => '»',
        "bull" => '•',
        "middot" => '·',
        "times" => '×',
        "larr" => '←',
        "uarr" => '↑',
        "rarr" => '→',
        "darr" => '↓',
        "check" => '✓',
        "hearts" => '♥',
        "star" => '☆',
        "ensp" => '\u{2002}',
        "emsp" => '\u{2003}',
        "thinsp" => '\u{2009}',
        "zwj" => '\u{200d}',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "eacute" => 'é',
        "le" => '≤',
        "ge" => '≥',
        "ne" => '≠',
        "deg" => '°',
        "euro" => '€',
        _ => return None,
    };
    Some((length + 2, c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let check = |html: &str, expected: &[&str]| {
            let found: Vec<String> = Tokens::new(html)
                .map(|token| match token {
                    Token::Text(text) => text.to_owned(),
                    Token::Open { name, attributes, closed } => format!("+{name}{attributes:?}{}", if closed { "/" } else { "" }),
                    Token::Close(name) => format!("-{name}"),
                })
                .collect();
            assert_eq!(found, expected, "{html}");
        };
        check("a<B>c</b >", &["a", "+b[]", "c", "-b"]);
        check("<a x=1 Y='<>' z x=2/>", &["+a[(\"x\", \"1\"), (\"y\", \"<>\"), (\"z\", \"\")]"]);
        check("<br/><br / >", &["+br[]/", "+br[]/"]);
        check("1 < 2<3", &["1 ", "< 2", "<3"]);
        check("a<!-- <b> --->b<!--- - -- --!>c<!-- -->c<!-->d<!x>e<?y?>f</ >g", &["a", "b", "c", "c", "d", "e", "f", "g"]);
        check("<script>a</scriptx></SCRIPT >b<style>", &["b"]);
        check("a<b", &["a"]);
        check("a<b x=\"", &["a"]);
        check("<a é=ü>", &["+a[(\"é\", \"ü\")]"]);
        check("<a href=&#x6a;avascript&colon;x&amp;>", &["+a[(\"href\", \"javascript:x&\")]"]);
    }

    #[test]
    fn entities() {
        let check = |text: &str, expected: &str| assert_eq!(decode(text), expected, "{text}");
        check("&lt;&#60;&#x3c;&#x3C", "<<<<");
        check("&unknown; & &; &#; &#x;", "&unknown; & &; &#; &#x;");
        check("&#0;&#xd800;&#99999999999;", "\u{fffd}\u{fffd}\u{fffd}");
    }
}
