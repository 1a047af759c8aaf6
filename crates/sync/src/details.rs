//! Reading packuments: one package at a time, asked only whether it changed where that can be asked, its README rendered once.

use std::path::PathBuf;
use std::time::Duration;

use markup::{RENDERER, ReadmeSource, render_readme};
use model::{Manifest, PackageName, Packument, ReadmeText, parse_packument};
use registry::{Client, Fetched, Integrity, Tarball, Validators};
use store::{PackedDetails, PackedReadme, ReadmeHeading, RenderedReadme, StoredValidators};
use url::Url;

use crate::{Context, Error, ImageKey};

/// The largest tarball that is fetched for its README.
const MAX_README_TARBALL: u64 = 64 << 20;
/// How long that may take: a server that sends a byte now and then would hold its place for ever.
const MAX_README_TIME: Duration = Duration::from_secs(60);
/// READMEs rendered anew at a time.
const OUTDATED: i64 = 50;
/// Packages whose dependents are noted at a time.
const NOTED: i64 = 200;

/// What reading a package came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The registry sent its document, and it is stored.
    Stored,
    /// What is stored is still so: the registry says it, or was asked lately.
    Unchanged,
    /// The registry has no such package, or hides it; or it does not tell of vulnerabilities at all.
    Missing,
}

/// What reading packages takes.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Where they are stored.
    pub context: Context,
    /// The registry.
    pub client: Client,
    /// Signs the addresses of images.
    pub key: ImageKey,
}

impl Reader {
    /// Asks the registry for a package and stores what it says, with its README.
    pub async fn read_package(&self, name: &PackageName) -> Result<Reading, Error> {
        let store = &self.context.store;
        let known = store.by_name(name).await?;
        let before = match &known {
            Some(known) => store.details_validators(known.id).await?,
            None => None,
        };
        let validators = before.map(|(_, validators)| Validators { etag: validators.etag, last_modified: validators.last_modified });
        let fetched = match self.client.packument_if_changed(name, &validators.unwrap_or_default()).await {
            Ok(fetched) => fetched,
            Err(error) if error.is_not_found() => return Ok(Reading::Missing),
            Err(error) => return Err(error.into()),
        };
        let now = self.context.clock.now();
        match (fetched, known) {
            (Fetched::NotModified, Some(known)) => {
                store.confirm_details(known.id, now).await?;
                if let Some(details) = store.details(known.id).await?
                    && let Some(manifest) = details.latest
                {
                    self.read_readme_or_say_why(name, known.id, &manifest, None).await?;
                }
                Ok(Reading::Unchanged)
            }
            (Fetched::NotModified, None) => {
                Err(Error::Job(format!("the registry says that {name} is unchanged, though nothing was known of it")))
            }
            (Fetched::Document { body, validators }, _) => {
                let parsed = tokio::task::spawn_blocking(move || parse_packument(&body, now)).await?;
                let packument = parsed.map_err(|why| Error::Document { name: name.to_string(), why })?;
                if packument.observation.name != *name {
                    return Err(Error::Job(format!("asked for {name}, the registry answered with {}", packument.observation.name)));
                }
                let validators = StoredValidators { etag: validators.etag, last_modified: validators.last_modified };
                let packument = store_packument(&self.context, packument, validators).await?;
                let stored = store.by_name(name).await?;
                if let (Some(stored), Some(index)) = (stored, packument.details.latest) {
                    self.read_readme_or_say_why(name, stored.id, &packument.manifests[index], packument.readme).await?;
                }
                Ok(Reading::Stored)
            }
        }
    }

    /// Reads the README of a version from its tarball. The version must be known.
    pub async fn read_version(&self, name: &PackageName, version: &str) -> Result<Reading, Error> {
        let store = &self.context.store;
        let Some(known) = store.by_name(name).await? else { return Ok(Reading::Missing) };
        let Some(details) = store.details(known.id).await? else { return Ok(Reading::Missing) };
        let Some(place) = details.details.versions.iter().position(|line| line.version == version) else { return Ok(Reading::Missing) };
        let Some((manifest, _)) = store.manifest(known.id, place).await? else { return Ok(Reading::Missing) };
        self.read_readme(name, known.id, &manifest, None).await?;
        Ok(Reading::Stored)
    }

    /// As [`Reader::read_readme`], but a README that cannot be read does not cost the rest of the package.
    async fn read_readme_or_say_why(
        &self,
        name: &PackageName,
        id: i64,
        manifest: &Manifest,
        sent: Option<ReadmeText>,
    ) -> Result<(), Error> {
        match self.read_readme(name, id, manifest, sent).await {
            Err(error @ (Error::Registry(_) | Error::Job(_))) => {
                tracing::warn!(package = name.as_str(), version = manifest.version, %error, "the README could not be read");
                Ok(())
            }
            other => other,
        }
    }

    /// Renders and stores a version's README, unless that was done: from the packument when that has it whole, else from the tarball.
    async fn read_readme(&self, name: &PackageName, id: i64, manifest: &Manifest, sent: Option<ReadmeText>) -> Result<(), Error> {
        let store = &self.context.store;
        if store.readme_renderer(id, &manifest.version).await? == Some(RENDERER) {
            return Ok(());
        }
        let whole = sent.as_ref().is_some_and(|readme| !readme.cut);
        let text = match sent {
            Some(readme) if whole => Some(readme),
            cut => match self.readme_of_tarball(name, manifest).await {
                Ok(found) => found.or(cut),
                Err(error) if cut.is_none() => return Err(error),
                Err(_) => cut,
            },
        };
        put_readme(&self.context, &self.key, name, id, manifest, text).await
    }

