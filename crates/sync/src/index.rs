//! The index behind the store: built anew, or kept up with what changes.

use std::collections::BTreeSet;

use search::{Builder, Document, Index, IndexChange, PartBuilder, Payload, Query, Stretch, Wanted};
use store::{Change, IndexRow, Ranked, Store};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::{Context, Error, progress};

/// Packages read at a time.
const CHUNK: usize = 10_000;
/// Changes read at a time.
const CHANGES: i64 = 2_000;
/// Names and popular packages looked up before an index is taken into use.
const SAMPLED: u64 = 10_000;
const POPULAR: usize = 20;
/// Above this share of all packages, building anew is cheaper than changing, and puts all in falling popularity again.
const REBUILD_SHARE: u64 = 30;

/// Bytes kept of a README's words.
const README: usize = 4 << 10;

/// What keeping up did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaughtUp {
    /// There was nothing new.
    Already,
    /// So many changes were applied.
    Changes(u64),
    /// So much was new that the index was built anew, with so many packages.
    Rebuilt(u64),
}

fn document(row: &IndexRow) -> Document<'_> {
    Document {
        state: row.state,
        deprecated: row.deprecated,
        description: row.description.as_deref(),
        keywords: &row.keywords,
        maintainers: &row.maintainers,
        repository: row.repository.as_deref(),
        downloads: row.downloads,
        growth: row.growth,
        published: row.published,
        license: row.license.as_deref(),
        dependencies: row.dependencies.as_deref(),
        dependents: row.dependents,
        facts: row.facts,
        readme: row.readme.as_deref(),
        ..Document::named(row.id, &row.name, row.bucket)
    }
}

/// The words of a README for the index in the place of its HTML: without code, and only the first, which tell what the package is for.
fn keep_words(row: &mut IndexRow) {
    row.readme = row.readme.take().map(|html| words(&html));
}

/// The text of safe HTML, in which `<` begins a tag and `>` ends it.
fn words(html: &str) -> String {
    let (mut text, mut code) = (String::new(), 0_u32);
    for part in html.split('<') {
        let (tag, after) = part.split_once('>').unwrap_or(("", part));
        match tag.split(|c: char| !c.is_ascii_alphanumeric() && c != '/').next() {
            Some("pre") => code += 1,
            Some("/pre") => code = code.saturating_sub(1),
            _ => {}
        }
        if code == 0 {
            text.push(' ');
            // What is left of characters that were escaped is no word.
            text.push_str(&after.replace("&amp;", " ").replace("&lt;", " ").replace("&gt;", " ").replace("&quot;", " "));
        }
        if text.len() > README {
            break;
        }
    }
    text.truncate(text.floor_char_boundary(README));
    text
}

/// Builds an index beside the one in use, checks it, and takes it into use. Returns the number of packages in it.
pub async fn rebuild(context: &Context) -> Result<u64, Error> {
    let store = &context.store;
    let root = context.index_root();
    Index::sweep(&root)?;
    // What changes from here on is not in the index and will be caught up with.
    let change_seq = store.last_change().await?;
    let ranked = store.ranked().await?;
    let total = ranked.len() as u64;
    let builder = Builder::new(&root)?;
    let (counted, mut counts) = mpsc::unbounded_channel::<usize>();
    // Given up with this function, also in the middle.
    let mut parts = JoinSet::new();
    for (number, stretch) in ranked.split(2).into_iter().enumerate() {
        parts.spawn(build_part(stretch, builder.part(number), counted.clone()));
    }
    drop(counted);
    let mut done = 0;
    while let Some(count) = counts.recv().await {
        done += count as u64;
        progress::packages(&context.progress, "indexing", done, Some(total));
    }
    progress::packages(&context.progress, "putting the index together", total, Some(total));
    let mut built = Vec::new();
    while let Some(part) = parts.join_next().await {
        built.extend(part??);
    }
    let index = tokio::task::spawn_blocking(move || builder.finish(built, Payload { change_seq })).await??;
    progress::packages(&context.progress, "checking the index", total, Some(total));
    check(store, &index, done).await?;
    index.publish()?;
    Ok(done)
}

async fn build_part(mut stretch: Ranked, mut part: PartBuilder, counted: mpsc::UnboundedSender<usize>) -> Result<Option<Stretch>, Error> {
    loop {
        let mut rows = stretch.next_chunk(CHUNK).await?;
        if rows.is_empty() {
            drop(counted);
            return Ok(tokio::task::spawn_blocking(move || part.finish()).await??);
        }
        let count = rows.len();
        let add = move || {
            rows.iter_mut().for_each(keep_words);
            part.add(rows.iter().map(document)).map(|()| part)
        };
        part = tokio::task::spawn_blocking(add).await??;
        // Nobody listens when the build was given up.
        let _ = counted.send(count);
    }
}

