//! What can go wrong with the database.

/// The database could not be opened, read or written. Messages hold no passwords.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or server cannot be reached.
    #[error("the database {what} cannot be opened: {source}")]
    Open {
        /// The file, or the server without user and password.
        what: String,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// Not a `postgres://` address.
    #[error("the database address is not of the form postgres://user:password@host:port/name")]
    Address,
    /// The tables are of a newer program, or cannot be changed.
    #[error("the database's tables cannot be brought up to date: {0}; a newer pkgstats may have made them")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database answered: {0}")]
    Sql(#[from] sqlx::Error),
    /// A stored value that this program did not write like this.
    #[error("a stored value is damaged: {0}; run `pkgstats doctor`")]
    Damaged(String),
}
