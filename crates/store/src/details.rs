//! Packuments taken apart: histories, manifests, READMEs.
//!
//! Bytes are 1 (the format), then JSON compressed with zstd. A page reads one row of some kilobytes; manifests of versions other than the
//! latest lie 32 to a row, so that one of 3,000 is read without the others.

use std::collections::HashMap;

use model::{Details, Manifest, Packument, ReadmeText};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;

use crate::bulk::{Words, from_json, to_json};
use crate::dependents::{PackedLatest, put_latest};
use crate::packages::take_numbers;
use crate::{Error, Store, on};

const FORMAT: u8 = 1;
const BLOCK: usize = 32;
const LEVEL: i32 = 3;
/// Tells the index that something it knows of a package changed.
const TOUCH: &str = "UPDATE packages SET change_seq = $2 WHERE id = $1";
/// The largest value unpacked; the largest document accepted has 128 MiB.
const MAX_UNPACKED: usize = 256 << 20;

/// What the registry sends to recognise an unchanged document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredValidators {
    /// `ETag`, verbatim.
    pub etag: Option<String>,
    /// `Last-Modified`, verbatim.
    pub last_modified: Option<String>,
}

/// A packument ready to be stored. Packing computes, so it is a step of its own.
#[derive(Debug)]
pub struct PackedDetails {
    name: String,
    observed_at: i64,
    latest: Option<String>,
    overview: Vec<u8>,
    manifests: Vec<Vec<u8>>,
    listed: Option<PackedLatest>,
}

/// What a page reads of a package's details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDetails {
    /// When the registry last said that this is so: seconds since 1970, UTC.
    pub observed_at: i64,
    /// The history.
    pub details: Details,
    /// The manifest of the version shown first.
    pub latest: Option<Manifest>,
    /// The README of that version: `None` when nobody has looked yet.
    pub readme: Option<StoredReadme>,
}

/// What is known of a version's README.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredReadme {
    /// It has none.
    None,
    /// It was rendered.
    Rendered(RenderedReadme),
}

/// A README as pages show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedReadme {
    /// Safe HTML.
    pub html: String,
    /// Its headings.
    pub contents: Vec<ReadmeHeading>,
    /// Its end is missing.
    pub cut: bool,
}

/// A heading of a README.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadmeHeading {
    /// 3 the highest.
    pub level: u8,
    /// The id in the HTML.
    pub id: String,
    /// Its words.
    pub text: String,
}

/// A README to be stored, with its source, so that a newer renderer can render it anew.
#[derive(Debug)]
pub struct PackedReadme {
    source: Option<Vec<u8>>,
    rendered: Option<Vec<u8>>,
    renderer: i64,
}

#[derive(Serialize)]
struct Overview<'a> {
    details: &'a Details,
    latest: Option<&'a Manifest>,
}

#[derive(Deserialize)]
struct OwnedOverview {
    details: Details,
    latest: Option<Manifest>,
}

pub(crate) fn pack<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    let json = serde_json::to_vec(value).map_err(|error| Error::Damaged(error.to_string()))?;
    let mut bytes = vec![FORMAT];
    bytes.extend(zstd::bulk::compress(&json, LEVEL).map_err(|error| Error::Damaged(error.to_string()))?);
    Ok(bytes)
}

pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let damaged = |why: String| Error::Damaged(format!("details of a package: {why}"));
    let (&format, rest) = bytes.split_first().ok_or_else(|| damaged("nothing there".to_owned()))?;
    if format != FORMAT {
        return Err(damaged(format!("the unknown format {format}")));
    }
    let size = zstd::bulk::Decompressor::upper_bound(rest).unwrap_or(MAX_UNPACKED).min(MAX_UNPACKED);
    let json = zstd::bulk::decompress(rest, size).map_err(|error| damaged(error.to_string()))?;
    serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))
}

