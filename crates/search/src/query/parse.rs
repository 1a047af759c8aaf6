//! From text to a query. A quote always opens or closes; whatever else stands between spaces is a word or a qualifier with its values.

use model::Fact;

use super::{Condition, Filter, Note, Numbers, Query, Sort, Times};

/// A word, or a phrase that stood in quotes.
struct Piece {
    text: String,
    quoted: bool,
}

/// Why a qualifier is not one; what was typed is then searched as text.
type Broken = String;

struct Parser {
    query: Query,
    pieces: Vec<Piece>,
    /// The last `sort:`.
    sort: Option<String>,
    now: i64,
}

pub(super) fn parse(typed: &str, now: i64) -> Query {
    let mut parser = Parser { query: Query::default(), pieces: Vec::new(), sort: None, now };
    let text = parser.balance(typed);
    parser.read(&text);
    parser.finish(&text)
}

/// Whether a word after a hyphen is read as this word.
pub(super) fn is_plain_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphanumeric() || c == '@') && text.chars().all(is_word_character)
}

fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || "-_.@/".contains(c)
}

fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A qualifier's name at the beginning of a word.
fn qualifier(word: &str) -> Option<&str> {
    let (name, value) = word.split_once(':')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    // An address is none.
    (is_name && !value.starts_with("//")).then_some(name)
}

impl Parser {
    /// With plain quotes, an even number of them, and spaces for control characters.
    fn balance(&mut self, typed: &str) -> String {
        let plain = |c: char| match c {
            '“' | '”' | '„' | '‟' => '"',
            c if c.is_control() => ' ',
            c => c,
        };
        let mut text: String = typed.chars().map(plain).collect();
        if text.matches('"').count() % 2 == 1
            && let Some(at) = text.rfind('"')
        {
            self.note(&text[at..], "this quote is not closed, so it is left out");
            // It may stand where a value or a word begins; elsewhere it divides.
            let begins = text[..at].chars().next_back().is_none_or(|before| before.is_whitespace() || ":,-".contains(before));
            text.replace_range(at..=at, if begins { "" } else { " " });
        }
        text
    }

    fn note(&mut self, part: &str, why: impl Into<String>) {
        self.query.notes.push(Note { part: part.trim().to_owned(), why: why.into() });
    }

