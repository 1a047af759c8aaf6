//! What holds for any bytes read as a registry's document or as a line of an import.

use model::{Packument, Record, parse_packument, parse_record};

/// Reads the bytes in both ways and checks what later steps rely on.
pub(crate) fn check(bytes: &[u8]) {
    if let Ok(packument) = parse_packument(bytes, 1_700_000_000) {
        is_consistent(&packument);
    }
    match parse_record(bytes, 1_700_000_000) {
        Ok(Record::Packument(packument)) => is_consistent(&packument),
        Ok(Record::SearchHit(hit)) => is_clean(&serde_json::to_string(&hit).expect("a hit is JSON")),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn is_consistent(packument: &Packument) {
    let Packument { observation, details, manifests, readme } = packument;
    assert_eq!(manifests.len(), details.versions.len());
    for (manifest, line) in manifests.iter().zip(&details.versions) {
        assert_eq!(manifest.version, line.version);
    }
    let latest = details.latest.map(|place| &manifests[place]);
    assert_eq!(details.latest.is_none(), manifests.is_empty());
    let summary = observation.summary.as_ref().expect("a packument has a summary");
    assert_eq!(summary.version.as_deref(), latest.map(|manifest| manifest.version.as_str()));
    assert!(readme.as_ref().is_none_or(|readme| !readme.text.trim().is_empty()));
    // What is stored is JSON, and is read again as what it was.
    let stored = serde_json::to_string(manifests).expect("manifests are JSON");
    is_clean(&stored);
    assert_eq!(&serde_json::from_str::<Vec<model::Manifest>>(&stored).expect("read again"), manifests);
    let stored = serde_json::to_string(details).expect("a history is JSON");
    is_clean(&stored);
    assert_eq!(&serde_json::from_str::<model::Details>(&stored).expect("read again"), details);
    is_clean(&serde_json::to_string(observation).expect("an observation is JSON"));
}

/// No control characters, which PostgreSQL refuses and terminals obey, and nothing that turns a line around.
fn is_clean(json: &str) {
    assert!(!json.contains(|c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')), "{json}");
    for escape in ["\\u0000", "\\u001b", "\\n"] {
        // A backslash that a text itself holds is doubled.
        assert!(!json.replace("\\\\", "").contains(escape), "{json}");
    }
}
