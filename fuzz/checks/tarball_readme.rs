//! What holds for any bytes read as a package's tarball, as they are and as the inside of a gzip file.

use std::io::Write;

use registry::{MAX_README, read_readme};

/// Reads both and checks what is found.
pub(crate) fn check(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.tgz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(bytes).expect("memory does not fail");
    for file in [bytes.to_vec(), gzip.finish().expect("memory does not fail")] {
        std::fs::write(&path, file).expect("a writable folder");
        if let Ok(Some(readme)) = read_readme(&path) {
            assert!(readme.name.to_ascii_lowercase().starts_with("readme") && !readme.name.contains('/'), "{readme:?}");
            assert!(!readme.text.is_empty() && readme.text.len() <= MAX_README && !readme.text.contains('\0'));
        }
    }
    let entries = std::fs::read_dir(folder.path()).expect("readable").count();
    assert_eq!(entries, 1, "nothing is unpacked");
}
