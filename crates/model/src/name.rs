//! Package names as they exist, which is more than `validate-npm-package-name` would accept today.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name in the registry, and the longest that npm accepts.
const MAX_BYTES: usize = 214;

/// A package name, `name` or `@scope/name`, kept exactly as written: names are case-sensitive (`JSONStream` is not `jsonstream`).
///
/// Looser than npm's rules for new names, because old ones break those: upper case, leading dots or hyphens and `~'!()*` exist.
/// Every character is one that `encodeURIComponent` leaves alone, and no part is `.` or `..`, so a name is always safe in a URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageName(Box<str>);

/// Why a text is not a package name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing at all, or an empty part as in `@scope/`.
    #[error("a package name cannot be empty")]
    Empty,
    /// More than 214 bytes.
    #[error("a package name has at most {MAX_BYTES} characters, this one has {0}")]
    TooLong(usize),
    /// A character that no package name contains.
    #[error("a package name cannot contain {0:?}")]
    Character(char),
    /// `.` or `..` as a part, which URL libraries would resolve away.
    #[error("a package name cannot have {0:?} as a part")]
    Dots(&'static str),
    /// A slash without a scope, or more than one slash.
    #[error("only a scoped name, @scope/name, has a slash, and only one")]
    Slash,
}

impl PackageName {
    /// Reads `name` or `@scope/name`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.len() > MAX_BYTES {
            return Err(InvalidName::TooLong(text.len()));
        }
        match text.strip_prefix('@').map(|rest| rest.split_once('/')) {
            Some(Some((scope, bare))) => {
                check_part(scope)?;
                check_part(bare)?;
            }
            Some(None) => return Err(InvalidName::Character('@')),
            None => check_part(text)?,
        }
        Ok(Self(text.into()))
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scope without its `@`.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.0.strip_prefix('@')?.split_once('/').map(|(scope, _)| scope)
    }

    /// The name without its scope.
    #[must_use]
    pub fn bare(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, bare)| bare)
    }

    /// The name as one segment of a registry's path: `@scope%2fname`, which private registries need and the public one accepts.
    #[must_use]
    pub fn registry_path(&self) -> String {
        self.0.replacen('/', "%2f", 1)
    }
}

fn check_part(part: &str) -> Result<(), InvalidName> {
    match part {
        "" => return Err(InvalidName::Empty),
        "." => return Err(InvalidName::Dots(".")),
        ".." => return Err(InvalidName::Dots("..")),
        _ => {}
    }
    match part.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.!~*'()".contains(*c))) {
        None => Ok(()),
        Some('/') => Err(InvalidName::Slash),
        Some(c) => Err(InvalidName::Character(c)),
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for PackageName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<PackageName> for String {
    fn from(name: PackageName) -> Self {
        name.0.into()
    }
}

/// The package that would declare the types of another: `@types/babel__core` for `@babel/core`.
#[must_use]
pub fn types_package(name: &str) -> String {
    format!("@types/{}", name.trim_start_matches('@').replacen('/', "__", 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_exist() {
        for name in [
            "react",
            "@types/node",
            "JSONStream",
            "constructor",
            "__proto__",
            "-",
            "--hepl",
            "a",
            "1",
            ".bin",
            "~x",
            "it's",
            "@a.b/c!(d)*",
            "@x/_y",
        ] {
            assert_eq!(PackageName::parse(name).map(String::from).as_deref(), Ok(name));
        }
        let long = "x".repeat(214);
        assert!(PackageName::parse(&long).is_ok());
    }

    #[test]
    fn texts_that_are_no_names() {
        let check = |text: &str, why: InvalidName| assert_eq!(PackageName::parse(text), Err(why), "{text:?}");
        check("", InvalidName::Empty);
        check("@/x", InvalidName::Empty);
        check("@x/", InvalidName::Empty);
        check("@x", InvalidName::Character('@'));
        check("a/b", InvalidName::Slash);
        check("@a/b/c", InvalidName::Slash);
        check("..", InvalidName::Dots(".."));
        check("@chee/..", InvalidName::Dots(".."));
        check("a b", InvalidName::Character(' '));
        check("a%2fb", InvalidName::Character('%'));
        check("a\0", InvalidName::Character('\0'));
        check("naïve", InvalidName::Character('ï'));
        check(&"x".repeat(10_000), InvalidName::TooLong(10_000));
    }

    #[test]
    fn parts() {
        let scoped = PackageName::parse("@types/node").expect("valid");
        assert_eq!((scoped.scope(), scoped.bare(), scoped.registry_path().as_str()), (Some("types"), "node", "@types%2fnode"));
        let plain = PackageName::parse("node").expect("valid");
        assert_eq!((plain.scope(), plain.bare(), plain.registry_path().as_str()), (None, "node", "node"));
    }

    #[test]
    fn types_have_packages() {
        assert_eq!([types_package("react"), types_package("@babel/core")], ["@types/react", "@types/babel__core"]);
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_keeps_the_text(text in "\\PC{0,40}") {
            if let Ok(name) = PackageName::parse(&text) {
                prop_assert_eq!(name.as_str(), text.as_str());
                prop_assert!(!name.registry_path().contains('/'));
            }
        }
    }
}