    async fn readme_of_tarball(&self, name: &PackageName, manifest: &Manifest) -> Result<Option<ReadmeText>, Error> {
        let unusable = |why: &str| Error::Job(format!("the tarball of {name} {} {why}", manifest.version));
        let url = manifest.tarball.as_deref().and_then(|url| Url::parse(url).ok()).ok_or_else(|| unusable("has no address"))?;
        let integrity =
            Integrity::of_dist(manifest.integrity.as_deref(), manifest.shasum.as_deref()).ok_or_else(|| unusable("has no hash"))?;
        let tarball = Tarball {
            name: name.clone(),
            version: manifest.version.clone(),
            url: self.client.tarball_url(url, name),
            integrity,
            published_at: None,
        };
        let all = readme_folder(&self.context);
        tokio::fs::create_dir_all(&all).await.map_err(Error::io(&all))?;
        // A folder of its own, because the same tarball may be asked for twice at a time.
        let folder = tempfile::tempdir_in(&all).map_err(Error::io(&all))?;
        let download = self.client.download_capped(&tarball, folder.path(), MAX_README_TARBALL, |_, _| {});
        let path = tokio::time::timeout(MAX_README_TIME, download).await.map_err(|_| unusable("came too slowly"))??;
        let read = tokio::task::spawn_blocking(move || registry::read_readme(&path)).await??;
        Ok(read.map(|readme| ReadmeText { text: readme.text, filename: Some(readme.name), cut: readme.cut }))
    }
}

/// Renders READMEs anew that an older renderer rendered. Returns how many.
pub async fn render_anew(context: &Context, key: &ImageKey) -> Result<u64, Error> {
    let store = &context.store;
    let (mut after, mut rendered) = ((0, String::new()), 0);
    loop {
        let outdated = store.outdated_readmes(RENDERER, (after.0, &after.1), OUTDATED).await?;
        let Some((id, version, _)) = outdated.last() else { return Ok(rendered) };
        after = (*id, version.clone());
        for (id, version, text) in outdated {
            let (Some(known), Some(details)) = (store.by_ids(&[id]).await?.pop(), store.details(id).await?) else { continue };
            let place = details.details.versions.iter().position(|line| line.version == version);
            let (Some(place), Ok(name)) = (place, PackageName::parse(&known.name)) else { continue };
            if let Some((manifest, _)) = store.manifest(id, place).await? {
                put_readme(context, key, &name, id, &manifest, Some(text)).await?;
                rendered += 1;
            }
        }
    }
}

/// Notes dependents of packages whose details were stored before that was done. Returns of how many.
pub(crate) async fn note_latest(context: &Context) -> Result<usize, Error> {
    let (mut after, mut all) = (0, 0);
    while let Some((last, noted)) = context.store.note_latest(after, NOTED).await? {
        (after, all) = (last, all + noted);
    }
    Ok(all)
}

/// Where tarballs lie while their READMEs are read.
fn readme_folder(context: &Context) -> PathBuf {
    context.tmp().join("readmes")
}

/// Deletes the tarballs that a process which was killed left behind. Only for the holder of the lease.
pub(crate) fn sweep(context: &Context) -> Result<(), Error> {
    let folder = readme_folder(context);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(folder)(error)),
        _ => Ok(()),
    }
}

/// Stores a packument and gives it back.
pub(crate) async fn store_packument(context: &Context, packument: Packument, validators: StoredValidators) -> Result<Packument, Error> {
    context.store.apply(std::slice::from_ref(&packument.observation)).await?;
    let (packument, packed) = tokio::task::spawn_blocking(move || {
        let packed = PackedDetails::pack(&packument);
        (packument, packed)
    })
    .await?;
    context.store.put_details(&[(packed?, validators)]).await?;
    Ok(packument)
}

/// Renders a README and stores it, or that there is none.
pub(crate) async fn put_readme(
    context: &Context,
    key: &ImageKey,
    name: &PackageName,
    id: i64,
    manifest: &Manifest,
    text: Option<ReadmeText>,
) -> Result<(), Error> {
    let packed = match text {
        None => PackedReadme::none(RENDERER),
        Some(text) => {
            let (key, name, manifest) = (key.clone(), name.clone(), manifest.clone());
            tokio::task::spawn_blocking(move || {
                let readme = render_readme(&ReadmeSource {
                    text: &text.text,
                    filename: text.filename.as_deref(),
                    package: name.as_str(),
                    repository: manifest.repository.as_deref(),
                    directory: manifest.directory.as_deref(),
                    image: &|url| key.address(url),
                });
                let contents =
                    readme.contents.into_iter().map(|heading| ReadmeHeading { level: heading.level, id: heading.id, text: heading.text });
                let rendered = RenderedReadme { html: readme.html, contents: contents.collect(), cut: readme.cut || text.cut };
                PackedReadme::pack(&text, &rendered, RENDERER)
            })
            .await??
        }
    };
    context.store.put_readme(id, &manifest.version, &packed).await?;
    Ok(())
}
