//! The seeds of the fuzz targets that need this crate alone, read as ordinary tests.

use std::path::Path;

#[path = "../../../../fuzz/checks/hit_page.rs"]
mod hit_page;
#[path = "../../../../fuzz/checks/packument.rs"]
mod packument;

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
fn packuments() {
    seeds("packument", packument::check);
}

#[test]
fn hit_pages() {
    seeds("hit_page", hit_page::check);
}
