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
    ///
    /// Damage that keeps a check from being made is a problem in the list, not an error.
    pub async fn doctor(&self, now: i64) -> Result<Doctor, Error> {
        let writer = self.store.lease_holder().await?.filter(|holder| holder.expires_at > now);
        let mut found = Doctor {
            packages: 0,
            indexed: 0,
            behind: 0,
            sampled: 0,
            writer: writer.map(|holder| format!("{} ({})", holder.holder, holder.doing)),
            problems: Vec::new(),
        };
        if let Err(error) = self.check_store(&mut found).await {
            found.problems.push(format!("the database cannot be checked further: {error}"));
        }
        if let Err(error) = self.check_index(&mut found).await {
            found.problems.push(format!("{error}; run `pkgstats reindex`"));
        }
        if found.writer.is_none() {
            for path in Index::leftovers(&self.index_root)? {
                found
                    .problems
                    .push(format!("{} is left over from an interrupted run; the next fill or reindex removes it", path.display()));
            }
        }
        Ok(found)
    }

    async fn check_store(&self, found: &mut Doctor) -> Result<(), Error> {
        let store = &self.store;
        found.problems.extend(store.quick_check().await?.into_iter().map(|line| format!("the database is damaged: {line}")));
        found.packages = store.count_one_by_one().await?;
        let kept = store.count().await?;
        if kept != found.packages && found.writer.is_none() {
            found.problems.push(format!("the database has {} packages but keeps another number, {kept}", found.packages));
        }
        for (table, count) in store.orphans().await? {
            found.problems.push(format!("{count} rows of {table} belong to no package"));
        }
        Ok(())
    }

    async fn check_index(&self, found: &mut Doctor) -> Result<(), Error> {
        let Some(index) = self.index() else {
            // Says why, when there is one that cannot be opened.
            let nothing = Index::open(&self.index_root)?.is_none();
            if nothing && found.packages > 0 && found.writer.is_none() {
                found.problems.push("there is no search index; run `pkgstats reindex`".to_owned());
            }
            return Ok(());
        };
        let store = &self.store;
        let last = store.last_change().await?;
        let at = index.payload()?.change_seq;
        found.indexed = index.count();
        if at > last {
            found.problems.push(format!("the index knows change {at} but the store has only {last}; run `pkgstats reindex`"));
        }
        found.behind = store.behind(at).await?;
        if found.behind == 0 && found.indexed != found.packages && found.writer.is_none() {
            found
                .problems
                .push(format!("the index has {} packages and the store {}; run `pkgstats reindex`", found.indexed, found.packages));
        }
        let names = store.sample(SAMPLED, last.cast_unsigned()).await?;
        // On a thread of its own, where a panic over damaged files is an error like others.
        let looked = tokio::task::spawn_blocking(move || {
            let mut missing = 0_u64;
            for (id, name) in &names {
                if index.id_of(name)? != Some(*id) {
                    missing += 1;
                }
            }
            Ok::<_, ::search::Error>((missing, names.len() as u64, index.sample_ids(SAMPLED, last.cast_unsigned())))
        });
        let (missing, names, ids) = looked.await.map_err(|_| ::search::Error::Damaged { path: self.index_root.clone() })??;
        let known: HashSet<i64> = store.by_ids(&ids).await?.into_iter().map(|known| known.id).collect();
        let orphaned = ids.iter().filter(|id| !known.contains(id)).count() as u64;
        found.sampled = names + ids.len() as u64;
        // What changed since the index was written is not an error.
        if missing > found.behind {
            found.problems.push(format!("{missing} of {names} sampled packages are not in the index; run `pkgstats reindex`"));
        }
        if orphaned > found.behind {
            found
                .problems
                .push(format!("{orphaned} of {} sampled entries of the index are not in the store; run `pkgstats reindex`", ids.len()));
        }
        Ok(())
    }
}
