//! Monthly counts of all packages, a series of their own: 512 neighbouring ids to a row.
//!
//! A row's bytes: 1 (the format), then the counts as pco writes them, each plus one, 0 for unknown. A month of 3.8 million counts takes
//! about 6 MB; one row is read and decoded in some ten microseconds.

use std::collections::{BTreeMap, HashMap};

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};
use sqlx::AssertSqlSafe;

use crate::{Error, Store, on};

pub(crate) const BLOCK: i64 = 512;
const FORMAT: u8 = 1;

/// One month's counts.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Snapshot {
    /// Its id.
    pub id: i64,
    /// The month counted, as `2026-03`.
    pub month: String,
    /// The version of the data set.
    pub version: String,
    /// The end of the month: seconds since 1970, UTC.
    pub as_of: i64,
    /// How many packages have a count.
    pub packages: i64,
    /// The sum of the counts.
    pub total: i64,
}

/// A package's count in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotCount {
    /// Downloads in the month.
    pub count: u64,
    /// The end of the month: seconds since 1970, UTC.
    pub as_of: i64,
    /// The month, as `2026-03`.
    pub month: String,
}

/// Writes a snapshot block by block. Until [`SnapshotWriter::finish`] nobody reads it; an unfinished one is written over by the next.
#[derive(Debug)]
pub struct SnapshotWriter {
    store: Store,
    snapshot: Snapshot,
    blocks: Vec<(i64, Vec<u8>)>,
}

/// Blocks to a transaction.
const BATCH: usize = 1_000;

fn encode(counts: &[u64]) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![FORMAT];
    bytes.extend(simple_compress(counts, &ChunkConfig::default()).map_err(|error| Error::Damaged(error.to_string()))?);
    Ok(bytes)
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<u64>, Error> {
    let (&format, rest) = bytes.split_first().ok_or_else(|| Error::Damaged("an empty block of counts".to_owned()))?;
    if format != FORMAT {
        return Err(Error::Damaged(format!("a block of counts in the unknown format {format}")));
    }
    simple_decompress(rest).map_err(|error| Error::Damaged(format!("a block of counts: {error}")))
}

/// The count of a package in its block; `None` when it has none.
pub(crate) fn count_of(counts: &[u64], id: i64) -> Option<u64> {
    counts.get((id % BLOCK) as usize)?.checked_sub(1)
}

impl SnapshotWriter {
    /// Adds the counts of all ids in ascending order, `None` where a package was not counted. Ids start at 1; `ids` may have gaps.
    pub async fn write(&mut self, counts: impl Iterator<Item = (i64, u64)>) -> Result<(), Error> {
        let (mut block, mut values): (i64, Vec<u64>) = (0, Vec::new());
        for (id, count) in counts {
            if id / BLOCK != block {
                self.push(block, &mut values).await?;
                block = id / BLOCK;
            }
            values.resize((id % BLOCK) as usize, 0);
            values.push(count.saturating_add(1));
            self.snapshot.packages += 1;
            self.snapshot.total = self.snapshot.total.saturating_add_unsigned(count);
        }
        self.push(block, &mut values).await?;
        self.flush().await
    }

