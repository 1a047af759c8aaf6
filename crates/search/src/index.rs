//! An index in use: opened, asked, replaced.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use tantivy::columnar::{Column, StrColumn};
use tantivy::directory::MmapDirectory;
use tantivy::schema::IndexRecordOption;
use tantivy::tokenizer::TokenizerManager;
use tantivy::{IndexReader, ReloadPolicy, SegmentReader, Term};

use crate::schema::{Fields, Standing};
use crate::sets::{Union, visit};
use crate::suggest::Lists;
use crate::{Error, generations, tokens};

/// What an index says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The last change of the store that it knows.
    pub change_seq: i64,
}

/// The index in use.
pub struct Index {
    pub(crate) inner: tantivy::Index,
    pub(crate) fields: Fields,
    reader: IndexReader,
    view: RwLock<Arc<View>>,
    root: PathBuf,
    pub(crate) folder: PathBuf,
}

/// A segment this many times smaller than the largest holds what changed since the index was built; its documents lie in no order.
const CHANGED: u32 = 10;

/// What was committed at some moment: small segments, which hold what changed lately, then the large ones, the one with the most popular
/// packages first.
pub(crate) struct View {
    pub(crate) segments: Vec<Segment>,
}

/// A segment with the columns that every search needs; to open them takes longer than many a search.
pub(crate) struct Segment {
    pub(crate) reader: SegmentReader,
    pub(crate) ids: Column<u64>,
    pub(crate) standings: Column<u64>,
    pub(crate) downloads: Column<u64>,
    pub(crate) growth: Column<u64>,
    pub(crate) published: Column<u64>,
    pub(crate) dependencies: Column<u64>,
    pub(crate) dependents: Column<u64>,
    /// Lowered names, in order; none when no document has any.
    pub(crate) names: Option<StrColumn>,
    pub(crate) borders: Column<u64>,
    /// Whole keywords, and licenses as they are written; none when no document has any.
    pub(crate) keywords: Option<StrColumn>,
    pub(crate) licenses: Option<StrColumn>,
    /// What is suggested while somebody types; made when it is first needed, and kept as long as the segment lives.
    pub(crate) lists: Arc<OnceLock<Lists>>,
}

impl View {
    fn new(reader: &IndexReader, before: Option<&Self>) -> tantivy::Result<Self> {
        let searcher = reader.searcher();
        let mut segments = Vec::new();
        for reader in searcher.segment_readers() {
            let fast = reader.fast_fields();
            // A column that no document has is not there.
            let column = |name| {
                Ok::<_, tantivy::TantivyError>(fast.column_opt(name)?.unwrap_or_else(|| Column::build_empty_column(reader.max_doc())))
            };
            segments.push(Segment {
                ids: fast.u64("id")?,
                standings: fast.u64("standing")?,
                downloads: column("downloads")?,
                growth: column("growth")?,
                published: column("published")?,
                dependencies: column("dependencies")?,
                dependents: column("dependents")?,
                names: fast.str("name_order")?,
                borders: fast.u64("borders")?,
                keywords: fast.str("keyword")?,
                licenses: fast.str("license_name")?,
                lists: same_segment(before, reader).map(|segment| Arc::clone(&segment.lists)).unwrap_or_default(),
                reader: reader.clone(),
            });
        }
        let largest = segments.iter().map(|segment| segment.reader.max_doc()).max().unwrap_or(0);
        segments.sort_by_key(|segment| (segment.reader.max_doc() > largest / CHANGED, Reverse(segment.standing(0).bucket())));
        Ok(Self { segments })
    }
}

fn same_segment<'a>(view: Option<&'a View>, reader: &SegmentReader) -> Option<&'a Segment> {
    view?.segments.iter().find(|segment| segment.reader.segment_id() == reader.segment_id())
}

impl Segment {
    pub(crate) fn standing(&self, doc: tantivy::DocId) -> Standing {
        Standing::from_number(self.standings.first(doc).unwrap_or_default())
    }

    /// How many packages are known to depend on it.
    pub(crate) fn dependents(&self, doc: tantivy::DocId) -> u64 {
        self.dependents.first(doc).unwrap_or_default()
    }

    /// See [`tokens::borders`].
    pub(crate) fn borders(&self, doc: tantivy::DocId) -> u64 {
        self.borders.first(doc).unwrap_or_default()
    }

    /// The name, lowered.
    pub(crate) fn name(&self, doc: tantivy::DocId) -> tantivy::Result<String> {
        let mut name = String::new();
        if let Some(names) = &self.names
            && let Some(ordinal) = names.ords().first(doc)
        {
            names.ord_to_str(ordinal, &mut name)?;
        }
        Ok(name)
    }

    pub(crate) fn id(&self, doc: tantivy::DocId) -> i64 {
        self.ids.first(doc).unwrap_or_default().cast_signed()
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("folder", &self.folder).finish_non_exhaustive()
    }
}

pub(crate) fn register_in(tokenizers: &mut TokenizerManager) {
    tokenizers.register("name", tokens::name_analyzer());
    tokenizers.register("prose", tokens::prose_analyzer());
}

pub(crate) fn register(index: &mut tantivy::Index) {
    let mut tokenizers = TokenizerManager::default();
    register_in(&mut tokenizers);
    index.set_tokenizers(tokenizers);
}

