//! What the details of packages tell the index: facts, dependencies, dependents, READMEs.

use std::collections::{HashMap, HashSet};

use model::{Fact, Facts, Manifest, types_package};
use serde::Deserialize;
use sqlx::AssertSqlSafe;

use crate::bulk::{Words, from_json, to_json};
use crate::details::unpack;
use crate::{Error, RenderedReadme, Store, on};

/// Packages whose details are read at a time.
const CHUNK: usize = 200;

/// The part of an overview that is wanted here; the history is passed over.
#[derive(Deserialize)]
struct Overview {
    latest: Option<Manifest>,
}

/// What a package's details tell.
#[derive(Debug)]
pub(crate) struct FromDetails {
    facts: Facts,
    /// What is installed with it: dependencies, optional ones, and peers.
    pub(crate) dependencies: Vec<String>,
    /// The README of its latest version as safe HTML.
    pub(crate) readme: Option<String>,
}

impl FromDetails {
    fn new(overview: &[u8], readme: Option<&[u8]>) -> Result<Self, Error> {
        let manifest = unpack::<Overview>(overview)?.latest.unwrap_or_default();
        let readme = readme.map(unpack::<RenderedReadme>).transpose()?.map(|readme| readme.html);
        let holds = [
            (Fact::Details, true),
            (Fact::Types, manifest.has_types),
            (Fact::TypesIncluded, manifest.has_types),
            (Fact::Esm, manifest.is_esm),
            (Fact::CommonJs, manifest.is_commonjs),
            (Fact::InstallScripts, !manifest.install_scripts.is_empty()),
            (Fact::Provenance, manifest.has_provenance),
            (Fact::Commands, !manifest.commands.is_empty()),
            (Fact::Readme, readme.is_some()),
        ];
        let facts = holds.into_iter().filter_map(|(fact, holds)| holds.then_some(fact)).collect();
        Ok(Self { facts, dependencies: dependencies(manifest), readme })
    }

    /// With what follows from whether types for it are in a package of their own.
    pub(crate) fn facts(&self, is_typed_elsewhere: bool) -> Facts {
        let mut facts = self.facts;
        facts.set(Fact::Untyped, !is_typed_elsewhere && !facts.has(Fact::TypesIncluded));
        facts
    }
}

fn dependencies(manifest: Manifest) -> Vec<String> {
    let lists = [manifest.dependencies, manifest.optional_dependencies, manifest.peer_dependencies];
    let mut names: Vec<String> = lists.into_iter().flatten().map(|dependency| dependency.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl Store {
    /// What the details of those of these packages tell that have any.
    pub(crate) async fn told_by_details(&self, ids: &[i64]) -> Result<HashMap<i64, FromDetails>, Error> {
        let mut found = HashMap::new();
        for ids in ids.chunks(CHUNK) {
            // The numbers are ours, so they may stand in the text.
            let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let sql = format!(
                "SELECT d.package_id, d.overview, r.rendered FROM details d
                 LEFT JOIN readmes r ON r.package_id = d.package_id AND r.version = d.latest WHERE d.package_id IN ({})",
                list.join(",")
            );
            let rows: Vec<(i64, Vec<u8>, Option<Vec<u8>>)> =
                on!(&self.read, |pool| sqlx::query_as(AssertSqlSafe(sql)).persistent(false).fetch_all(pool).await?);
            for (id, overview, readme) in rows {
                found.insert(id, FromDetails::new(&overview, readme.as_deref())?);
            }
        }
        Ok(found)
    }

    /// The packages that have details, and with how many of those each package is installed, by name.
    pub(crate) async fn dependents(&self) -> Result<(HashSet<i64>, HashMap<String, u32>), Error> {
        let (mut ids, mut dependents, mut after) = (HashSet::new(), HashMap::new(), 0);
        loop {
            let sql = "SELECT package_id, overview FROM details WHERE package_id > $1 ORDER BY package_id LIMIT $2";
            let rows: Vec<(i64, Vec<u8>)> =
                on!(&self.read, |pool| sqlx::query_as(sql).bind(after).bind(CHUNK as i64).fetch_all(pool).await?);
            let Some((last, _)) = rows.last() else { return Ok((ids, dependents)) };
            after = *last;
            for (id, overview) in rows {
                ids.insert(id);
                for name in FromDetails::new(&overview, None)?.dependencies {
                    *dependents.entry(name).or_default() += 1;
                }
            }
        }
    }

    /// All packages of the scope `@types`.
    pub(crate) async fn type_packages(&self) -> Result<HashSet<String>, Error> {
        // `0` is the character after `/`.
        let sql = "SELECT name FROM packages WHERE name >= '@types/' AND name < '@types0'";
        let names: Vec<String> = on!(&self.read, |pool| sqlx::query_scalar(sql).fetch_all(pool).await?);
        Ok(names.into_iter().collect())
    }

    /// Those of them that would declare the types of one of these packages.
    pub(crate) async fn type_packages_of<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<HashSet<String>, Error> {
        let wrapped: Vec<[String; 1]> = names.map(|name| [types_package(name)]).collect();
        let sql = Words::of(&self.read).fill("SELECT {pack}({row}(p.name)){text} FROM {rows} j JOIN packages p ON p.name = j.value ->> 0");
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&wrapped)?).fetch_one(pool).await?);
        Ok(from_json::<[String; 1]>(text.as_deref())?.into_iter().map(|[name]| name).collect())
    }
}
