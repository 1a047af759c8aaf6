//! Subresource integrity of tarballs: the strongest hash that the registry publishes, else its sha1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::Error;

/// The hash that a tarball's bytes must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integrity {
    algorithm: Algorithm,
    digest: Vec<u8>,
}

/// Weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl Integrity {
    /// The strongest usable hash of `dist.integrity` (several may stand there, split by spaces), else `dist.shasum` (40 hex digits).
    #[must_use]
    pub fn of_dist(integrity: Option<&str>, shasum: Option<&str>) -> Option<Self> {
        let strongest = integrity.into_iter().flat_map(str::split_whitespace).filter_map(Self::parse).max_by_key(|found| found.algorithm);
        strongest.or_else(|| {
            let digest = from_hex(shasum?)?;
            (digest.len() == 20).then_some(Self { algorithm: Algorithm::Sha1, digest })
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('-')?;
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)?;
        let digest = STANDARD.decode(rest.split('?').next()?).ok()?;
        (digest.len() == algorithm.bytes()).then_some(Self { algorithm, digest })
    }

    /// Reads to the end and compares. `what` names the bytes in the error.
    pub fn verify(&self, what: &str, mut reader: impl std::io::Read) -> Result<(), Error> {
        let mut hasher = match self.algorithm {
            Algorithm::Sha1 => Hasher::Sha1(Sha1::new()),
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha384 => Hasher::Sha384(Sha384::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        };
        let mut buffer = vec![0; 1 << 16];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => hasher.update(&buffer[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(what, error)),
            }
        }
        let actual = hasher.finish();
        if actual == self.digest {
            Ok(())
        } else {
            Err(Error::Integrity {
                what: what.to_owned(),
                algorithm: self.algorithm.name(),
                expected: STANDARD.encode(&self.digest),
                actual: STANDARD.encode(actual),
            })
        }
    }
}

/// As `dist.integrity` writes it.
impl std::fmt::Display for Integrity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.algorithm.name(), STANDARD.encode(&self.digest))
    }
}

enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha384(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Of the three bytes "abc", from FIPS 180.
    const SHA1: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
    const SHA256: &str = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
    const SHA512: &str = "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==";

    #[test]
    fn the_strongest_wins() {
        let check = |integrity: Option<&str>, shasum: Option<&str>, expected: Option<&str>| {
            let found = Integrity::of_dist(integrity, shasum);
            assert_eq!(found.as_ref().map(ToString::to_string).as_deref(), expected, "{integrity:?} {shasum:?}");
            if let Some(found) = found {
                found.verify("abc", b"abc".as_slice()).expect("the hash of abc");
                assert!(found.verify("abd", b"abd".as_slice()).is_err());
            }
        };
        check(Some(SHA512), Some(SHA1), Some(SHA512));
        check(Some(&format!("{SHA256} {SHA512}?option")), None, Some(SHA512));
        check(Some(SHA256), None, Some(SHA256));
        check(Some("md5-x sha512-short"), Some(SHA1), Some("sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0="));
        check(None, Some("not hex"), None);
        check(Some(""), None, None);
    }
}