    async fn push(&mut self, block: i64, values: &mut Vec<u64>) -> Result<(), Error> {
        if !values.is_empty() {
            self.blocks.push((block, encode(values)?));
            values.clear();
            if self.blocks.len() >= BATCH {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Error> {
        on!(&self.store.write, |pool| {
            let mut tx = pool.begin().await?;
            for (block, counts) in self.blocks.drain(..) {
                sqlx::query("INSERT INTO snapshot_blocks (snapshot_id, block, counts) VALUES ($1, $2, $3)")
                    .bind(self.snapshot.id)
                    .bind(block)
                    .bind(counts)
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
        });
        Ok(())
    }

    /// Makes the snapshot visible.
    pub async fn finish(self) -> Result<Snapshot, Error> {
        let sql = "UPDATE snapshots SET complete = 1, packages = $2, total = $3 WHERE id = $1";
        let snapshot = self.snapshot;
        on!(&self.store.write, |pool| {
            sqlx::query(sql).bind(snapshot.id).bind(snapshot.packages).bind(snapshot.total).execute(pool).await?;
        });
        Ok(snapshot)
    }
}

impl Store {
    /// Starts a month's snapshot anew.
    pub async fn begin_snapshot(&self, month: &str, version: &str, as_of: i64) -> Result<SnapshotWriter, Error> {
        let id: i64 = on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            sqlx::query("DELETE FROM snapshot_blocks WHERE snapshot_id IN (SELECT id FROM snapshots WHERE month = $1)")
                .bind(month)
                .execute(&mut *tx)
                .await?;
            sqlx::query("DELETE FROM snapshots WHERE month = $1").bind(month).execute(&mut *tx).await?;
            let id: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM snapshots").fetch_one(&mut *tx).await?;
            sqlx::query("INSERT INTO snapshots (id, month, version, as_of, packages, total, complete) VALUES ($1, $2, $3, $4, 0, 0, 0)")
                .bind(id)
                .bind(month)
                .bind(version)
                .bind(as_of)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            id
        });
        let snapshot = Snapshot { id, month: month.to_owned(), version: version.to_owned(), as_of, packages: 0, total: 0 };
        Ok(SnapshotWriter { store: self.clone(), snapshot, blocks: Vec::new() })
    }

    /// The finished snapshots, newest month first.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, Error> {
        let sql = "SELECT id, month, version, as_of, packages, total FROM snapshots WHERE complete = 1 ORDER BY month DESC";
        Ok(on!(&self.read, |pool| sqlx::query_as(sql).fetch_all(pool).await?))
    }

    /// The finished snapshot of the newest month.
    pub async fn newest_snapshot(&self) -> Result<Option<Snapshot>, Error> {
        let sql = "SELECT id, month, version, as_of, packages, total FROM snapshots WHERE complete = 1 ORDER BY month DESC LIMIT 1";
        Ok(on!(&self.read, |pool| sqlx::query_as(sql).fetch_optional(pool).await?))
    }

    /// The counts of some packages in the newest finished snapshot; packages without a count are left out.
    pub async fn newest_counts(&self, ids: &[i64]) -> Result<HashMap<i64, SnapshotCount>, Error> {
        self.counts_in(0, ids).await
    }

    /// The same of the finished snapshot before that.
    pub(crate) async fn counts_before_newest(&self, ids: &[i64]) -> Result<HashMap<i64, SnapshotCount>, Error> {
        self.counts_in(1, ids).await
    }

    async fn counts_in(&self, place: usize, ids: &[i64]) -> Result<HashMap<i64, SnapshotCount>, Error> {
        let mut blocks: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for id in ids {
            blocks.entry(id / BLOCK).or_default().push(*id);
        }
        if blocks.is_empty() {
            return Ok(HashMap::new());
        }
        // The numbers are ours, so they may stand in the text.
        let list: Vec<String> = blocks.keys().map(ToString::to_string).collect();
        let sql = format!(
            "SELECT s.month, s.as_of, b.block, b.counts
             FROM (SELECT id, month, as_of FROM snapshots WHERE complete = 1 ORDER BY month DESC LIMIT 1 OFFSET {place}) s
             JOIN snapshot_blocks b ON b.snapshot_id = s.id AND b.block IN ({})",
            list.join(",")
        );
        let rows: Vec<(String, i64, i64, Vec<u8>)> =
            on!(&self.read, |pool| sqlx::query_as(AssertSqlSafe(sql)).persistent(false).fetch_all(pool).await?);
        let mut found = HashMap::with_capacity(ids.len());
        for (month, as_of, block, bytes) in rows {
            let values = decode(&bytes)?;
            for id in &blocks[&block] {
                if let Some(count) = count_of(&values, *id) {
                    found.insert(*id, SnapshotCount { count, as_of, month: month.clone() });
                }
            }
        }
        Ok(found)
    }

    /// All counts of one snapshot by id, each plus one, 0 for unknown: 8 bytes a package.
    pub(crate) async fn all_counts(&self, snapshot: i64) -> Result<Vec<u64>, Error> {
        let mut counts = Vec::new();
        let mut next = 0;
        loop {
            let sql = "SELECT block, counts FROM snapshot_blocks WHERE snapshot_id = $1 AND block >= $2 ORDER BY block LIMIT 256";
            let rows: Vec<(i64, Vec<u8>)> = on!(&self.read, |pool| sqlx::query_as(sql).bind(snapshot).bind(next).fetch_all(pool).await?);
            let Some((last, _)) = rows.last() else { return Ok(counts) };
            next = last + 1;
            for (block, bytes) in rows {
                counts.resize((block * BLOCK) as usize, 0);
                counts.extend(decode(&bytes)?);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_keep_their_counts() {
        for counts in [vec![0], vec![1, 0, u64::MAX, 2_399_072_937], (0..512).collect()] {
            assert_eq!(decode(&encode(&counts).expect("encodes")).expect("decodes"), counts);
        }
        for bytes in [&b""[..], b"\x02abc", b"\x01abc", b"\x01"] {
            assert!(matches!(decode(bytes), Err(Error::Damaged(_))));
        }
    }
}
