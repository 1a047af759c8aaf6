//! Whether the data directory is sound.

use std::collections::HashSet;

use ::search::Index;
use serde::Serialize;

use crate::{Catalog, Error};

/// Names compared both ways.
const SAMPLED: u64 = 10_000;

/// What was found. Being behind is no problem: the next `serve` or `fill` catches up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doctor {
    /// Packages in the store.
    pub packages: u64,
    /// Packages in the index.
    pub indexed: u64,
    /// Changes that the index does not have yet, at most.
    pub behind: u64,
    /// Names that were looked up in the index and ids of the index that were looked up in the store.
    pub sampled: u64,
    /// Who writes at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
    /// What is wrong; empty when all is well.
    pub problems: Vec<String>,
}

impl Catalog {
    /// Looks for damage: the database's own check, rows that belong to nothing, the index's number against the store's, names both ways,
    /// and what an interrupted run left behind. `now` is in seconds since 1970; leftovers of a process that still works are its own.
    pub async fn doctor(&self, now: i64) -> Result<Doctor, Error> {
        let store = &self.store;
        let mut problems: Vec<String> =
            store.quick_check().await?.into_iter().map(|line| format!("the database is damaged: {line}")).collect();
        for (table, count) in store.orphans().await? {
            problems.push(format!("{count} rows of {table} belong to no package"));
        }
        let writer = store.lease_holder().await?.filter(|holder| holder.expires_at > now);
        let (mut indexed, mut behind, mut sampled) = (0, 0, 0);
        let packages = store.count_one_by_one().await?;
        if store.count().await? != packages && writer.is_none() {
            problems.push(format!("the database has {packages} packages but keeps another number, {}", store.count().await?));
        }
        let last = store.last_change().await?;
        match self.index() {
            None if let Err(error) = Index::open(&self.index_root) => problems.push(format!("{error}; run `pkgstats reindex`")),
            None if packages > 0 && writer.is_none() => problems.push("there is no search index; run `pkgstats reindex`".to_owned()),
            None => {}
            Some(index) => {
                indexed = index.count();
                match index.payload() {
                    Ok(payload) if payload.change_seq > last => {
                        problems.push(format!(
                            "the index knows change {} but the store has only {last}; run `pkgstats reindex`",
                            payload.change_seq
                        ));
                    }
                    Ok(payload) => behind = store.behind(payload.change_seq).await?,
                    Err(error) => problems.push(format!("{error}; run `pkgstats reindex`")),
                }
                if behind == 0 && indexed != packages && writer.is_none() {
                    problems.push(format!("the index has {indexed} packages and the store {packages}; run `pkgstats reindex`"));
                }
                let names = store.sample(SAMPLED, last.cast_unsigned()).await?;
                sampled += names.len() as u64;
                let mut missing = 0_u64;
                for (id, name) in &names {
                    if index.id_of(name)? != Some(*id) {
                        missing += 1;
                    }
                }
                let ids = index.sample_ids(SAMPLED, last.cast_unsigned());
                sampled += ids.len() as u64;
                let known: HashSet<i64> = store.by_ids(&ids).await?.into_iter().map(|known| known.id).collect();
                let orphaned = ids.iter().filter(|id| !known.contains(id)).count() as u64;
                // What changed since the index was written is not an error.
                if missing > behind {
                    problems.push(format!("{missing} of {} sampled packages are not in the index; run `pkgstats reindex`", names.len()));
                }
                if orphaned > behind {
                    problems.push(format!(
                        "{orphaned} of {} sampled entries of the index are not in the store; run `pkgstats reindex`",
                        ids.len()
                    ));
                }
            }
        }
        if writer.is_none() {
            for path in Index::leftovers(&self.index_root)? {
                problems.push(format!("{} is left over from an interrupted run; the next fill or reindex removes it", path.display()));
            }
        }
        let writer = writer.map(|holder| format!("{} ({})", holder.holder, holder.doing));
        Ok(Doctor { packages, indexed, behind, sampled, writer, problems })
    }
}
