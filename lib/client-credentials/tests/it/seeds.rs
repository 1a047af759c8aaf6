//! The seeds of the fuzz targets, read as ordinary tests.

use std::path::Path;

#[path = "../../../../fuzz/checks/canned.rs"]
mod canned;
#[path = "../../../../fuzz/checks/metadata.rs"]
mod metadata;
#[path = "../../../../fuzz/checks/retry_after.rs"]
mod retry_after;
#[path = "../../../../fuzz/checks/token_response.rs"]
mod token_response;
#[path = "../../../../fuzz/checks/www_authenticate.rs"]
mod www_authenticate;

/// Every seed of a target.
fn seeds(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("a folder of seeds") {
        check(&std::fs::read(entry.expect("an entry").path()).expect("readable"));
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

#[test]
fn token_responses() {
    seeds("token_response", token_response::check);
}

#[test]
fn challenges() {
    seeds("www_authenticate", www_authenticate::check);
}

#[test]
fn retry_after_headers() {
    seeds("retry_after", retry_after::check);
}

#[test]
fn servers_metadata() {
    seeds("metadata", metadata::check);
}
