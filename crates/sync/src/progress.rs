//! How far long work is, for a progress bar, a log line or a page.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// The newest state of the work under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done, in words; empty when nothing is.
    pub step: String,
    /// Bytes or packages so far.
    pub done: u64,
    /// How many there will be, when that is known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: Unit,
}

/// What [`Progress`] counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Bytes of a download or a file.
    Bytes,
    /// Packages.
    #[default]
    Packages,
}

/// Where progress goes: whoever looks sees the newest state.
pub type ProgressSender = watch::Sender<Progress>;

pub(crate) fn packages(to: &ProgressSender, step: &str, done: u64, total: Option<u64>) {
    send(to, step, done, total, Unit::Packages);
}

pub(crate) fn bytes(to: &ProgressSender, step: &str, done: u64, total: Option<u64>) {
    send(to, step, done, total, Unit::Bytes);
}

fn send(to: &ProgressSender, step: &str, done: u64, total: Option<u64>, unit: Unit) {
    to.send_modify(|progress| {
        if progress.step != step {
            step.clone_into(&mut progress.step);
        }
        (progress.done, progress.total, progress.unit) = (done, total, unit);
    });
}

/// Nothing is being done.
pub(crate) fn idle(to: &ProgressSender) {
    to.send_replace(Progress::default());
}
