//! The seeds of the fuzz targets that need the registry's crate or that of READMEs, read as ordinary tests.

use std::path::Path;

#[path = "../../../../fuzz/checks/image_address.rs"]
mod image_address;
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