/// The manifest of the version shown first, of a stored overview.
pub(crate) fn latest_of(overview: &[u8]) -> Result<Option<Manifest>, Error> {
    Ok(unpack::<OwnedOverview>(overview)?.latest)
}

impl StoredDetails {
    /// Without the README.
    pub(crate) fn unpack(observed_at: i64, overview: &[u8]) -> Result<Self, Error> {
        let OwnedOverview { details, latest } = unpack(overview)?;
        Ok(Self { observed_at, details, latest, readme: None })
    }
}

impl PackedDetails {
    /// Compresses a packument. Takes milliseconds, for the largest up to a second.
    pub fn pack(packument: &Packument) -> Result<Self, Error> {
        let Packument { observation, details, manifests, .. } = packument;
        let latest = details.latest.and_then(|index| manifests.get(index));
        Ok(Self {
            name: observation.name.as_str().to_owned(),
            observed_at: observation.observed_at,
            latest: latest.map(|manifest| manifest.version.clone()),
            overview: pack(&Overview { details, latest })?,
            manifests: manifests.chunks(BLOCK).map(|block| pack(&block)).collect::<Result<_, _>>()?,
            listed: latest.map(PackedLatest::pack).transpose()?,
        })
    }
}

impl PackedReadme {
    /// A version without a README.
    #[must_use]
    pub fn none(renderer: i64) -> Self {
        Self { source: None, rendered: None, renderer }
    }

    /// A rendered README and what it was rendered from.
    pub fn pack(source: &ReadmeText, readme: &RenderedReadme, renderer: i64) -> Result<Self, Error> {
        Ok(Self { source: Some(pack(source)?), rendered: Some(pack(readme)?), renderer })
    }
}

