//! A whole index from nothing, in falling popularity, several parts at a time.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tantivy::directory::MmapDirectory;
use tantivy::indexer::merge_filtered_segments;
use tantivy::store::Compressor;
use tantivy::{IndexSettings, SingleSegmentIndexWriter};

use crate::index::{Payload, register};
use crate::schema::Fields;
use crate::{Document, Error, Index, generations};

/// Documents to a segment while building; two segments of this size are held in memory at a time.
const SEGMENT: u32 = 400_000;
/// Where tantivy's hash table starts; it grows.
const MEMORY: usize = 64 << 20;

/// Builds an index beside the one in use.
#[derive(Debug)]
pub struct Builder {
    root: PathBuf,
    folder: PathBuf,
    fields: Fields,
}

/// Builds one stretch of the index; documents must come in falling popularity, and the stretches must follow one another.
pub struct PartBuilder {
    folder: PathBuf,
    fields: Fields,
    stretch: usize,
    finished: Vec<(tantivy::Index, PathBuf)>,
    open: Option<(SingleSegmentIndexWriter, PathBuf, u32)>,
}

/// A finished stretch: an index of one segment.
#[derive(Debug)]
pub struct Stretch {
    folder: PathBuf,
}

/// Which segments an index has, and which files tantivy may delete.
const META: &str = "meta.json";
const MANAGED: &str = ".managed.json";

impl std::fmt::Debug for PartBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartBuilder").field("folder", &self.folder).field("stretch", &self.stretch).finish_non_exhaustive()
    }
}

fn settings() -> IndexSettings {
    // No field is stored, so there is nothing to compress.
    IndexSettings { docstore_compression: Compressor::None, docstore_compress_dedicated_thread: false, ..IndexSettings::default() }
}

fn failed(path: &Path) -> impl FnOnce(tantivy::TantivyError) -> Error {
    let path = path.to_owned();
    move |source| Error::Index { path, source }
}

fn open_folder(path: &Path) -> Result<MmapDirectory, Error> {
    MmapDirectory::open(path).map_err(|error| failed(path)(error.into()))
}

impl Builder {
    /// Makes room for a new index below `root`.
    pub fn new(root: &Path) -> Result<Self, Error> {
        Ok(Self { root: root.to_owned(), folder: generations::create(root)?, fields: Fields::new() })
    }

    /// Starts the stretch of this number, 0 the most popular.
    #[must_use]
    pub fn part(&self, stretch: usize) -> PartBuilder {
        PartBuilder { folder: self.folder.clone(), fields: self.fields.clone(), stretch, finished: Vec::new(), open: None }
    }

    /// Puts the stretches together. Nobody uses the index before [`Index::publish`].
    pub fn finish(self, parts: Vec<Stretch>, payload: Payload) -> Result<Index, Error> {
        match parts.split_first() {
            None => {
                tantivy::Index::create(open_folder(&self.folder)?, self.fields.schema.clone(), settings()).map_err(failed(&self.folder))?;
            }
            Some((first, others)) => self.join(first, others)?,
        }
        let mut index = tantivy::Index::open(open_folder(&self.folder)?).map_err(failed(&self.folder))?;
        register(&mut index);
        Index::over(index, self.root, self.folder, self.fields)?.with_payload(payload)
    }

    /// Makes one index of several by moving their files together and listing all their segments in one `meta.json`. The new index is read
    /// and checked before anybody uses it.
    fn join(&self, first: &Stretch, others: &[Stretch]) -> Result<(), Error> {
        let read = |part: &Stretch, name: &str| -> Result<Value, Error> {
            let path = part.folder.join(name);
            let bytes = fs::read(&path).map_err(Error::io(&path))?;
            serde_json::from_slice(&bytes).map_err(|error| Error::io(&path)(error.into()))
        };
        let (mut meta, mut managed) = (read(first, META)?, read(first, MANAGED)?);
        for part in others {
            if let (Some(Value::Array(segments)), Value::Array(more)) = (meta.get_mut("segments"), read(part, META)?["segments"].take()) {
                segments.extend(more);
            }
            if let (Value::Array(files), Value::Array(more)) = (&mut managed, read(part, MANAGED)?) {
                files.extend(more.into_iter().filter(|file| file.as_str() != Some(META)));
            }
        }
        for part in std::iter::once(first).chain(others) {
            for entry in fs::read_dir(&part.folder).map_err(Error::io(&part.folder))? {
                let path = entry.map_err(Error::io(&part.folder))?.path();
                let name = path.file_name().unwrap_or_default();
                if name != META && !name.as_encoded_bytes().starts_with(b".") {
                    fs::rename(&path, self.folder.join(name)).map_err(Error::io(&path))?;
                }
            }
            fs::remove_dir_all(&part.folder).map_err(Error::io(&part.folder))?;
        }
        for (name, value) in [(MANAGED, managed), (META, meta)] {
            let path = self.folder.join(name);
            fs::write(&path, value.to_string()).map_err(Error::io(path))?;
        }
        Ok(())
    }
}

impl PartBuilder {
    /// Adds packages, most popular first.
    pub fn add<'a>(&mut self, packages: impl IntoIterator<Item = Document<'a>>) -> Result<(), Error> {
        for package in packages {
            let document = self.fields.document(&package);
            if self.open.is_none() {
                let path = self.folder.join(format!("part-{}-{}", self.stretch, self.finished.len()));
                fs::create_dir(&path).map_err(Error::io(&path))?;
                let mut tokenizers = tantivy::tokenizer::TokenizerManager::default();
                crate::index::register_in(&mut tokenizers);
                let writer = tantivy::Index::builder()
                    .schema(self.fields.schema.clone())
                    .settings(settings())
                    .tokenizers(tokenizers)
                    .single_segment_index_writer(open_folder(&path)?, MEMORY)
                    .map_err(failed(&path))?;
                self.open = Some((writer, path, 0));
            }
            let Some((writer, _, count)) = &mut self.open else { continue };
            writer.add_document(document).map_err(failed(&self.folder))?;
            *count += 1;
            if *count == SEGMENT {
                self.cut()?;
            }
        }
        Ok(())
    }

    fn cut(&mut self) -> Result<(), Error> {
        if let Some((writer, path, _)) = self.open.take() {
            self.finished.push((writer.finalize().map_err(failed(&self.folder))?, path));
        }
        Ok(())
    }

    /// Makes one segment of all, in order. `None` when nothing was added.
    pub fn finish(mut self) -> Result<Option<Stretch>, Error> {
        self.cut()?;
        let mut segments = Vec::new();
        for (index, path) in &self.finished {
            segments.extend(index.searchable_segments().map_err(failed(path))?);
        }
        if segments.is_empty() {
            return Ok(None);
        }
        let folder = self.folder.join(format!("stretch-{}", self.stretch));
        fs::create_dir(&folder).map_err(Error::io(&folder))?;
        let all_alive = segments.iter().map(|_| None).collect();
        merge_filtered_segments(&segments, settings(), all_alive, open_folder(&folder)?).map_err(failed(&folder))?;
        for (_, path) in &self.finished {
            fs::remove_dir_all(path).map_err(Error::io(path))?;
        }
        Ok(Some(Stretch { folder }))
    }
}
