//! What is typed into the box, pasted, or stands in an address: a package, a user, a scope, or a text to search for.

use crate::{PackageName, is_version};

/// Where a text leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `pkg:NAME`, `pkg:NAME@VERSION`, `@SCOPE/NAME`, `NAME@VERSION`, or npm's address of a package.
    Package {
        /// The package.
        name: PackageName,
        /// A version or a tag.
        version: Option<String>,
    },
    /// `@USER`, `~USER`, or npm's address of a user.
    User(String),
    /// Anything else.
    Text(String),
}

/// Tags that follow a name often enough that `NAME@TAG` means them, not a text with an `@` in it.
const USUAL_TAGS: [&str; 9] = ["latest", "next", "beta", "alpha", "rc", "canary", "experimental", "dev", "nightly"];
/// The longest user name accepted.
const MAX_USER: usize = 214;

/// Reads what was typed.
#[must_use]
pub fn parse_target(text: &str) -> Target {
    let typed = text.trim();
    let searched = || Target::Text(typed.to_owned());
    if let Some(path) = npm_address(typed) {
        return of_npm_path(path).unwrap_or_else(searched);
    }
    if let Some(rest) = typed.strip_prefix("pkg:") {
        return package(rest.trim(), true).unwrap_or_else(searched);
    }
    if let Some(user) = typed.strip_prefix('~') {
        return self::user(user).unwrap_or_else(searched);
    }
    if let Some(rest) = typed.strip_prefix('@') {
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        return if rest.contains('/') { package(typed, true) } else { user(rest) }.unwrap_or_else(searched);
    }
    match package(typed, false) {
        Some(found @ Target::Package { version: Some(_), .. }) => found,
        _ => searched(),
    }
}

/// A user name: what stands after the `@` of `@USER`.
#[must_use]
pub fn is_user_name(text: &str) -> bool {
    let usual = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    !text.is_empty() && text.len() <= MAX_USER && text.chars().all(usual) && text.chars().any(|c| c != '.')
}

fn user(text: &str) -> Option<Target> {
    is_user_name(text).then(|| Target::User(text.to_owned()))
}

/// `NAME` or `NAME@VERSION`. Where it was not said that this is a package, the version must look like one.
fn package(text: &str, said: bool) -> Option<Target> {
    let at = text.get(1..).and_then(|rest| rest.rfind('@')).map(|at| at + 1);
    let (name, version) = match at {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let name = PackageName::parse(name).ok()?;
    let version = match version {
        None | Some("") => None,
        Some(version) => {
            let plain = version.len() <= 256 && version.chars().all(|c| c.is_ascii_alphanumeric() || "-+._".contains(c));
            let known = USUAL_TAGS.contains(&version) || is_version(version);
            if !(known || said && plain) {
                return None;
            }
            Some(version.to_owned())
        }
    };
    Some(Target::Package { name, version })
}

/// The path of an address on npm's web site.
fn npm_address(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let rest = rest.strip_prefix("www.").unwrap_or(rest);
    let path = rest.strip_prefix("npmjs.com/").or_else(|| rest.strip_prefix("npmjs.org/"))?;
    Some(path.split(['?', '#']).next().unwrap_or(path).trim_end_matches('/'))
}

fn of_npm_path(path: &str) -> Option<Target> {
    if let Some(name) = path.strip_prefix("package/") {
        let (name, version) = match name.split_once("/v/") {
            Some((name, version)) => (name, format!("@{version}")),
            None => (name, String::new()),
        };
        return package(&format!("{}{version}", name.replacen("%2F", "/", 1).replacen("%2f", "/", 1)), true);
    }
    user(path.strip_prefix('~').or_else(|| path.strip_prefix("org/"))?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_typed() {
        let check = |text: &str, expected: &str| {
            let found = match parse_target(text) {
                Target::Package { name, version: Some(version) } => format!("package {name} {version}"),
                Target::Package { name, version: None } => format!("package {name}"),
                Target::User(user) => format!("user {user}"),
                Target::Text(text) => format!("text {text}"),
            };
            assert_eq!(found, expected, "{text:?}");
        };
        check("date picker", "text date picker");
        check("react", "text react");
        check("", "text ");
        check("pkg:react", "package react");
        check(" pkg: react ", "package react");
        check("pkg:", "text pkg:");
        check("pkg:@types/node@20.1.0", "package @types/node 20.1.0");
        check("pkg:react@my-tag", "package react my-tag");
        check("pkg:react@", "package react");
        check("pkg:react@a b", "text pkg:react@a b");
        check("pkg:../etc/passwd", "text pkg:../etc/passwd");
        check("@babel/core", "package @babel/core");
        check("@babel/core@^7", "text @babel/core@^7");
        check("@babel/core@7.0.0-beta.1", "package @babel/core 7.0.0-beta.1");
        check("@babel/", "user babel");
        check("@sindresorhus", "user sindresorhus");
        check("~sindresorhus", "user sindresorhus");
        check("@", "text @");
        check("@..", "text @..");
        check("@a/b/c", "text @a/b/c");
        check("~/x", "text ~/x");
        check("react@18.2.0", "package react 18.2.0");
        check("react@latest", "package react latest");
        check("react@18.2.0 is broken", "text react@18.2.0 is broken");
        check("jane@10.0.0.1/x y", "text jane@10.0.0.1/x y");
        check("s@1.0.1\u{741}", "text s@1.0.1\u{741}");
        check("jane@example.com", "text jane@example.com");
        check("JSONStream@1.0.0", "package JSONStream 1.0.0");
        check("https://www.npmjs.com/package/@types/node/v/20.1.0?activeTab=code", "package @types/node 20.1.0");
        check("npmjs.com/package/@types%2Fnode", "package @types/node");
        check("https://www.npmjs.com/package/react/", "package react");
        check("https://www.npmjs.com/~jane", "user jane");
        check("https://www.npmjs.com/org/nuxt", "user nuxt");
        check("https://www.npmjs.com/login", "text https://www.npmjs.com/login");
        check("https://elsewhere.example/package/react", "text https://elsewhere.example/package/react");
        check("keywords:ui @x", "text keywords:ui @x");
        check("@\u{202e}x", "text @\u{202e}x");
    }

    proptest! {
        #[test]
        fn any_text_leads_somewhere(text in "\\PC{0,40}") {
            let _ = parse_target(&text);
        }

        #[test]
        fn what_is_written_is_read(name in "(@[a-z]{1,5}/)?[a-zA-Z][a-z.-]{0,6}[a-z]", version in "[0-9]{1,3}\\.[0-9]\\.[0-9]") {
            let found = parse_target(&format!("pkg:{name}@{version}"));
            prop_assert_eq!(found, Target::Package { name: PackageName::parse(&name).expect("a name"), version: Some(version) });
        }
    }
}
