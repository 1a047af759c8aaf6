//! The fields of the index.

use model::{Bucket, State};
use tantivy::TantivyDocument;
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};

use crate::tokens;

/// Goes up with every change of fields, tokens or flags; an index of another version is not opened.
pub(crate) const VERSION: u32 = 2;

/// A package as it is indexed.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The store's id.
    pub id: i64,
    /// The name.
    pub name: &'a str,
    /// Whether it can be installed.
    pub state: State,
    /// Whether it is deprecated.
    pub deprecated: bool,
    /// Its description.
    pub description: Option<&'a str>,
    /// Its keywords.
    pub keywords: &'a [String],
    /// The users who may publish it.
    pub maintainers: &'a [String],
    /// Web address of its repository.
    pub repository: Option<&'a str>,
    /// Its downloads on a logarithmic scale.
    pub bucket: Bucket,
}

/// What the score needs of every candidate, in one fast field: the bucket in the lowest byte, flags above it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing(u64);

impl Standing {
    const DEPRECATED: u64 = 1 << 8;
    const SECURITY_HOLDING: u64 = 1 << 9;
    const UNPUBLISHED: u64 = 1 << 10;
    const TYPES: u64 = 1 << 11;

    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn bucket(self) -> Bucket {
        Bucket(self.0 as u8)
    }

    pub(crate) fn is_deprecated(self) -> bool {
        self.0 & Self::DEPRECATED != 0
    }

    pub(crate) fn is_security_holding(self) -> bool {
        self.0 & Self::SECURITY_HOLDING != 0
    }

    pub(crate) fn is_unpublished(self) -> bool {
        self.0 & Self::UNPUBLISHED != 0
    }

    /// Declarations for another package.
    pub(crate) fn is_types(self) -> bool {
        self.0 & Self::TYPES != 0
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) schema: Schema,
    /// The name, case kept; the key of a document.
    pub(crate) identity: Field,
    /// Letters and digits of the whole name.
    pub(crate) joined: Field,
    /// Letters and digits of a scoped name's bare name.
    pub(crate) joined_bare: Field,
    /// Beginnings of the joined bare name.
    pub(crate) start: Field,
    /// Words of the name.
    pub(crate) words: Field,
    pub(crate) description: Field,
    /// Words of the keywords.
    pub(crate) keyword_words: Field,
    /// Keywords, whole, lowered.
    pub(crate) keyword: Field,
    /// The scope without `@`, lowered.
    pub(crate) scope: Field,
    /// User names, lowered.
    pub(crate) maintainer: Field,
    /// Host and owner of the repository, `github.com/jane`, lowered.
    pub(crate) owner: Field,
    /// The store's id.
    pub(crate) id: Field,
    /// [`Standing`], as one number.
    pub(crate) standing: Field,
}

impl Fields {
    pub(crate) fn new() -> Self {
        let mut schema = Schema::builder();
        let raw = || {
            let indexing =
                TextFieldIndexing::default().set_tokenizer("raw").set_index_option(IndexRecordOption::Basic).set_fieldnorms(false);
            TextOptions::default().set_indexing_options(indexing)
        };
        let analysed = |name: &str| {
            let indexing =
                TextFieldIndexing::default().set_tokenizer(name).set_index_option(IndexRecordOption::WithFreqs).set_fieldnorms(true);
            TextOptions::default().set_indexing_options(indexing)
        };
        let identity = schema.add_text_field("identity", raw());
        let joined = schema.add_text_field("joined", raw());
        let joined_bare = schema.add_text_field("joined_bare", raw());
        let start = schema.add_text_field("start", raw());
        let words = schema.add_text_field("words", analysed("name"));
        let description = schema.add_text_field("description", analysed("prose"));
        let keyword_words = schema.add_text_field("keyword_words", analysed("prose"));
        let keyword = schema.add_text_field("keyword", raw());
        let scope = schema.add_text_field("scope", raw());
        let maintainer = schema.add_text_field("maintainer", raw());
        let owner = schema.add_text_field("owner", raw());
        let id = schema.add_u64_field("id", FAST);
        let standing = schema.add_u64_field("standing", FAST);
        Self {
            schema: schema.build(),
            identity,
            joined,
            joined_bare,
            start,
            words,
            description,
            keyword_words,
            keyword,
            scope,
            maintainer,
            owner,
            id,
            standing,
        }
    }

    pub(crate) fn document(&self, package: &Document<'_>) -> TantivyDocument {
        let (scope, bare) = match package.name.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
            Some((scope, bare)) => (Some(scope), bare),
            None => (None, package.name),
        };
        let mut document = TantivyDocument::default();
        document.add_text(self.identity, package.name);
        let joined_bare = tokens::joined(bare);
        for start in tokens::starts(&joined_bare) {
            document.add_text(self.start, &start);
        }
        if scope.is_some() {
            document.add_text(self.joined, tokens::joined(package.name));
            document.add_text(self.joined_bare, joined_bare);
        } else {
            document.add_text(self.joined, joined_bare);
        }
        document.add_text(self.words, package.name);
        if let Some(description) = package.description {
            document.add_text(self.description, description);
        }
        for keyword in package.keywords {
            document.add_text(self.keyword_words, keyword);
            document.add_text(self.keyword, keyword.to_lowercase());
        }
        if let Some(scope) = scope {
            document.add_text(self.scope, scope.to_lowercase());
        }
        for user in package.maintainers {
            document.add_text(self.maintainer, user.to_lowercase());
        }
        if let Some(owner) = package.repository.and_then(owner) {
            document.add_text(self.owner, owner);
        }
        let mut standing = u64::from(package.bucket.0);
        for (bit, is) in [
            (Standing::DEPRECATED, package.deprecated),
            (Standing::SECURITY_HOLDING, package.state == State::SecurityHolding),
            (Standing::UNPUBLISHED, package.state == State::Unpublished),
            (Standing::TYPES, scope == Some("types")),
        ] {
            if is {
                standing |= bit;
            }
        }
        document.add_u64(self.id, package.id.cast_unsigned());
        document.add_u64(self.standing, standing);
        document
    }
}

/// Host and owner of a repository's web address, lowered: `github.com/jane`.
fn owner(repository: &str) -> Option<String> {
    let (host, path) = repository.strip_prefix("https://")?.split_once('/')?;
    let (owner, repository) = path.split_once('/')?;
    (!owner.is_empty() && !repository.is_empty()).then(|| format!("{host}/{owner}").to_lowercase())
}