    fn read(&mut self, text: &str) {
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let start = rest;
            let mut after = rest.chars().skip(1);
            let excluded = rest.starts_with('-') && after.next().is_some_and(|c| c.is_alphanumeric() || c == '@' || c == '"');
            if excluded {
                rest = &rest[1..];
            }
            if let Some(quoted) = rest.strip_prefix('"') {
                let (phrase, behind) = quoted.split_once('"').unwrap_or((quoted, ""));
                rest = behind;
                self.add(single_spaced(phrase), true, excluded);
            } else {
                let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
                let word = &rest[..end];
                if let Some(name) = qualifier(word) {
                    let (values, behind) = values(&rest[name.len() + 1..]);
                    let part = &start[..start.len() - behind.len()];
                    rest = behind;
                    self.qualifier(name, values, part, excluded);
                } else {
                    rest = &rest[end..];
                    self.add(word.to_owned(), false, excluded);
                }
            }
            rest = rest.trim_start();
        }
    }

    fn add(&mut self, text: String, quoted: bool, excluded: bool) {
        if text.is_empty() {
            return;
        }
        if excluded {
            self.query.excluded.push(text);
        } else {
            self.pieces.push(Piece { text, quoted });
        }
    }

    /// Takes a qualifier with its values for what it says, or for text.
    fn qualifier(&mut self, name: &str, values: Vec<Piece>, part: &str, excluded: bool) {
        let lowered = name.to_ascii_lowercase();
        let any = !values.is_empty();
        let Err(why) = self.known(&lowered, values, part, excluded) else { return };
        // While somebody types, a colon after an ordinary word is nothing to speak of.
        if any || why.is_some() {
            let why = why.unwrap_or_else(|| format!("there is no qualifier {lowered}:"));
            self.note(part, format!("{why}, so this is {} as text", if excluded { "excluded" } else { "searched" }));
        }
        let text = part.strip_prefix('-').filter(|_| excluded).unwrap_or(part);
        if !text.contains('"') {
            self.add(text.to_owned(), false, excluded);
            return;
        }
        // Without their quotes, words may be qualifiers of their own.
        let words = text.split(|c: char| !is_word_character(c)).map(|word| word.trim_start_matches('-')).filter(|word| !word.is_empty());
        if excluded {
            self.add(words.collect::<Vec<_>>().join(" "), true, true);
        } else {
            words.for_each(|word| self.add(word.to_owned(), false, false));
        }
    }

    /// Nothing instead of a reason when there is no such qualifier.
    fn known(&mut self, name: &str, values: Vec<Piece>, part: &str, excluded: bool) -> Result<(), Option<Broken>> {
        let strip = |text: String| text.trim_start_matches(|c: char| c == '@' || c.is_whitespace()).to_owned();
        let as_is = |text: String| text;
        let with_host = |owner: String| if owner.contains('/') { owner } else { format!("github.com/{owner}") };
        match name {
            "scope" => self.texts(values, excluded, Condition::Scope, strip)?,
            "keywords" | "keyword" => self.keywords(values, excluded)?,
            "maintainer" | "author" => self.texts(values, excluded, Condition::Maintainer, strip)?,
            "owner" => self.texts(values, excluded, Condition::Owner, with_host)?,
            "license" | "licence" => self.texts(values, excluded, Condition::License, as_is)?,
            "depends" => self.texts(values, excluded, Condition::Depends, as_is)?,
            "name" => self.texts(values, excluded, Condition::Name, as_is)?,
            "is" => self.facts("is", values, part, excluded)?,
            "not" => self.facts("is", values, part, !excluded)?,
            "has" => self.facts("has", values, part, excluded)?,
            "types" => self.facts("types", values, part, excluded)?,
            "module" => self.facts("module", values, part, excluded)?,
            "downloads" => self.push(excluded, Condition::Downloads(ranges(values, Numbers::parse)?)),
            "dependents" => self.push(excluded, Condition::Dependents(ranges(values, Numbers::parse)?)),
            "dependencies" => self.push(excluded, Condition::Dependencies(ranges(values, Numbers::parse)?)),
            "updated" | "published" => {
                let now = self.now;
                self.push(excluded, Condition::Updated(ranges(values, |text| Times::parse(text, now))?));
            }
            "sort" => self.sort(&one(values, excluded)?, part)?,
            "boost-exact" => match one(values, excluded)?.as_str() {
                "false" | "no" | "0" => self.query.exact_as_others = true,
                "true" | "yes" | "1" => self.query.exact_as_others = false,
                _ => return Err(Some("there are boost-exact:true and boost-exact:false".to_owned())),
            },
            _ => return Err(None),
        }
        Ok(())
    }

    fn push(&mut self, excluded: bool, condition: Condition) {
        let filter = Filter { excluded, condition };
        if !self.query.filters.contains(&filter) {
            self.query.filters.push(filter);
        }
    }

    /// Values one of which must be there, and those after a hyphen, which must not.
    fn texts(
        &mut self,
        values: Vec<Piece>,
        excluded: bool,
        condition: fn(Vec<String>) -> Condition,
        clean: impl Fn(String) -> String,
    ) -> Result<(), Broken> {
        let (any, none) = divide(values, clean)?;
        self.push_texts(excluded, vec![any], none, condition)
    }

    fn push_texts(
        &mut self,
        excluded: bool,
        groups: Vec<Vec<String>>,
        none: Vec<String>,
        condition: fn(Vec<String>) -> Condition,
    ) -> Result<(), Broken> {
        let groups: Vec<Vec<String>> = groups.into_iter().filter(|group| !group.is_empty()).collect();
        if excluded && !none.is_empty() {
            return Err("what is excluded cannot have exceptions".to_owned());
        }
        if excluded && groups.len() > 1 {
            return Err("+ cannot stand in what is excluded".to_owned());
        }
        for group in groups {
            self.push(excluded, condition(group));
        }
        if !none.is_empty() {
            self.push(true, condition(none));
        }
        Ok(())
    }

    /// As npm: `a,b` either, `a+b` both, `,-a` not. `+` divides what `,` puts together.
    fn keywords(&mut self, values: Vec<Piece>, excluded: bool) -> Result<(), Broken> {
        let mut groups = vec![Vec::new()];
        let mut none = Vec::new();
        for value in values {
            let parts = if value.quoted { vec![value.text.as_str()] } else { divide_at_plus(&value.text) };
            for (place, part) in parts.into_iter().enumerate() {
                if place > 0 {
                    groups.push(Vec::new());
                }
                let (any, without) = divide(vec![Piece { text: part.to_owned(), quoted: value.quoted }], |text| text)?;
                if let Some(group) = groups.last_mut() {
                    group.extend(any);
                }
                none.extend(without);
            }
        }
        if groups.iter().all(Vec::is_empty) && none.is_empty() {
            return Err(nothing());
        }
        for group in &mut groups {
            unique(group);
        }
        unique(&mut none);
        self.push_texts(excluded, groups, none, Condition::Keyword)
    }

    fn facts(&mut self, qualifier: &'static str, values: Vec<Piece>, part: &str, excluded: bool) -> Result<(), Broken> {
        let (any, none) = divide(values, |text| text)?;
        if excluded && !none.is_empty() {
            return Err("what is excluded cannot have exceptions".to_owned());
        }
        let find = |values: Vec<String>| -> Result<Vec<Fact>, Broken> {
            let mut facts = Vec::new();
            for value in values {
                let fact = fact(qualifier, &value).ok_or_else(|| {
                    let known = Fact::ALL.iter().filter(|(_, key, _)| *key == qualifier);
                    let known: Vec<String> = known.map(|(_, key, value)| format!("{key}:{value}")).collect();
                    format!("there are {}", known.join(", "))
                })?;
                if !facts.contains(&fact) {
                    facts.push(fact);
                }
            }
            Ok(facts)
        };
        let (any, none) = (find(any)?, find(none)?);
        if any.contains(&Fact::Insecure) || none.contains(&Fact::Insecure) {
            self.note(part, "known vulnerabilities are told on packages' pages and are not searched");
        }
        if !any.is_empty() {
            self.push(excluded, Condition::Fact(any));
        }
        if !none.is_empty() {
            self.push(true, Condition::Fact(none));
        }
        Ok(())
    }

    fn sort(&mut self, word: &str, part: &str) -> Result<(), Broken> {
        let known = Sort::ALL.iter().find(|(_, name)| *name == word);
        let Some((sort, _)) = known else {
            let all: Vec<String> = Sort::ALL.iter().map(|(_, word)| format!("sort:{word}")).collect();
            return Err(format!("there are {}", all.join(", ")));
        };
        self.query.sort = *sort;
        if let Some(before) = self.sort.replace(part.to_owned()) {
            self.note(&before, "a later sort: takes its place");
        }
        Ok(())
    }

    fn finish(mut self, text: &str) -> Query {
        let query = &mut self.query;
        // A name may begin with a hyphen, and nobody asks for everything but one word.
        if let [word] = query.excluded.as_slice()
            && self.pieces.is_empty()
            && is_plain_word(word)
            && text.trim().strip_prefix('-') == Some(word)
        {
            query.text = format!("-{word}");
            query.excluded.clear();
            return self.query;
        }
        for piece in self.pieces {
            if !query.text.is_empty() {
                query.text.push(' ');
            }
            let start = query.text.len();
            query.text.push_str(&piece.text);
            if piece.quoted {
                query.phrases.push(start..query.text.len());
            }
        }
        let mut seen = Vec::new();
        query.excluded.retain(|text| {
            let new = !seen.contains(text);
            seen.push(text.clone());
            new
        });
        self.query
    }
}

