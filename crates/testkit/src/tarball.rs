//! Tarballs as `npm pack` makes them.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha512};

/// A gzipped tar with these files.
///
/// # Panics
/// Never: it writes to memory.
#[must_use]
pub fn tarball(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, *bytes).expect("memory does not fail");
    }
    let mut encoder = archive.into_inner().expect("memory does not fail");
    encoder.flush().expect("memory does not fail");
    encoder.finish().expect("memory does not fail")
}

/// `dist.integrity` of some bytes.
#[must_use]
pub fn integrity(bytes: &[u8]) -> String {
    format!("sha512-{}", STANDARD.encode(Sha512::digest(bytes)))
}
