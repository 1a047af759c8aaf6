//! The seeds of all fuzz targets, read as ordinary tests. They stand here because this crate sees all that is fuzzed.

use std::path::Path;

#[path = "../../../../fuzz/checks/advisories.rs"]
mod advisories;
#[path = "../../../../fuzz/checks/counts.rs"]
mod counts;
#[path = "../../../../fuzz/checks/hit_page.rs"]
mod hit_page;
#[path = "../../../../fuzz/checks/image_address.rs"]
mod image_address;
#[path = "../../../../fuzz/checks/packument.rs"]
mod packument;
#[path = "../../../../fuzz/checks/readme.rs"]
mod readme;
#[path = "../../../../fuzz/checks/tarball_readme.rs"]
mod tarball_readme;

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
fn known_vulnerabilities() {
    seeds("advisories", advisories::check);
}

#[test]
fn counts_of_downloads() {
    seeds("counts", counts::check);
}

#[test]
fn hit_pages() {
    seeds("hit_page", hit_page::check);
}

#[test]
fn readmes() {
    seeds("readme", readme::check);
}

#[test]
fn image_addresses() {
    seeds("image_address", image_address::check);
}

#[test]
fn tarballs() {
    seeds("tarball_readme", tarball_readme::check);
}