/// The values after a colon, and what is behind them.
fn values(text: &str) -> (Vec<Piece>, &str) {
    let mut values = Vec::new();
    let mut rest = text;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (value, behind) = quoted.split_once('"').unwrap_or((quoted, ""));
            values.push(Piece { text: single_spaced(value), quoted: true });
            rest = behind;
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == '"' || c == ',').unwrap_or(rest.len());
            values.push(Piece { text: rest[..end].to_owned(), quoted: false });
            rest = &rest[end..];
        }
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind,
            None => break,
        }
    }
    values.retain(|value| !value.text.is_empty());
    (values, rest)
}

fn nothing() -> Broken {
    "nothing stands after the colon".to_owned()
}

/// Lowered values, and apart from them those after a hyphen.
fn divide(values: Vec<Piece>, clean: impl Fn(String) -> String) -> Result<(Vec<String>, Vec<String>), Broken> {
    let (mut any, mut none) = (Vec::new(), Vec::new());
    for value in values {
        let without = value.text.strip_prefix('-').filter(|rest| !value.quoted && !rest.is_empty());
        let text = clean(without.unwrap_or(&value.text).to_lowercase());
        if !text.is_empty() {
            if without.is_some() { &mut none } else { &mut any }.push(text);
        }
    }
    unique(&mut any);
    unique(&mut none);
    if any.is_empty() && none.is_empty() { Err(nothing()) } else { Ok((any, none)) }
}

fn unique(values: &mut Vec<String>) {
    let mut seen = Vec::new();
    values.retain(|value| {
        let new = !seen.contains(value);
        seen.push(value.clone());
        new
    });
}

/// Parts between signs of plus that have letters or digits on both sides: `c++` is one.
fn divide_at_plus(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices('+') {
        let before = text[start..at].chars().next_back();
        let after = text[at + 1..].chars().next();
        if before.is_some_and(char::is_alphanumeric) && after.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '@') {
            parts.push(&text[start..at]);
            start = at + 1;
        }
    }
    parts.push(&text[start..]);
    parts
}

fn fact(qualifier: &str, value: &str) -> Option<Fact> {
    let value = match (qualifier, value) {
        ("has", "licence") => "license",
        ("has", "install-script") => "install-scripts",
        ("has", "bin") => "commands",
        ("module", "commonjs") => "cjs",
        (_, value) => value,
    };
    Fact::find(qualifier, value)
}

fn one(values: Vec<Piece>, excluded: bool) -> Result<String, Broken> {
    match values.as_slice() {
        _ if excluded => Err("this cannot be excluded".to_owned()),
        [value] => Ok(value.text.to_lowercase()),
        [] => Err(nothing()),
        _ => Err("only one value can stand here".to_owned()),
    }
}

fn ranges<T: PartialEq>(values: Vec<Piece>, read: impl Fn(&str) -> Result<T, Broken>) -> Result<Vec<T>, Broken> {
    let mut ranges = Vec::new();
    for value in values {
        let text: String = value.text.to_lowercase().split_whitespace().collect();
        let range = read(&text)?;
        if !ranges.contains(&range) {
            ranges.push(range);
        }
    }
    if ranges.is_empty() { Err(nothing()) } else { Ok(ranges) }
}
