//! Where indexes live: `<root>/v<schema>/<number>/`, and a file `CURRENT` that names the one in use.
//!
//! A new index is built in a folder of its own and taken into use by replacing `CURRENT`, which is one rename. Whatever `CURRENT` does
//! not name is rubbish that the next writer removes.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;
use crate::schema::VERSION;

pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join(format!("v{VERSION}"))
}

/// The folder in use, if there is one.
pub(crate) fn current(root: &Path) -> Result<Option<PathBuf>, Error> {
    let path = folder(root).join("CURRENT");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(path)(error)),
    };
    // A folder name and nothing else: the file must not be able to point elsewhere.
    let number = text.trim();
    let valid = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let folder = folder(root).join(number);
    Ok((valid && folder.join("meta.json").exists()).then_some(folder))
}

/// The last number given in this process. It is not given again: a build that was given up may still be writing to its folder.
static GIVEN: AtomicU64 = AtomicU64::new(0);

/// Makes an empty folder for a new index.
pub(crate) fn create(root: &Path) -> Result<PathBuf, Error> {
    let parent = folder(root);
    fs::create_dir_all(&parent).map_err(Error::io(&parent))?;
    let highest = entries(&parent)?.into_iter().filter_map(|entry| entry.parse::<u64>().ok()).max().unwrap_or(0);
    let after = |given: u64| given.max(highest) + 1;
    let number = after(GIVEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |given| Some(after(given))).unwrap_or(0));
    let path = parent.join(number.to_string());
    fs::create_dir(&path).map_err(Error::io(&path))?;
    Ok(path)
}

/// Takes a finished index into use.
pub(crate) fn publish(root: &Path, index: &Path) -> Result<(), Error> {
    let (new, path) = (folder(root).join("CURRENT.new"), folder(root).join("CURRENT"));
    let number = index.file_name().unwrap_or_default();
    fs::write(&new, number.as_encoded_bytes()).map_err(Error::io(&new))?;
    fs::File::open(&new).and_then(|file| file.sync_all()).map_err(Error::io(&new))?;
    fs::rename(&new, &path).map_err(Error::io(&path))
}

/// Whatever lies about that is not in use: older indexes, unfinished ones, those of other schemas.
pub(crate) fn leftovers(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let current = current(root)?;
    let mut found = Vec::new();
    for entry in entries(root)? {
        let path = root.join(&entry);
        if path != folder(root) {
            found.push(path);
            continue;
        }
        for entry in entries(&path)? {
            let inner = path.join(&entry);
            if Some(&inner) != current.as_ref() && !(entry == "CURRENT" && current.is_some()) {
                found.push(inner);
            }
        }
    }
    Ok(found)
}

/// Removes the leftovers. Only the writer may, because an index being built is one.
pub(crate) fn sweep(root: &Path) -> Result<(), Error> {
    for path in leftovers(root)? {
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(Error::io(path))?;
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<String>, Error> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(Error::io(folder))?.file_name().to_string_lossy().into_owned())).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io(folder)(error)),
    }
}
