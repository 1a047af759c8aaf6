//! Tarballs to disk: resumable, verified, and never seen under their name before they are whole.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use reqwest::StatusCode;
use reqwest::header::CONTENT_RANGE;
use tokio::io::AsyncWriteExt;

use crate::client::Want;
use crate::error::shown;
use crate::{Client, Error, Tarball};

/// The largest tarball accepted where nothing else is said, in bytes: twenty times the largest data set.
const MAX_TARBALL: u64 = 1 << 30;

impl Client {
    /// Downloads a tarball into `folder` and returns its path. What is already there, whole, is taken as it is; what is there in part
    /// is continued. `progress` hears of the bytes there so far and, where the server says so, of all there will be.
    ///
    /// The bytes are verified before the file gets its name. A file that fails is deleted and fetched once more from its beginning.
    pub async fn download(&self, tarball: &Tarball, folder: &Path, progress: impl FnMut(u64, Option<u64>)) -> Result<PathBuf, Error> {
        self.download_capped(tarball, folder, MAX_TARBALL, progress).await
    }

    /// As [`Client::download`], for a tarball of at most `limit` bytes; a larger one is an [`Error::TooLarge`], and nothing of it stays.
    pub async fn download_capped(
        &self,
        tarball: &Tarball,
        folder: &Path,
        limit: u64,
        mut progress: impl FnMut(u64, Option<u64>),
    ) -> Result<PathBuf, Error> {
        self.check_tarball(tarball).await?;
        let path = folder.join(tarball.file_name());
        if path.exists() && verify(&path, tarball).await.is_ok() {
            return Ok(path);
        }
        let part = path.with_extension("tgz.part");
        let mut from_the_beginning = false;
        loop {
            if let Err(error) = self.fetch(tarball, &part, limit, &mut progress).await {
                if matches!(error, Error::TooLarge { .. }) {
                    tokio::fs::remove_file(&part).await.map_err(|source| Error::io(&part, source))?;
                }
                return Err(error);
            }
            match verify(&part, tarball).await {
                Ok(()) => break,
                Err(error) => {
                    tokio::fs::remove_file(&part).await.map_err(|source| Error::io(&part, source))?;
                    if from_the_beginning || !matches!(error, Error::Integrity { .. }) {
                        return Err(error);
                    }
                    from_the_beginning = true;
                }
            }
        }
        tokio::fs::rename(&part, &path).await.map_err(|source| Error::io(&path, source))?;
        Ok(path)
    }

    /// Appends to `part` until the server has no more. An attempt that brought bytes does not count against the attempts allowed.
    async fn fetch(&self, tarball: &Tarball, part: &Path, limit: u64, progress: &mut impl FnMut(u64, Option<u64>)) -> Result<(), Error> {
        let mut failures = 0;
        // Only the bytes of one attempt are bounded in time, by the read timeout; a slow line may take hours in all.
        loop {
            let before = length(part).await?;
            let error = match self.fetch_once(tarball, part, limit, progress).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_retryable() => error,
                Err(error) => return Err(error),
            };
            let after = length(part).await?;
            let wait = if after > before {
                failures = 0;
                self.retry.first_wait
            } else {
                failures += 1;
                if failures >= self.retry.attempts {
                    return Err(error);
                }
                self.retry.wait(failures, &error)
            };
            tracing::debug!(%error, before, after, wait_ms = wait.as_millis() as u64, "continuing a broken download");
            tokio::time::sleep(wait).await;
        }
    }

    async fn fetch_once(
        &self,
        tarball: &Tarball,
        part: &Path,
        limit: u64,
        progress: &mut impl FnMut(u64, Option<u64>),
    ) -> Result<(), Error> {
        let url = &tarball.url;
        let mut offset = length(part).await?;
        let answer = match self.send(url, Some(&tarball.name), &Want::BytesFrom(offset)).await {
            // Everything is there already, or more than everything; the hash will tell.
            Err(Error::Status { status: StatusCode::RANGE_NOT_SATISFIABLE, .. }) if offset > 0 => return Ok(()),
            other => other?,
        };
        let continued = answer.status() == StatusCode::PARTIAL_CONTENT
            && answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).is_some_and(|range| {
                range.strip_prefix("bytes ").and_then(|range| range.split('-').next()) == Some(offset.to_string().as_str())
            });
        let mut options = tokio::fs::OpenOptions::new();
        options.create(true).write(true);
        if continued {
            options.append(true);
        } else {
            offset = 0;
            options.truncate(true);
        }
        let mut file = options.open(part).await.map_err(|source| Error::io(part, source))?;
        let total = answer.content_length().map(|length| offset + length);
        if total.is_some_and(|total| total > limit) {
            return Err(Error::TooLarge { url: shown(url), limit });
        }
        progress(offset, total);
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            // What came before the break is worth keeping.
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    file.flush().await.map_err(|source| Error::io(part, source))?;
                    return Err(Error::transport(url, &error));
                }
            };
            offset += chunk.len() as u64;
            if offset > limit {
                return Err(Error::TooLarge { url: shown(url), limit });
            }
            file.write_all(&chunk).await.map_err(|source| Error::io(part, source))?;
            progress(offset, total);
        }
        file.sync_all().await.map_err(|source| Error::io(part, source))?;
        if total.is_some_and(|total| offset < total) {
            return Err(Error::Transport { url: shown(url), reason: "the answer ended early".to_owned() });
        }
        Ok(())
    }
}

async fn length(path: &Path) -> Result<u64, Error> {
    match tokio::fs::metadata(path).await {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Error::io(path, error)),
    }
}

async fn verify(path: &Path, tarball: &Tarball) -> Result<(), Error> {
    let (path, integrity) = (path.to_owned(), tarball.integrity.clone());
    let checked = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::open(&path).map_err(|source| Error::io(&path, source))?;
        integrity.verify(&path.display().to_string(), file)
    });
    checked.await.map_err(|error| Error::Setup { reason: error.to_string() })?
}
