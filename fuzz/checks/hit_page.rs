//! What holds for any bytes read as a page of the registry's search.

use model::parse_hit_page;

/// Reads the bytes and checks what later steps rely on.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(page) = parse_hit_page(bytes, 1_700_000_000) else { return };
    assert!(page.hits.len() <= page.rows);
    for hit in &page.hits {
        assert_eq!(hit.observed_at, 1_700_000_000);
        let summary = hit.summary.as_ref().expect("a hit has a summary");
        let texts = [&summary.description, &summary.license, &summary.publisher, &summary.deprecated];
        let texts = texts.into_iter().flatten().chain(&summary.keywords).chain(&summary.maintainers);
        for text in texts {
            assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
        }
        for address in [&summary.homepage, &summary.bugs, &hit.repository].into_iter().flatten() {
            let scheme = address.split(':').next().unwrap_or_default().to_ascii_lowercase();
            assert!(matches!(scheme.as_str(), "http" | "https" | "mailto"), "{address}");
        }
    }
}
