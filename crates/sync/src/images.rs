//! Images of READMEs: their signed addresses, and a cache of their bytes below the data directory.
//!
//! Only addresses that a README of ours contains are ever fetched, because only those are signed; whoever reads a page is not seen by the
//! servers of its images.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use registry::{ImageKind, Images};
use sha2::{Digest, Sha256};
use store::Store;
use tokio::sync::Semaphore;
use url::Url;

use crate::Error;

/// Bytes of a signature: 128 bits cannot be guessed.
const SIGNATURE: usize = 16;
/// The longest image address signed.
const MAX_ADDRESS: usize = 2_048;
/// The cache is swept down to three quarters when it is larger than this.
const MAX_CACHE: u64 = 512 << 20;
/// How long a failure is remembered.
const FAILED_FOR: Duration = Duration::from_secs(600);
/// How long an image waits for its turn.
const LONGEST_QUEUE: Duration = Duration::from_secs(5);
const BUSY: &str = "too many images are being fetched at a time";
/// After this an image is fetched anew; badges change.
const FRESH_FOR: Duration = Duration::from_secs(24 * 3600);
/// Bytes of images that are held for the moment in which many ask for them.
const MAX_RUNNING: u64 = 32 << 20;
/// Images fetched at a time.
const AT_A_TIME: usize = 12;
const ADDRESS: &str = "/img/";

/// Signs image addresses, with a key that every process on the same database shares.
#[derive(Clone)]
pub struct ImageKey(Arc<[u8]>);

impl std::fmt::Debug for ImageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ImageKey(…)")
    }
}

impl ImageKey {
    /// The key of this installation, made when there is none.
    pub async fn load(store: &Store) -> Result<Self, Error> {
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(|error| Error::Job(format!("the system gives no random numbers: {error}")))?;
        Ok(Self(store.secret("images", &fresh).await?.into()))
    }

    /// The local address of an image on the web; empty for addresses too long to be one.
    #[must_use]
    pub fn address(&self, url: &str) -> String {
        if url.len() > MAX_ADDRESS {
            return String::new();
        }
        format!("{ADDRESS}{}/{}", URL_SAFE_NO_PAD.encode(self.sign(url)), URL_SAFE_NO_PAD.encode(url))
    }

    fn sign(&self, url: &str) -> [u8; SIGNATURE] {
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(&self.mac(url).finalize().into_bytes()[..SIGNATURE]);
        signature
    }

    fn mac(&self, url: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length is a key");
        mac.update(url.as_bytes());
        mac
    }

    /// The address on the web of `SIGNATURE/ADDRESS`, if it was signed here.
    #[must_use]
    pub fn verify(&self, signed: &str) -> Option<Url> {
        let (signature, url) = signed.split_once('/')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let url = String::from_utf8(URL_SAFE_NO_PAD.decode(url).ok()?).ok()?;
        let mac = self.mac(&url);
        // A shorter signature would be guessed sooner.
        (signature.len() == SIGNATURE).then_some(())?;
        mac.verify_truncated_left(&signature).ok()?;
        Url::parse(&url).ok()
    }
}

/// What became of an image.
#[derive(Debug, Clone)]
pub enum ImageAnswer {
    /// Its bytes and what they are.
    Found(Bytes, ImageKind),
    /// The address was not signed here.
    Forged,
    /// It cannot be had, and why.
    Unavailable(String),
}

/// Fetches and keeps images.
#[derive(Clone)]
pub(crate) struct ImageCache {
    key: ImageKey,
    folder: PathBuf,
    /// Nobody is asked when there is none.
    web: Option<Images>,
    failed: moka::future::Cache<Url, String>,
    running: moka::future::Cache<Url, (Bytes, ImageKind)>,
    places: Arc<Semaphore>,
    size: Arc<AtomicU64>,
}

impl std::fmt::Debug for ImageCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageCache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl ImageCache {
    pub(crate) fn new(key: ImageKey, data: &Path, web: Option<Images>) -> Self {
        let folder = data.join("images");
        let size = files(&folder).iter().map(|(_, size, _)| size).sum();
        Self {
            key,
            folder,
            web,
            failed: moka::future::Cache::builder().max_capacity(10_000).time_to_live(FAILED_FOR).build(),
            running: moka::future::Cache::builder()
                .max_capacity(MAX_RUNNING)
                .weigher(|_, (bytes, _): &(Bytes, ImageKind)| u32::try_from(bytes.len()).unwrap_or(u32::MAX))
                .time_to_live(Duration::from_secs(5))
                .build(),
            places: Arc::new(Semaphore::new(AT_A_TIME)),
            size: Arc::new(AtomicU64::new(size)),
        }
    }

