//! Many rows in one statement, and the few words in which the two databases differ.
//!
//! Rows travel as one JSON text in both directions: a parameter `[[…],[…]]` becomes rows with `{rows}`, whose column `value` is one
//! inner array, read with `value ->> 0`; and `{pack}({row}(…))` makes one JSON text of many rows. On SQLite this is four times as fast as
//! binding or fetching rows one by one, and it needs no limit on the number of parameters.

use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Pool, Store, on};

/// The words of one database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    id: &'static str,
    key: &'static str,
    bytes: &'static str,
    compact: &'static str,
    rows: &'static str,
    pack: &'static str,
    row: &'static str,
    text: &'static str,
}

impl Words {
    pub(crate) fn of(pool: &Pool) -> Self {
        match pool {
            Pool::Sqlite(_) => Self {
                id: "INTEGER PRIMARY KEY",
                key: "TEXT",
                bytes: "BLOB",
                compact: "WITHOUT ROWID",
                rows: "json_each($1)",
                pack: "json_group_array",
                row: "json_array",
                // What a JSON function gives would otherwise be nested as JSON, not kept as text.
                text: " || ''",
            },
            Pool::Postgres(_) => Self {
                id: "BIGINT PRIMARY KEY",
                key: "TEXT COLLATE \"C\"",
                bytes: "BYTEA",
                compact: "",
                rows: "json_array_elements(CAST($1 AS json))",
                pack: "json_agg",
                row: "json_build_array",
                text: "::text",
            },
        }
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        [
            ("{id}", self.id),
            ("{key}", self.key),
            ("{bytes}", self.bytes),
            ("{compact}", self.compact),
            ("{rows}", self.rows),
            ("{pack}", self.pack),
            ("{row}", self.row),
            ("{text}", self.text),
        ]
        .iter()
        .fold(text.to_owned(), |text, (placeholder, words)| text.replace(placeholder, words))
    }
}

/// Rows as the JSON text of a parameter. Texts hold no control characters: the crate `model` lets none in.
pub(crate) fn to_json<T: Serialize>(rows: &[T]) -> Result<String, Error> {
    serde_json::to_string(rows).map_err(|error| Error::Damaged(error.to_string()))
}

/// Rows from the JSON text of a packed answer, which is null when there are none.
pub(crate) fn from_json<T: DeserializeOwned>(text: Option<&str>) -> Result<Vec<T>, Error> {
    text.map_or(Ok(Vec::new()), |text| serde_json::from_str(text).map_err(|error| Error::Damaged(error.to_string())))
}

/// One row from its JSON text.
pub(crate) fn one<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Damaged(error.to_string()))
}

/// A part of an answer: which, a number, a text, bytes.
pub(crate) type Part = (i64, i64, Option<String>, Option<Vec<u8>>);

/// Which part it is; a number, a text and bytes, each an expression or `NULL`; and where they come from.
pub(crate) type PartSql = (i64, [&'static str; 3], &'static str);

/// One statement of many parts, about the packages `p` that a `SELECT` gives.
pub(crate) fn parts<'a>(packages: &str, parts: impl IntoIterator<Item = &'a PartSql>) -> String {
    let or = |text: &str, null: &str| if text == "NULL" { null.to_owned() } else { text.to_owned() };
    let select = |(part, [number, text, bytes], from): &PartSql| {
        format!(
            "SELECT CAST({part} AS BIGINT) AS part, CAST({} AS BIGINT) AS number, {} AS words, {} AS bytes FROM {from}",
            or(number, "0"),
            or(text, "CAST(NULL AS TEXT)"),
            or(bytes, "CAST(NULL AS {bytes})")
        )
    };
    let selects: Vec<String> = parts.into_iter().map(select).collect();
    format!("WITH p AS ({packages}) {}", selects.join(" UNION ALL "))
}

/// A statement in the words of each database, made once.
pub(crate) type Statement = [OnceLock<String>; 2];

impl Store {
    /// Runs a statement of [`parts`] with one parameter.
    pub(crate) async fn parts(
        &self,
        statement: &'static Statement,
        make: impl FnOnce() -> String,
        parameter: String,
    ) -> Result<Vec<Part>, Error> {
        let words = Words::of(&self.read);
        let place = usize::from(matches!(self.read, Pool::Postgres(_)));
        let sql: &'static str = statement[place].get_or_init(|| words.fill(&make()));
        Ok(on!(&self.read, |pool| sqlx::query_as(sql).bind(parameter).fetch_all(pool).await?))
    }
}