impl Store {
    /// Stores the details of packages whose observations were stored just before; an older observation than the stored one is left out.
    pub async fn put_details(&self, packages: &[(PackedDetails, StoredValidators)]) -> Result<(), Error> {
        let words = Words::of(&self.write);
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            // Takes the row lock, which makes writers queue.
            let _ = take_numbers!(tx, 0);
            for (package, validators) in packages {
                let found: Option<(i64, Option<i64>, Option<Vec<u8>>)> = sqlx::query_as(
                    "SELECT p.id, d.observed_at, d.overview FROM packages p LEFT JOIN details d ON d.package_id = p.id WHERE p.name = $1",
                )
                .bind(&package.name)
                .fetch_optional(&mut *tx)
                .await?;
                let Some((id, before, overview)) = found else { continue };
                if before.is_some_and(|before| before > package.observed_at) {
                    continue;
                }
                sqlx::query(
                    "INSERT INTO details (package_id, observed_at, etag, last_modified, latest, overview) VALUES ($1, $2, $3, $4, $5, $6)
                     ON CONFLICT (package_id) DO UPDATE SET observed_at = excluded.observed_at, etag = excluded.etag,
                         last_modified = excluded.last_modified, latest = excluded.latest, overview = excluded.overview",
                )
                .bind(id)
                .bind(package.observed_at)
                .bind(&validators.etag)
                .bind(&validators.last_modified)
                .bind(&package.latest)
                .bind(&package.overview)
                .execute(&mut *tx)
                .await?;
                if overview.is_none_or(|overview| overview != package.overview) {
                    let seq = take_numbers!(tx, 1);
                    sqlx::query(TOUCH).bind(id).bind(seq).execute(&mut *tx).await?;
                }
                if before.is_none() {
                    sqlx::query("UPDATE counter SET details = details + 1").execute(&mut *tx).await?;
                }
                put_latest!(tx, words, id, package.listed.as_ref());
                sqlx::query("DELETE FROM manifests WHERE package_id = $1").bind(id).execute(&mut *tx).await?;
                for (block, bytes) in package.manifests.iter().enumerate() {
                    sqlx::query("INSERT INTO manifests (package_id, block, manifests) VALUES ($1, $2, $3)")
                        .bind(id)
                        .bind(block as i64)
                        .bind(bytes)
                        .execute(&mut *tx)
                        .await?;
                }
            }
            tx.commit().await?;
        });
        Ok(())
    }

    /// Remembers that the registry said at `now` that nothing changed.
    pub async fn confirm_details(&self, id: i64, now: i64) -> Result<(), Error> {
        on!(&self.write, |pool| {
            sqlx::query("UPDATE details SET observed_at = $2 WHERE package_id = $1 AND observed_at < $2")
                .bind(id)
                .bind(now)
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// Stores what is known of a version's README. A package that was removed in the meantime has none.
    pub async fn put_readme(&self, id: i64, version: &str, readme: &PackedReadme) -> Result<(), Error> {
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            let seq = take_numbers!(tx, 1);
            sqlx::query(
                "INSERT INTO readmes (package_id, version, source, rendered, renderer)
                 SELECT id, $2, $3, $4, $5 FROM packages WHERE id = $1
                 ON CONFLICT (package_id, version) DO UPDATE SET source = excluded.source, rendered = excluded.rendered,
                     renderer = excluded.renderer",
            )
            .bind(id)
            .bind(version)
            .bind(&readme.source)
            .bind(&readme.rendered)
            .bind(readme.renderer)
            .execute(&mut *tx)
            .await?;
            sqlx::query(TOUCH).bind(id).bind(seq).execute(&mut *tx).await?;
            tx.commit().await?;
        });
        Ok(())
    }

    /// The details of a package with the README of its latest version.
    pub async fn details(&self, id: i64) -> Result<Option<StoredDetails>, Error> {
        /// When it was observed, the overview, the README's renderer when one looked, and the README when there is one.
        type Found = (i64, Vec<u8>, Option<i64>, Option<Vec<u8>>);
        let sql = "SELECT d.observed_at, d.overview, r.renderer, r.rendered FROM details d
            LEFT JOIN readmes r ON r.package_id = d.package_id AND r.version = d.latest WHERE d.package_id = $1";
        let row: Option<Found> = on!(&self.read, |pool| sqlx::query_as(sql).bind(id).fetch_optional(pool).await?);
        let Some((observed_at, overview, looked, html)) = row else { return Ok(None) };
        let readme = looked.map(|_| readme(html.as_deref())).transpose()?;
        Ok(Some(StoredDetails { readme, ..StoredDetails::unpack(observed_at, &overview)? }))
    }

    /// The manifest of the version at this place of the history, and what is known of its README.
    pub async fn manifest(&self, id: i64, place: usize) -> Result<Option<(Manifest, Option<StoredReadme>)>, Error> {
        let sql = "SELECT manifests FROM manifests WHERE package_id = $1 AND block = $2";
        let bytes: Option<Vec<u8>> =
            on!(&self.read, |pool| sqlx::query_scalar(sql).bind(id).bind((place / BLOCK) as i64).fetch_optional(pool).await?);
        let Some(bytes) = bytes else { return Ok(None) };
        let mut block: Vec<Manifest> = unpack(&bytes)?;
        if place % BLOCK >= block.len() {
            return Ok(None);
        }
        let manifest = block.swap_remove(place % BLOCK);
        let readme = self.readme(id, &manifest.version).await?;
        Ok(Some((manifest, readme)))
    }

    /// What is known of the README of a version; `None` when nobody has looked yet.
    pub async fn readme(&self, id: i64, version: &str) -> Result<Option<StoredReadme>, Error> {
        let sql = "SELECT rendered FROM readmes WHERE package_id = $1 AND version = $2";
        let row: Option<(Option<Vec<u8>>,)> =
            on!(&self.read, |pool| sqlx::query_as(sql).bind(id).bind(version).fetch_optional(pool).await?);
        row.map(|(rendered,)| readme(rendered.as_deref())).transpose()
    }

    /// Whether a version's README was looked for, and by which renderer it was rendered.
    pub async fn readme_renderer(&self, id: i64, version: &str) -> Result<Option<i64>, Error> {
        let sql = "SELECT renderer FROM readmes WHERE package_id = $1 AND version = $2";
        Ok(on!(&self.read, |pool| sqlx::query_scalar(sql).bind(id).bind(version).fetch_optional(pool).await?))
    }

    /// READMEs that an older renderer rendered: package, version, source, in this order. At most `limit`, those after a package and version.
    pub async fn outdated_readmes(&self, renderer: i64, after: (i64, &str), limit: i64) -> Result<Vec<(i64, String, ReadmeText)>, Error> {
        let sql = "SELECT package_id, version, source FROM readmes
            WHERE renderer < $1 AND (package_id, version) > ($2, $3) AND source IS NOT NULL
            ORDER BY package_id, version LIMIT $4";
        let rows: Vec<(i64, String, Vec<u8>)> =
            on!(&self.read, |pool| { sqlx::query_as(sql).bind(renderer).bind(after.0).bind(after.1).bind(limit).fetch_all(pool).await? });
        rows.into_iter().map(|(id, version, source)| Ok((id, version, unpack(&source)?))).collect()
    }

    /// When the registry was last asked for this package's details, and how to ask whether they changed.
    pub async fn details_validators(&self, id: i64) -> Result<Option<(i64, StoredValidators)>, Error> {
        let sql = "SELECT observed_at, etag, last_modified FROM details WHERE package_id = $1";
        let row: Option<(i64, Option<String>, Option<String>)> =
            on!(&self.read, |pool| sqlx::query_as(sql).bind(id).fetch_optional(pool).await?);
        Ok(row.map(|(at, etag, last_modified)| (at, StoredValidators { etag, last_modified })))
    }

    /// When the registry was last asked for details, of those of these packages that have any.
    pub async fn details_observed(&self, ids: &[i64]) -> Result<HashMap<i64, i64>, Error> {
        let wrapped: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
        let sql = Words::of(&self.read).fill(
            "SELECT {pack}({row}(d.package_id, d.observed_at)){text} FROM {rows} j JOIN details d ON d.package_id = CAST(j.value ->> 0 AS BIGINT)",
        );
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&wrapped)?).fetch_one(pool).await?);
        Ok(from_json::<(i64, i64)>(text.as_deref())?.into_iter().collect())
    }

    /// The versions of a package, the newest first; `None` when it has no details.
    pub async fn versions_of(&self, id: i64) -> Result<Option<Vec<String>>, Error> {
        /// The manifest is passed over.
        #[derive(Deserialize)]
        struct Overview {
            details: Details,
        }
        let sql = "SELECT overview FROM details WHERE package_id = $1";
        let overview: Option<Vec<u8>> = on!(&self.read, |pool| sqlx::query_scalar(sql).bind(id).fetch_optional(pool).await?);
        let versions = |overview: Overview| overview.details.versions.into_iter().map(|line| line.version).collect();
        overview.map(|overview| unpack(&overview).map(versions)).transpose()
    }

    /// How many packages have details.
    pub async fn count_details(&self) -> Result<u64, Error> {
        let count: i64 = on!(&self.read, |pool| sqlx::query_scalar("SELECT details FROM counter").fetch_one(pool).await?);
        Ok(count.cast_unsigned())
    }
}

pub(crate) fn readme(rendered: Option<&[u8]>) -> Result<StoredReadme, Error> {
    rendered.map_or(Ok(StoredReadme::None), |bytes| Ok(StoredReadme::Rendered(unpack(bytes)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_bytes_are_told() {
        for bytes in [&b""[..], b"\x02abc", b"\x01abc", b"\x01"] {
            assert!(matches!(unpack::<Details>(bytes), Err(Error::Damaged(_))));
        }
        let packed = pack(&Details::default()).expect("packs");
        assert_eq!(unpack::<Details>(&packed).expect("unpacks"), Details::default());
    }
}
