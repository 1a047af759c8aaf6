//! The lists of all packages that are published as packages themselves, read from their tarballs as a stream.
//!
//! Nothing is unpacked and no list is held in memory: the callback gets one entry at a time. Shapes: `names.json` is an array of names,
//! `counts.json` an object from name to downloads in a month, `packages.json` an object from name to repository address or null, and
//! the files of npm-high-impact are modules that hold one array literal, a quoted name a line.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::GzDecoder;
use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::Error;

/// More than this comes out of no honest list; the largest has 257 MB.
const MAX_UNPACKED: u64 = 8 << 30;

/// The data sets, each the name of a package.
pub const NAMES: &str = "all-the-package-names";
/// See [`NAMES`].
pub const COUNTS: &str = "download-counts";
/// See [`NAMES`].
pub const REPOSITORIES: &str = "all-the-package-repos";
/// See [`NAMES`].
pub const HIGH_IMPACT: &str = "npm-high-impact";

/// The month of a version of download-counts, as `2026-03`: its versions are `2.YYYYMM01.0`. Older forms do not tell.
#[must_use]
pub fn month_of_version(version: &str) -> Option<String> {
    let date = version.strip_prefix("2.")?.strip_suffix(".0")?;
    let (year, month) = (date.get(..4)?, date.get(4..6)?);
    let valid = date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) && ("01".."13").contains(&month);
    valid.then(|| format!("{year}-{month}"))
}

/// Bytes of the tarball read so far, for progress.
#[derive(Debug, Default)]
pub struct BytesRead(AtomicU64);

impl BytesRead {
    /// The count at this moment.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Reads the names of all-the-package-names. Returns how many entries there were; entries that are not texts are skipped.
pub fn read_names(path: &Path, read: &BytesRead, mut each: impl FnMut(&str)) -> Result<u64, Error> {
    with_file(path, read, "names.json", |reader| {
        let mut deserializer = serde_json::Deserializer::from_reader(reader);
        let count = deserializer.deserialize_seq(List(&mut each))?;
        deserializer.end()?;
        Ok(count)
    })
}

/// Reads the counts of download-counts: downloads in the month of the list.
pub fn read_counts(path: &Path, read: &BytesRead, mut each: impl FnMut(&str, u64)) -> Result<u64, Error> {
    read_object(path, read, "counts.json", &mut |name, value| {
        if let Some(count) = value.as_u64() {
            each(name, count);
        }
    })
}

/// Reads the repositories of all-the-package-repos, `None` where a package has none.
pub fn read_repositories(path: &Path, read: &BytesRead, mut each: impl FnMut(&str, Option<&str>)) -> Result<u64, Error> {
    read_object(path, read, "packages.json", &mut |name, value| each(name, value.as_str()))
}

/// Reads the names of npm-high-impact, in the order of their rank.
pub fn read_high_impact(path: &Path, read: &BytesRead, mut each: impl FnMut(&str)) -> Result<u64, Error> {
    with_file(path, read, "top.js", |reader| {
        let mut count = 0;
        for line in BufReader::new(reader).lines() {
            let line = line.map_err(serde_json::Error::io)?;
            if let Some(name) = line.trim().strip_prefix('\'').and_then(|rest| rest.trim_end_matches(',').strip_suffix('\'')) {
                each(name);
                count += 1;
            }
        }
        Ok(count)
    })
}

fn read_object(path: &Path, read: &BytesRead, file: &str, each: &mut dyn FnMut(&str, &Value)) -> Result<u64, Error> {
    with_file(path, read, file, |reader| {
        let mut deserializer = serde_json::Deserializer::from_reader(reader);
        let count = deserializer.deserialize_map(Entries(each))?;
        deserializer.end()?;
        Ok(count)
    })
}

/// Finds the file of this name anywhere in the tarball and reads it.
fn with_file<T>(
    path: &Path,
    read: &BytesRead,
    wanted: &str,
    parse: impl FnOnce(&mut dyn Read) -> Result<T, serde_json::Error>,
) -> Result<T, Error> {
    let broken = |reason: String| Error::Tarball { path: path.to_owned(), reason };
    let file = File::open(path).map_err(|source| Error::io(path, source))?;
    let unpacked = GzDecoder::new(BufReader::with_capacity(1 << 18, Counted { file, read })).take(MAX_UNPACKED);
    let mut archive = tar::Archive::new(unpacked);
    for entry in archive.entries().map_err(|error| broken(format!("is not a tarball: {error}")))? {
        let entry = entry.map_err(|error| broken(format!("is damaged: {error}")))?;
        let matches =
            entry.header().entry_type().is_file() && entry.path().is_ok_and(|path| path.file_name().is_some_and(|name| name == wanted));
        if matches {
            let mut reader = BufReader::with_capacity(1 << 18, entry);
            return parse(&mut reader).map_err(|error| broken(format!("{wanted} is damaged: {error}")));
        }
    }
    Err(broken(format!("has no file {wanted}")))
}

struct Counted<'a> {
    file: File,
    read: &'a BytesRead,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.read.0.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// Hands out the texts of an array.
struct List<'a>(&'a mut dyn FnMut(&str));

impl<'de> Visitor<'de> for List<'_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of package names")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u64, A::Error> {
        let mut count = 0;
        while items.next_element_seed(Item(self.0))?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

struct Item<'a>(&'a mut dyn FnMut(&str));

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a package name")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        (self.0)(text);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Hands out the entries of an object.
struct Entries<'a>(&'a mut dyn FnMut(&str, &Value));

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object whose keys are package names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
        let mut count = 0;
        while let Some(key) = map.next_key::<String>()? {
            let value: Value = map.next_value()?;
            (self.0)(&key, &value);
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months() {
        let check = |version: &str, expected: Option<&str>| assert_eq!(month_of_version(version).as_deref(), expected, "{version}");
        check("2.20260301.0", Some("2026-03"));
        check("2.20251201.0", Some("2025-12"));
        check("1.81.1", None);
        check("2.20261301.0", None);
        check("2.2026.0", None);
        check("2.äöüß.0", None);
    }
}