    pub(crate) async fn get(&self, signed: &str) -> ImageAnswer {
        let Some(url) = self.key.verify(signed) else { return ImageAnswer::Forged };
        let name: String = Sha256::digest(url.as_str()).iter().fold(String::new(), |name, byte| format!("{name}{byte:02x}"));
        let kept = self.read(&name).await;
        let found = |(bytes, kind, _): (Bytes, ImageKind, bool)| ImageAnswer::Found(bytes, kind);
        if let Some(kept) = kept.clone().filter(|(_, _, fresh)| *fresh || self.web.is_none()) {
            return found(kept);
        }
        if let Some(kept) = kept.clone()
            && self.failed.contains_key(&url)
        {
            return found(kept);
        }
        if let Some(why) = self.failed.get(&url).await {
            return ImageAnswer::Unavailable(why);
        }
        let Some(web) = self.web.clone() else { return ImageAnswer::Unavailable("this server is offline".to_owned()) };
        let this = self.clone();
        let asked = url.clone();
        // One fetch for all who ask; it goes on when they leave.
        let fetch = async move {
            let fetched = tokio::spawn(async move {
                let place = tokio::time::timeout(LONGEST_QUEUE, this.places.acquire()).await;
                let Ok(Ok(_place)) = place else { return Err(BUSY.to_owned()) };
                let image = web.fetch(&asked).await.map_err(|error| error.to_string())?;
                this.keep(&name, &image.bytes, image.kind).await;
                Ok::<_, String>((image.bytes, image.kind))
            });
            fetched.await.unwrap_or_else(|error| Err(error.to_string()))
        };
        match self.running.try_get_with(url.clone(), fetch).await {
            Ok((bytes, kind)) => ImageAnswer::Found(bytes, kind),
            Err(why) => {
                if **why != *BUSY {
                    self.failed.insert(url, why.to_string()).await;
                }
                // An old picture is better than none.
                kept.map_or_else(|| ImageAnswer::Unavailable(why.to_string()), found)
            }
        }
    }

    /// An image that was kept, and whether it is still fresh.
    async fn read(&self, name: &str) -> Option<(Bytes, ImageKind, bool)> {
        for kind in ImageKind::ALL {
            let path = self.folder.join(name).with_extension(kind.extension());
            if let Ok(bytes) = tokio::fs::read(&path).await {
                let age = tokio::fs::metadata(&path).await.and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
                return Some((bytes.into(), kind, age.is_none_or(|age| age < FRESH_FOR)));
            }
        }
        None
    }

    /// An image that cannot be kept is shown all the same.
    async fn keep(&self, name: &str, bytes: &Bytes, kind: ImageKind) {
        let (folder, path) = (self.folder.clone(), self.folder.join(name).with_extension(kind.extension()));
        let (bytes, size) = (bytes.clone(), Arc::clone(&self.size));
        let kept = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&folder)?;
            let part = path.with_extension("part");
            std::fs::write(&part, &bytes)?;
            std::fs::rename(&part, &path)?;
            if size.fetch_add(bytes.len() as u64, Ordering::Relaxed) > MAX_CACHE {
                size.store(sweep(&folder), Ordering::Relaxed);
            }
            Ok::<_, std::io::Error>(())
        });
        if let Ok(Err(error)) = kept.await {
            tracing::warn!(%error, folder = %self.folder.display(), "an image could not be kept");
        }
    }
}

/// All files with their sizes and times.
fn files(folder: &Path) -> Vec<(PathBuf, u64, std::time::SystemTime)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let data = entry.metadata().ok()?;
            Some((entry.path(), data.len(), data.modified().ok()?))
        })
        .collect()
}

/// Deletes the oldest images until a quarter is free; returns the size of the rest.
fn sweep(folder: &Path) -> u64 {
    let mut all = files(folder);
    all.sort_by_key(|(_, _, time)| *time);
    let mut size: u64 = all.iter().map(|(_, size, _)| size).sum();
    for (path, bytes, _) in all {
        if size <= MAX_CACHE / 4 * 3 {
            break;
        }
        if std::fs::remove_file(&path).is_ok() {
            size -= bytes;
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_signed_addresses_are_accepted() {
        let (key, other) = (ImageKey(Arc::from([1; 32])), ImageKey(Arc::from([2; 32])));
        let address = key.address("https://img.example/a b.png?x=1");
        let signed = address.strip_prefix(ADDRESS).expect("local");
        assert_eq!(key.verify(signed).map(String::from).as_deref(), Some("https://img.example/a%20b.png?x=1"));
        assert_eq!(other.verify(signed), None);
        let (signature, rest) = signed.split_once('/').expect("two parts");
        for forged in [
            "",
            "/",
            "x",
            &format!("{}/{rest}", &signature[..8]),
            &format!("/{rest}"),
            &format!("{signature}/"),
            &format!("{signature}/{rest}A"),
        ] {
            assert_eq!(key.verify(forged), None, "{forged}");
        }
        assert_eq!(key.address(&"x".repeat(3_000)), "");
        assert!(!format!("{key:?}").contains('1'));
    }
}
