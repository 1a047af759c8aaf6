//! The published lists of all packages, made up in any size.

use std::fmt::Write;
use std::path::Path;

use crate::tarball;

/// The tarballs of one moment: all-the-package-names, all-the-package-repos, download-counts and npm-high-impact.
#[derive(Debug, Clone)]
pub struct Lists {
    /// File name and bytes of each.
    pub files: Vec<(String, Vec<u8>)>,
    /// How many packages they name together.
    pub packages: usize,
}

impl Lists {
    /// Lists of about `count` names in the proportions of the real ones: two fifths with a scope, five sixths with a count, three fifths with a
    /// repository, and a handful of the names that break programs. The same every time.
    #[must_use]
    pub fn of(count: usize, names_version: &str, month_version: &str) -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        let words = [
            "date", "picker", "react", "http", "client", "stream", "json", "parser", "node", "util", "vue", "css", "test", "log", "api",
            "core",
        ];
        let mut names: Vec<String> =
            ["-", "JSONStream", "__proto__", "a", "constructor", "express", "jsonstream", "react", "toString", "@types/node"]
                .map(str::to_owned)
                .into();
        while names.len() < count {
            let word = |random: &mut fastrand::Rng| words[random.usize(0..words.len())];
            let (first, second, number) = (word(&mut random), word(&mut random), names.len());
            names.push(if number % 5 < 2 {
                format!("@{first}{}/{second}-{number}", number % 97)
            } else {
                format!("{first}-{second}-{number}")
            });
        }
        names.sort();
        names.dedup();
        let (mut list, mut repositories, mut counts) = ("[\n".to_owned(), "{\n  \"12345\": null".to_owned(), "{".to_owned());
        for (place, name) in names.iter().enumerate() {
            let comma = if place == 0 { "" } else { ",\n" };
            let _ = write!(list, "{comma}  \"{name}\"");
            let _ = match place % 5 {
                0 | 1 => write!(repositories, ",\n  \"{name}\": null"),
                _ => write!(repositories, ",\n  \"{name}\": \"https://github.com/someone/{}.git\"", name.replace(['@', '/'], "")),
            };
            if place % 6 != 0 {
                let comma = if counts.len() == 1 { "" } else { "," };
                let downloads = 10_u64.pow(random.u32(0..9)) + random.u64(0..1_000);
                let _ = write!(counts, "{comma}\"{name}\":{downloads}");
            }
        }
        list.push_str("\n]\n");
        repositories.push_str("\n}\n");
        counts.push('}');
        let top = "export const top = [\n  'react',\n  'express',\n  '@types/node',\n]\n";
        let file = |name: &str, version: &str, path: &str, text: &str| {
            (format!("{name}-{version}.tgz"), tarball(&[("package/package.json", b"{}"), (path, text.as_bytes())]))
        };
        let files = vec![
            file("all-the-package-names", names_version, "package/names.json", &list),
            file("all-the-package-repos", names_version, "package/data/packages.json", &repositories),
            file("download-counts", month_version, "package/counts.json", &counts),
            file("npm-high-impact", "1.0.0", "package/lib/top.js", top),
        ];
        // The name made of digits stands only in the list of repositories.
        Self { files, packages: names.len() + 1 }
    }
}

/// Writes lists of about `count` names into a folder; returns how many packages they name.
///
/// # Panics
/// When the folder cannot be written.
#[expect(clippy::must_use_candidate, reason = "some tests need the files only")]
pub fn write_lists(folder: &Path, count: usize) -> usize {
    let lists = Lists::of(count, "2.0.100", "2.20260301.0");
    for (name, bytes) in &lists.files {
        std::fs::write(folder.join(name), bytes).expect("a writable folder");
    }
    lists.packages
}
