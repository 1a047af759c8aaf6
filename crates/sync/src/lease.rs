//! Holding the lease for as long as a command works.
//!
//! The row in the database says who writes. Beside it, the holder keeps a lock on a file in its data directory, which the system
//! releases when the process dies: whoever gets that lock knows that a holder who worked in the same directory is gone, and need not
//! wait for the lease to end.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use store::{Holder, Store};
use tokio_util::sync::CancellationToken;

use crate::{Clock, Context, Error, catch_up};

/// Seconds a lease lasts unless renewed.
const LASTS: i64 = 30;
/// How often it is renewed.
const RENEWED: Duration = Duration::from_secs(8);

/// The right to write. Ends with [`Lease::release`], or when the process does.
#[derive(Debug)]
pub struct Lease {
    store: Store,
    holder: String,
    /// Cancelled when the lease was lost.
    lost: CancellationToken,
    renewal: tokio::task::JoinHandle<()>,
    _lock: File,
}

/// Machine and data directory, as the end of every holder's description; `None` where the machine has no name that others lack.
fn place(data: &Path) -> Option<String> {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let machine = machine.trim();
    (!machine.is_empty() && machine != "localhost").then(|| format!(" on {machine} in {}", data.display()))
}

/// Who we are: process, machine and data directory, so that two directories on one PostgreSQL are two holders.
fn describe(data: &Path) -> String {
    let place = place(data).unwrap_or_else(|| format!(" in {}", data.display()));
    format!("process {}{place}", std::process::id())
}

/// Whether a holder works in this very data directory, and so can read the same files. On a database that other machines share, the machine
/// must be the same as well.
#[must_use]
pub fn is_here(holder: &Holder, context: &Context) -> bool {
    let Ok(data) = std::path::absolute(&context.data) else { return false };
    let place = if context.store.is_shared() { place(&data) } else { Some(format!(" in {}", data.display())) };
    place.is_some_and(|place| holder.holder.ends_with(&place))
}

/// The lock of a data directory, or `None` while another process has it.
fn try_lock(data: &Path) -> Result<Option<File>, Error> {
    let path = data.join("writer.lock");
    let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(Error::io(&path))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(Error::io(path)(source)),
    }
}

/// Where another machine writes to the same PostgreSQL: keeps the index of this data directory up. Does nothing while another process works
/// in this directory.
pub(crate) async fn follow(context: &Context) -> Result<(), Error> {
    if let Some(_lock) = try_lock(&context.data)? {
        catch_up(context).await?;
    }
    Ok(())
}

/// Who holds the lease at present, if it has not ended.
pub async fn read_holder(store: &Store, clock: &Clock) -> Result<Option<Holder>, Error> {
    Ok(store.lease_holder().await?.filter(|holder| holder.expires_at > clock.now()))
}

impl Lease {
    /// Takes the lease, or says who has it.
    pub async fn take(context: &Context, doing: &str) -> Result<Self, Error> {
        let data = std::path::absolute(&context.data).map_err(Error::io(&context.data))?;
        let holder = describe(&data);
        let (store, clock) = (&context.store, &context.clock);
        let Some(lock) = try_lock(&data)? else {
            let current = store.lease_holder().await?;
            let unknown = || Holder { holder: "another process".to_owned(), doing: "starting".to_owned(), expires_at: 0 };
            return Err(Error::Held { holder: current.unwrap_or_else(unknown) });
        };
        // The lock is ours, so a holder in this very directory is dead.
        if let Some(current) = store.lease_holder().await?
            && is_here(&current, context)
        {
            store.release_lease(&current.holder).await?;
        }
        let now = clock.now();
        if let Err(holder) = store.take_lease(&holder, doing, now, now + LASTS).await? {
            return Err(Error::Held { holder });
        }
        let lost = CancellationToken::new();
        let renewal = tokio::spawn(renew(store.clone(), clock.clone(), holder.clone(), doing.to_owned(), lost.clone()));
        Ok(Self { store: store.clone(), holder, lost, renewal, _lock: lock })
    }

    /// Runs work for as long as the lease is ours.
    pub async fn guard<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            result = work => result,
            () = self.lost.cancelled() => Err(Error::LeaseLost),
        }
    }

    /// Ends the lease.
    pub async fn release(self) -> Result<(), Error> {
        self.renewal.abort();
        self.store.release_lease(&self.holder).await?;
        Ok(())
    }
}

async fn renew(store: Store, clock: Clock, holder: String, doing: String, lost: CancellationToken) {
    let mut ends = clock.now() + LASTS;
    loop {
        tokio::time::sleep(RENEWED).await;
        let now = clock.now();
        match store.take_lease(&holder, &doing, now, now + LASTS).await {
            Ok(Ok(())) => ends = now + LASTS,
            Ok(Err(other)) => {
                tracing::error!(holder = other.holder, "another process took the lease");
                return lost.cancel();
            }
            // The database may be busy with a large statement of ours; the lease is lost only when its time is over.
            Err(error) if now < ends => tracing::warn!(%error, "the lease could not be renewed yet"),
            Err(error) => {
                tracing::error!(%error, "the lease could not be renewed");
                return lost.cancel();
            }
        }
    }
}
