//! What somebody may have meant who asked for a package that does not exist.

use model::PackageName;

use crate::SearchRequest;

/// Hits that are looked at.
const LOOKED_AT: usize = 20;
/// How much of two names must be the same, 0 to 1, and below how many letters a part of a name says nothing.
const ALIKE: f64 = 0.6;
const PART: usize = 4;

/// The search that finds names like this one; of its hits those are near that [`is_near`] says are.
#[must_use]
pub fn near_request(name: &PackageName, now: i64) -> SearchRequest {
    SearchRequest { text: name.bare().to_owned(), size: LOOKED_AT, now, ..SearchRequest::default() }
}

/// Whether a name is so much like the one that was asked for that it may have been meant.
#[must_use]
pub fn is_near(asked: &str, name: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let bare = |text: &str| letters(text.rsplit('/').next().unwrap_or(text));
    let (asked, name, whole) = (bare(asked), bare(name), letters(name));
    let is_part = |part: &str, of: &str| part.len() >= PART && of.contains(part);
    asked == name || is_part(&asked, &whole) || is_part(&name, &asked) || strsim::normalized_damerau_levenshtein(&asked, &name) >= ALIKE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_meant() {
        for (asked, name, expected) in [
            ("expres", "express", true),
            ("raect", "react", true),
            ("@babel/cor", "@babel/core", true),
            ("core", "@babel/core", true),
            ("babelcore", "@babel/core", true),
            ("left_pad", "left-pad", true),
            ("no-such-zzz", "arg", false),
            ("no-such-zzz", "yn", false),
            ("xyz", "x", false),
            ("date-picker-of-mine", "date", true),
            ("a", "b", false),
        ] {
            assert_eq!(is_near(asked, name), expected, "{asked} {name}");
        }
    }
}
