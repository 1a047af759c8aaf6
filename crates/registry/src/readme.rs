//! The README in a package's tarball, read as a stream: nothing is unpacked to disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use tar::{EntryType, PaxExtensions};

use crate::Error;

/// The longest README kept, in bytes.
pub const MAX_README: usize = 1 << 20;
/// More than this is not unpacked in search of a README, in bytes.
const MAX_UNPACKED: u64 = 512 << 20;
/// The longest name or set of extended headers that is read; longer ones belong to no README.
const MAX_EXTENSIONS: u64 = 64 << 10;
/// So many READMEs of different names are kept until the best is known.
const MAX_CANDIDATES: usize = 16;

/// A README at the root of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadmeFile {
    /// The name of the file, as `README.md`.
    pub name: String,
    /// Its text, at most [`MAX_README`] bytes; what is not UTF-8 is replaced, NULs are left out.
    pub text: String,
    /// Whether the file is longer than what is kept.
    pub cut: bool,
}

/// How good a README's name is, best first: `README.md`, another `.md`, other endings that mean markdown, no ending, anything else; of
/// equals the shorter, then the first of the alphabet.
type Rank = (u8, usize, String);

/// Reads the README of a gzipped tarball as npm would see it: a regular file named README, with any ending and in any case, below the
/// first folder, whatever that is called. Of several entries with one name the last counts. `None` when there is none, or an empty one.
///
/// Blocks. A tarball that is damaged, or that unpacks to more than 512 MiB, is an [`Error::Tarball`], even if a README was seen before.
pub fn read_readme(tarball: &Path) -> Result<Option<ReadmeFile>, Error> {
    let file = File::open(tarball).map_err(|source| Error::io(tarball, source))?;
    find(file, MAX_UNPACKED).map_err(|error| Error::Tarball { path: tarball.to_owned(), reason: format!("cannot be read: {error}") })
}

fn find(file: impl Read, limit: u64) -> std::io::Result<Option<ReadmeFile>> {
    let mut archive = tar::Archive::new(Capped { inner: GzDecoder::new(BufReader::with_capacity(1 << 16, file)), left: limit, limit });
    let mut found: BTreeMap<Rank, ReadmeFile> = BTreeMap::new();
    // Long names and extended headers come as entries before the one they belong to. They are read here because `tar` sets no bound to them.
    let (mut pax_path, mut long_path) = (None, None);
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        match entry.header().entry_type() {
            EntryType::XHeader => {
                let bytes = bounded(&mut entry)?;
                let path = PaxExtensions::new(&bytes).flatten().filter(|extension| extension.key_bytes() == b"path").last();
                pax_path = path.map(|extension| extension.value_bytes().to_vec());
            }
            EntryType::GNULongName => {
                let mut bytes = bounded(&mut entry)?;
                bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
                long_path = Some(bytes);
            }
            // The long name of a link's target, and extended headers for all entries, which name none.
            EntryType::GNULongLink | EntryType::XGlobalHeader => {}
            kind => {
                let long = long_path.take();
                let path = pax_path.take().or(long).unwrap_or_else(|| entry.header().path_bytes().into_owned());
                if !matches!(kind, EntryType::Regular | EntryType::Continuous) {
                    continue;
                }
                let Some(name) = name_at_root(&path) else { continue };
                let Some(rank) = rank(&name) else { continue };
                match read_text(&mut entry, name)? {
                    Some(readme) => found.insert(rank, readme),
                    None => found.remove(&rank),
                };
                if found.len() > MAX_CANDIDATES {
                    found.pop_last();
                }
            }
        }
    }
    // What follows the last entry tells whether the file is whole.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink())?;
    Ok(found.pop_first().map(|(_, readme)| readme))
}