/// Whether a new index holds what the store does: equal counts, sampled names, and hits for popular names.
async fn check(store: &Store, index: &Index, expected: u64) -> Result<(), Error> {
    if index.count() != expected {
        return Err(Error::IndexCheck(format!("{} packages were written, {} are in it", expected, index.count())));
    }
    for (id, name) in store.sample(SAMPLED, expected).await? {
        if index.id_of(&name)? != Some(id) {
            // Packages that came or went while the index was built are caught up with later.
            let still_there = store.by_ids(&[id]).await?.iter().any(|known| known.name == name);
            let newer = store.last_change().await? > index.payload()?.change_seq;
            if still_there && !newer {
                return Err(Error::IndexCheck(format!("the package {name} is not in it")));
            }
        }
    }
    // The most popular packages, as the index itself lists them.
    let popular = index.search(&Query::default(), Wanted::page(0, POPULAR))?.map_err(|error| Error::IndexCheck(error.to_string()))?;
    for id in popular.hits.into_iter().map(|hit| hit.id) {
        if let Some(known) = store.by_ids(&[id]).await?.pop() {
            let query = Query { text: known.name.clone(), ..Query::default() };
            let found = index.search(&query, Wanted::page(0, 2))?.map_err(|error| Error::IndexCheck(error.to_string()))?;
            if !found.hits.iter().any(|hit| hit.id == id) {
                return Err(Error::IndexCheck(format!("the package {} is not found by its name", known.name)));
            }
        }
    }
    Ok(())
}

/// Brings the index up to the store's last change; makes one if there is none.
pub async fn catch_up(context: &Context) -> Result<CaughtUp, Error> {
    let store = &context.store;
    let root = context.index_root();
    let Some(index) = open_usable(&root) else {
        return Ok(CaughtUp::Rebuilt(rebuild(context).await?));
    };
    let mut at = index.payload()?.change_seq;
    let behind = store.behind(at).await?;
    let last = store.last_change().await?;
    if behind == 0 && at <= last {
        return Ok(CaughtUp::Already);
    }
    // An index from the future belongs to another database.
    if at > last || behind > 1_000.max(index.count() / REBUILD_SHARE) {
        drop(index);
        return Ok(CaughtUp::Rebuilt(rebuild(context).await?));
    }
    let mut applied = 0;
    let mut writer = index.writer()?;
    loop {
        let (mut changes, upto) = store.changes_after(at, CHANGES).await?;
        if upto == at {
            break;
        }
        applied += changes.len() as u64;
        let mut dependencies = BTreeSet::new();
        for change in &mut changes {
            if let Change::Written(row) = change {
                keep_words(row);
                row.dependents = index.dependents(&row.name)?;
                dependencies.extend(row.dependencies.iter().flatten().cloned());
            }
        }
        writer.apply(changes.iter().map(|change| match change {
            Change::Written(row) => IndexChange::Written(document(row)),
            Change::Removed(name) => IndexChange::Removed(name),
        }))?;
        writer.commit(Payload { change_seq: upto })?;
        // Now the index can count on how many packages these are depended on, which is written down with them.
        let names: Vec<&str> = dependencies.iter().map(String::as_str).collect();
        for names in names.chunks(CHANGES as usize) {
            let mut rows = store.index_rows_named(names).await?;
            for row in &mut rows {
                keep_words(row);
                row.dependents = index.dependents(&row.name)?;
            }
            writer.apply(rows.iter().map(|row| IndexChange::Written(document(row))))?;
            writer.commit(Payload { change_seq: upto })?;
        }
        at = upto;
    }
    writer.close()?;
    Ok(CaughtUp::Changes(applied))
}

/// The index in use, unless it is damaged: it is disposable, so a damaged one is as good as none.
fn open_usable(root: &std::path::Path) -> Option<Index> {
    match Index::open(root) {
        Ok(index) => index.filter(|index| index.payload().is_ok()),
        Err(error) => {
            tracing::warn!(%error, "the search index cannot be opened and will be built anew");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_readmes() {
        let check = |html: &str, expected: &[&str]| assert_eq!(words(html).split_whitespace().collect::<Vec<_>>(), expected, "{html}");
        check("<h3 id=\"user-content-x\">Date <b>picker</b></h3><p>R&amp;D</p>", &["Date", "picker", "R", "D"]);
        check("<p>before</p><pre><code>let x = <i>1</i>;</code></pre><p>after</p>", &["before", "after"]);
        check("plain", &["plain"]);
        check("", &[]);
        assert!(words(&"é".repeat(README)).len() <= README);
    }
}