impl Index {
    /// Opens the index in use below `root`; `None` when there is none, or only one of another schema.
    pub fn open(root: &Path) -> Result<Option<Self>, Error> {
        let Some(folder) = generations::current(root)? else { return Ok(None) };
        // tantivy trusts its files: it panics on one that was cut off.
        let opened = std::panic::catch_unwind(|| Self::open_folder(root, &folder));
        opened.unwrap_or_else(|_| Err(Error::Damaged { path: folder.clone() })).map(Some)
    }

    fn open_folder(root: &Path, folder: &Path) -> Result<Self, Error> {
        let folder = folder.to_owned();
        let failed = |source| Error::Index { path: folder.clone(), source };
        let directory = MmapDirectory::open(&folder).map_err(|error| failed(error.into()))?;
        let mut inner = tantivy::Index::open(directory).map_err(failed)?;
        register(&mut inner);
        let index = Self::over(inner, root.to_owned(), folder.clone(), Fields::new())?;
        // Opened here, damage is found before the first search, and the first search is as fast as the others.
        for segment in &index.view().segments {
            for (field, entry) in index.fields.schema.fields() {
                if entry.is_indexed() {
                    segment.reader.inverted_index(field).map_err(|source| index.failed(source))?;
                }
            }
        }
        Ok(index)
    }

    pub(crate) fn over(inner: tantivy::Index, root: PathBuf, folder: PathBuf, fields: Fields) -> Result<Self, Error> {
        let reader = inner.reader_builder().reload_policy(ReloadPolicy::Manual).try_into();
        let failed = |source| Error::Index { path: folder.clone(), source };
        let reader: IndexReader = reader.map_err(failed)?;
        let view = RwLock::new(Arc::new(View::new(&reader, None).map_err(failed)?));
        Ok(Self { inner, fields, reader, view, root, folder })
    }

    pub(crate) fn with_payload(self, payload: Payload) -> Result<Self, Error> {
        let mut writer = self.writer()?;
        writer.commit(payload)?;
        writer.close()?;
        self.reload()?;
        Ok(self)
    }

    /// Takes this index into use and removes the others.
    pub fn publish(&self) -> Result<(), Error> {
        generations::publish(&self.root, &self.folder)?;
        generations::sweep(&self.root)
    }

    /// Whether this is still the index in use, or another was built in the meantime.
    pub fn is_current(&self) -> Result<bool, Error> {
        Ok(generations::current(&self.root)?.as_ref() == Some(&self.folder))
    }

    /// Folders and files below `root` that belong to no index in use.
    pub fn leftovers(root: &Path) -> Result<Vec<PathBuf>, Error> {
        generations::leftovers(root)
    }

    /// Removes the leftovers; only whoever writes may.
    pub fn sweep(root: &Path) -> Result<(), Error> {
        generations::sweep(root)
    }

    /// Sees what was committed since.
    pub fn reload(&self) -> Result<(), Error> {
        let generation = self.reader.searcher().generation().generation_id();
        self.reader.reload().map_err(|source| self.failed(source))?;
        if self.reader.searcher().generation().generation_id() != generation {
            let view = Arc::new(View::new(&self.reader, Some(&self.view())).map_err(|source| self.failed(source))?);
            *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
        }
        Ok(())
    }

    /// The last change that the index knows.
    pub fn payload(&self) -> Result<Payload, Error> {
        let meta = self.inner.load_metas().map_err(|source| self.failed(source))?;
        let payload = meta.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
        payload.ok_or_else(|| Error::Payload { path: self.folder.clone() })
    }

    /// How many packages are in it.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.view().segments.iter().map(|segment| u64::from(segment.reader.num_docs())).sum()
    }

    /// The id of the package of this very name, case kept.
    pub fn id_of(&self, name: &str) -> Result<Option<i64>, Error> {
        self.named(&self.view().segments, name).map_err(|source| self.failed(source))
    }

    pub(crate) fn named(&self, segments: &[Segment], name: &str) -> tantivy::Result<Option<i64>> {
        let term = Term::from_field_text(self.fields.identity, name);
        for segment in segments {
            let postings = segment.reader.inverted_index(self.fields.identity)?.read_postings(&term, IndexRecordOption::Basic)?;
            if let Some(doc) = postings.and_then(|mut postings| crate::sets::alive(&segment.reader, &mut postings)) {
                return Ok(Some(segment.id(doc)));
            }
        }
        Ok(None)
    }

    /// With how many packages of the index the package of this name is installed, as far as that is known.
    pub fn dependents(&self, name: &str) -> Result<u32, Error> {
        let count = |segment: &Segment| {
            let mut packages = Union::of_term(&segment.reader, self.fields.depends, name)?;
            let mut count = 0;
            visit(&segment.reader, &mut packages, &mut [], usize::MAX / 4, |_| count += 1);
            Ok(count)
        };
        self.view().segments.iter().map(count).sum::<tantivy::Result<u32>>().map_err(|source| self.failed(source))
    }

    /// Up to `count` ids of packages in the index, spread evenly, from a place that `seed` decides.
    #[must_use]
    pub fn sample_ids(&self, count: u64, seed: u64) -> Vec<i64> {
        let step = (self.count() / count.max(1)).max(1);
        let mut ids = Vec::new();
        let mut place = seed % step;
        for segment in &self.view().segments {
            while place < u64::from(segment.reader.max_doc()) {
                let doc = place as u32;
                if !segment.reader.is_deleted(doc) {
                    ids.push(segment.id(doc));
                }
                place += step;
            }
            place -= u64::from(segment.reader.max_doc());
        }
        ids.truncate(count as usize);
        ids
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn failed(&self, source: tantivy::TantivyError) -> Error {
        Error::Index { path: self.folder.clone(), source }
    }
}
