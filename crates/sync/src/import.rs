//! Packages from NDJSON: hits of npm's search API and whole packuments, a line each, plain or gzip.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;
use model::{Observation, Packument, Record, parse_record};
use store::{Applied, PackedDetails, StoredValidators};

use crate::details::put_readme;
use crate::{Context, Error, ImageKey, catch_up, progress};

/// Lines stored in one transaction.
const BATCH: usize = 2_000;
/// Bytes after which a batch ends, whatever its lines: packuments have megabytes.
const BATCH_BYTES: usize = 16 << 20;
/// The longest line read; the largest packument known has 45 MB.
const MAX_LINE: u64 = 128 << 20;

/// Hears of a line that was skipped: its number, counted from 1, and why.
pub type BadLine = Box<dyn FnMut(u64, &str) + Send>;

/// What to import.
pub struct ImportOptions {
    /// The lines; gzip is recognised by its first bytes.
    pub input: Box<dyn Read + Send>,
    /// What the input is called in messages.
    pub name: PathBuf,
    /// When the lines were observed: seconds since 1970, UTC.
    pub observed_at: i64,
    /// Signs the addresses of images.
    pub key: ImageKey,
    /// Hears of every line that was skipped.
    pub bad_line: BadLine,
}

impl std::fmt::Debug for ImportOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportOptions").field("name", &self.name).field("observed_at", &self.observed_at).finish_non_exhaustive()
    }
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImportReport {
    /// Lines that were not empty.
    pub lines: u64,
    /// Lines that were skipped.
    pub bad: u64,
    /// Packages that were not known before.
    pub added: u64,
    /// Packages of which something changed.
    pub changed: u64,
    /// Packages of which nothing new was learnt.
    pub unchanged: u64,
}

/// Imports all lines, then brings the index up to date. A bad line is reported and skipped; an input that cannot be read to its end is an
/// error, and what came before it stays.
pub async fn import(context: &Context, options: ImportOptions) -> Result<ImportReport, Error> {
    let mut report = ImportReport::default();
    let name = options.name.clone();
    let mut lines = Lines::open(options.input).map_err(Error::io(&name))?;
    let (observed_at, key, mut bad_line) = (options.observed_at, options.key, options.bad_line);
    loop {
        let (back, batch) = tokio::task::spawn_blocking(move || {
            let batch = lines.next_batch(observed_at);
            (lines, batch)
        })
        .await?;
        lines = back;
        report.lines += batch.lines;
        report.bad += batch.bad.len() as u64;
        batch.bad.iter().for_each(|(number, why)| bad_line(*number, why));
        let end = batch.lines == 0 || batch.broken.is_some();
        if !batch.seen.is_empty() {
            let seen: Vec<Observation> = batch.seen.iter().map(|record| record.observation().clone()).collect();
            let Applied { added, changed, unchanged } = context.store.apply(&seen).await?;
            report.added += added;
            report.changed += changed;
            report.unchanged += unchanged;
            put_details(context, &key, batch.seen).await?;
        }
        progress::packages(&context.progress, "importing", report.lines, None);
        if end {
            catch_up(context).await?;
            progress::idle(&context.progress);
            return batch.broken.map_or(Ok(report), |error| Err(Error::io(&name)(error)));
        }
    }
}

/// Stores what whole packuments tell beyond their summaries.
async fn put_details(context: &Context, key: &ImageKey, records: Vec<Record>) -> Result<(), Error> {
    let packuments: Vec<Packument> = records
        .into_iter()
        .filter_map(|record| match record {
            Record::Packument(packument) => Some(*packument),
            Record::SearchHit(_) => None,
        })
        .collect();
    if packuments.is_empty() {
        return Ok(());
    }
    let (packuments, packed) = tokio::task::spawn_blocking(move || {
        let packed: Result<Vec<_>, _> = packuments.iter().map(|one| Ok((PackedDetails::pack(one)?, StoredValidators::default()))).collect();
        packed.map(|packed| (packuments, packed))
    })
    .await?
    .map_err(Error::Store)?;
    context.store.put_details(&packed).await?;
    for mut packument in packuments {
        let name = &packument.observation.name;
        let Some(text) = packument.readme.take() else { continue };
        let (Some(index), Some(known)) = (packument.details.latest, context.store.by_name(name).await?) else { continue };
        // A version's README never changes, and one that was read from the tarball is whole.
        let version = &packument.manifests[index].version;
        if context.store.readme_renderer(known.id, version).await?.is_some() {
            continue;
        }
        put_readme(context, key, name, known.id, &packument.manifests[index], Some(text)).await?;
    }
    Ok(())
}

struct Lines {
    input: Box<dyn BufRead + Send>,
    number: u64,
}

#[derive(Default)]
struct Batch {
    lines: u64,
    seen: Vec<Record>,
    bad: Vec<(u64, String)>,
    /// The input could not be read further.
    broken: Option<std::io::Error>,
}

impl Lines {
    fn open(input: Box<dyn Read + Send>) -> std::io::Result<Self> {
        let mut input = BufReader::with_capacity(1 << 17, input);
        let gzip = input.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let input: Box<dyn BufRead + Send> =
            if gzip { Box::new(BufReader::with_capacity(1 << 17, MultiGzDecoder::new(input))) } else { Box::new(input) };
        Ok(Self { input, number: 0 })
    }

    /// The next lines; none at the end. What was read before the input broke is in the batch.
    fn next_batch(&mut self, observed_at: i64) -> Batch {
        let mut batch = Batch::default();
        batch.broken = self.read_lines(observed_at, &mut batch).err();
        batch
    }

    fn read_lines(&mut self, observed_at: i64, batch: &mut Batch) -> std::io::Result<()> {
        let mut line = Vec::new();
        let mut bytes = 0;
        while batch.lines < BATCH as u64 && bytes < BATCH_BYTES {
            line.clear();
            let length = self.input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            self.number += 1;
            bytes += length;
            if length as u64 == MAX_LINE && line.last() != Some(&b'\n') {
                batch.lines += 1;
                batch.bad.push((self.number, format!("longer than {MAX_LINE} bytes")));
                while !line.ends_with(b"\n") {
                    line.clear();
                    if self.input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
                        break;
                    }
                }
                continue;
            }
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            batch.lines += 1;
            match parse_record(text, observed_at) {
                Ok(record) => batch.seen.push(record),
                Err(error) => batch.bad.push((self.number, error.to_string())),
            }
        }
        Ok(())
    }
}