fn bounded(entry: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(MAX_EXTENSIONS).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file's name, if the path is that of a file directly below the first folder.
fn name_at_root(path: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    let (_, rest) = path.split_once('/')?;
    let mut segments = rest.split('/').filter(|segment| !matches!(*segment, "" | "."));
    let name = segments.next()?;
    let usable = !path.starts_with('/') && !path.ends_with('/') && path.split('/').all(|segment| segment != "..");
    (usable && segments.next().is_none()).then(|| name.to_owned())
}

fn rank(name: &str) -> Option<Rank> {
    let lower = name.to_ascii_lowercase();
    let endings = lower.strip_prefix("readme")?;
    if !endings.is_empty() && !endings.starts_with('.') {
        return None;
    }
    let class = match endings.rsplit_once('.') {
        None => 3,
        Some(("", "md")) => 0,
        Some((_, "md")) => 1,
        Some((_, last)) if means_markdown(last) => 2,
        Some(_) => 4,
    };
    Some((class, name.len(), name.to_owned()))
}

/// As npm's own pattern has it: an ending of letters of "markdown", in their order. Unlike there, it begins with the m.
fn means_markdown(last: &str) -> bool {
    let mut letters = "markdown".chars();
    last.starts_with('m') && last.chars().all(|letter| letters.any(|next| next == letter))
}

fn read_text(entry: &mut impl Read, name: String) -> std::io::Result<Option<ReadmeFile>> {
    let mut bytes = Vec::new();
    entry.take(MAX_README as u64 + 1).read_to_end(&mut bytes)?;
    let mut cut = bytes.len() > MAX_README;
    if cut {
        // Back to where a character begins.
        let is_inside = |place: usize| bytes[place] & 0b1100_0000 == 0b1000_0000;
        let end = (MAX_README - 3..=MAX_README).rev().find(|place| !is_inside(*place)).unwrap_or(MAX_README);
        bytes.truncate(end);
    }
    bytes.retain(|byte| *byte != 0);
    let mut text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    // A replaced byte takes three.
    if text.len() > MAX_README {
        text.truncate(text.floor_char_boundary(MAX_README));
        cut = true;
    }
    Ok((!text.is_empty()).then_some(ReadmeFile { name, text, cut }))
}

/// Fails, rather than ends, when too much comes out.
struct Capped<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(bytes as u64).ok_or_else(|| {
            std::io::Error::other(format!("it unpacks to more than {} MiB, which is the most that is accepted", self.limit >> 20))
        })?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bombs_are_given_up() {
        let zeros = vec![0; 3 << 20];
        let bomb = testkit::tarball(&[("package/README.md", b"# x"), ("package/zeros", &zeros)]);
        let error = find(bomb.as_slice(), 2 << 20).expect_err("too much").to_string();
        assert_eq!(error, "it unpacks to more than 2 MiB, which is the most that is accepted");
        assert!(find(bomb.as_slice(), 4 << 20).expect("within the bound").is_some());
    }

    #[test]
    fn names() {
        let check = |path: &str, expected: Option<&str>| assert_eq!(name_at_root(path.as_bytes()).as_deref(), expected, "{path}");
        check("package/README.md", Some("README.md"));
        check("is-odd/README", Some("README"));
        check("./README.md", Some("README.md"));
        check("package/./README.md", Some("README.md"));
        check("README.md", None);
        check("package/docs/README.md", None);
        check("package/README.md/", None);
        check("/package/README.md", None);
        check("package/../README.md", None);
        check("../README.md", None);
        check("", None);
    }

    #[test]
    fn better_names_come_first() {
        let order = [
            "README.md",
            "Readme.md",
            "readme.md",
            "README.en.md",
            "README.zh-CN.md",
            "README.mkd",
            "readme.markdown",
            "README",
            "readme",
            "README.rst",
            "README.txt",
            "README.html",
        ];
        let ranks: Vec<Rank> = order.iter().map(|name| rank(name).expect("a README")).collect();
        assert!(ranks.is_sorted(), "{ranks:?}");
        for name in ["readme-old.md", "READMES", "my-readme.md", "READ.md", "", "readme_fr.md"] {
            assert_eq!(rank(name), None, "{name}");
        }
        assert!(
            !means_markdown("mdx") && means_markdown("mdown") && means_markdown("mdwn") && !means_markdown("nm") && !means_markdown("")
        );
    }
}
