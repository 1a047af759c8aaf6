//! What holds for any bytes read as a registry's answer about known vulnerabilities.

use model::parse_advisories;

/// Reads the bytes and checks what later steps rely on.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(found) = parse_advisories(bytes) else { return };
    for advisories in found.values() {
        assert!(!advisories.is_empty() && advisories.len() <= 200);
        assert!(advisories.is_sorted_by(|a, b| a.severity >= b.severity));
        for advisory in advisories {
            for text in [Some(&advisory.title), Some(&advisory.vulnerable_versions), advisory.url.as_ref()].into_iter().flatten() {
                assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
            }
            assert!(advisory.url.as_ref().is_none_or(|url| url.starts_with("https://")));
            assert!(advisory.score.is_none_or(|score| score > 0.0 && score <= 10.0));
            // Whatever the range is, it can be asked.
            let _ = advisory.affects("1.2.3-beta.1");
        }
    }
}
