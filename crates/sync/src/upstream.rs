//! What the web may ask for: a package, a version's README, a user, an image. Each is asked once for all who wait, in the process that
//! holds the lease, and goes on when nobody waits any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::PackageName;
use registry::Images;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::images::{ImageAnswer, ImageCache};
use crate::{Context, ImageKey, Reading};

/// Wishes that wait; more are refused.
const WAITING: usize = 256;
/// How long the registry's "no such package" is believed, and that something cannot be read.
const MISSING_FOR: Duration = Duration::from_secs(3600);
/// How long any other answer is.
const LATELY: Duration = Duration::from_secs(30);
/// Names that nobody knows are looked up this often, with a small burst.
const UNKNOWN_A_SECOND: f64 = 2.0;
const UNKNOWN_BURST: f64 = 4.0;

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Wish {
    /// A package's details.
    Package {
        /// Its name.
        name: PackageName,
    },
    /// The README of a version.
    Version {
        /// The package.
        name: PackageName,
        /// The version.
        version: String,
    },
    /// A user's packages.
    User {
        /// The user name.
        name: String,
    },
    /// The known vulnerabilities of a package and of what it needs.
    PackageAdvisories {
        /// Its name.
        name: PackageName,
    },
    /// The same of all packages of a user.
    UserAdvisories {
        /// The user name.
        name: String,
    },
    /// The downloads of packages that are stored, of which nobody waits for any: they come first in the queue.
    QueueDownloads {
        /// Their names.
        names: Vec<PackageName>,
    },
    /// The downloads of a package that is stored. npm is asked slowly, so this may take a while; the queue keeps what was wished for.
    Downloads {
        /// Its name.
        name: PackageName,
    },
}

/// What came of a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Answer {
    /// What is stored is as new as can be.
    Stored,
    /// The registry has no such package, or hides it; or it does not tell of vulnerabilities at all.
    Missing,
    /// The registry could not be asked, and why.
    Unavailable {
        /// In words.
        why: String,
    },
    /// It is still being asked.
    Waiting,
}

pub(crate) struct Asked {
    pub(crate) wish: Wish,
    pub(crate) answer: watch::Sender<Answer>,
}

/// The receiving end of an [`Upstream`], for [`crate::run_background`].
pub struct Wishes(pub(crate) mpsc::Receiver<Asked>);

impl std::fmt::Debug for Wishes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wishes")
    }
}

/// Asks the registry on behalf of whoever looks at a page. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Upstream(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Nobody is asked when there is none.
    wishes: Option<mpsc::Sender<Asked>>,
    pending: Mutex<HashMap<Wish, watch::Receiver<Answer>>>,
    missing: moka::sync::Cache<PackageName, ()>,
    /// What was just asked need not be asked again, above all when it failed.
    lately: moka::sync::Cache<Wish, Answer>,
    /// READMEs that could not be read, each at the cost of a tarball, and vulnerabilities of which the registry does not tell.
    unreadable: moka::sync::Cache<Wish, Answer>,
    /// How many unknown names may be asked for, and since when.
    budget: Mutex<(f64, Instant)>,
    images: ImageCache,
}

impl Upstream {
    /// Who is asked: nobody when `online` is false. Give the wishes to the background.
    #[must_use]
    pub fn new(context: &Context, key: ImageKey, online: bool, images: Option<Images>) -> (Self, Wishes) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let inner = Inner {
            wishes: online.then_some(sender),
            pending: Mutex::default(),
            lately: moka::sync::Cache::builder().max_capacity(10_000).time_to_live(LATELY).build(),
            unreadable: moka::sync::Cache::builder().max_capacity(10_000).time_to_live(MISSING_FOR).build(),
            missing: moka::sync::Cache::builder().max_capacity(100_000).time_to_live(MISSING_FOR).build(),
            budget: Mutex::new((UNKNOWN_BURST, Instant::now())),
            images: ImageCache::new(key, &context.data, images.filter(|_| online)),
        };
        (Self(Arc::new(inner)), Wishes(receiver))
    }

    /// Whether anybody can be asked at all.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.0.wishes.is_none()
    }

    /// Asks for a package that is not known by name. Names that did not exist within the last hour are not asked for again, and of the
    /// others only two a second.
    pub async fn unknown_package(&self, name: &PackageName, wait: Duration) -> Answer {
        if self.0.missing.contains_key(name) {
            return Answer::Missing;
        }
        self.settle();
        let wish = Wish::Package { name: name.clone() };
        self.ask_within_budget(wish, wait).await
    }

    /// Asks for a user of whom nothing is known, within the same budget.
    pub async fn unknown_user(&self, name: &str, wait: Duration) -> Answer {
        self.settle();
        self.ask_within_budget(Wish::User { name: name.to_owned() }, wait).await
    }

    async fn ask_within_budget(&self, wish: Wish, wait: Duration) -> Answer {
        if let Some(answer) = self.0.lately.get(&wish) {
            return answer;
        }
        let is_pending = self.0.pending.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&wish);
        if !is_pending && !self.is_offline() && !self.take_from_budget() {
            return unavailable("too many unknown names were asked for at a time");
        }
        self.ask(wish, wait).await
    }

    /// Asks, and waits at most so long for the answer.
    pub async fn ask(&self, wish: Wish, wait: Duration) -> Answer {
        let Some(wishes) = &self.0.wishes else { return unavailable("this server is offline") };
        self.settle();
        if let Wish::Package { name } = &wish
            && self.0.missing.contains_key(name)
        {
            return Answer::Missing;
        }
        if let Some(answer) = self.0.lately.get(&wish).or_else(|| self.0.unreadable.get(&wish)) {
            return answer;
        }
        let mut answer = {
            let mut pending = self.0.pending.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(answer) = pending.get(&wish) {
                answer.clone()
            } else {
                if pending.len() >= WAITING {
                    return unavailable("too many packages are being read at a time");
                }
                let (sender, receiver) = watch::channel(Answer::Waiting);
                match wishes.try_send(Asked { wish: wish.clone(), answer: sender }) {
                    Ok(()) => {}
                    Err(TrySendError::Full(_)) => return unavailable("too many packages are being read at a time"),
                    Err(TrySendError::Closed(_)) => return unavailable("this server is stopping"),
                }
                pending.insert(wish.clone(), receiver.clone());
                receiver
            }
        };
        let answered = match tokio::time::timeout(wait, answer.wait_for(|answer| *answer != Answer::Waiting)).await {
            Ok(Ok(answer)) => answer.clone(),
            Ok(Err(_)) => return unavailable("this server is stopping"),
            Err(_) => return Answer::Waiting,
        };
        self.settle();
        answered
    }

    /// Remembers what was answered, also when nobody waited for it.
    fn settle(&self) {
        let mut pending = self.0.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|wish, answer| {
            let now = answer.borrow().clone();
            match (&now, wish) {
                (Answer::Waiting, _) => return answer.has_changed().is_ok(),
                (Answer::Missing, Wish::Package { name }) => self.0.missing.insert(name.clone(), ()),
                (Answer::Unavailable { .. }, Wish::Version { .. })
                | (Answer::Missing, Wish::PackageAdvisories { .. } | Wish::UserAdvisories { .. }) => {
                    self.0.unreadable.insert(wish.clone(), now);
                }
                _ => self.0.lately.insert(wish.clone(), now),
            }
            false
        });
    }

    /// An image of a README, by the signed part of its address.
    pub async fn image(&self, signed: &str) -> ImageAnswer {
        self.0.images.get(signed).await
    }

    fn take_from_budget(&self) -> bool {
        let mut budget = self.0.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (left, since) = *budget;
        let left = (left + now.duration_since(since).as_secs_f64() * UNKNOWN_A_SECOND).min(UNKNOWN_BURST);
        let granted = left >= 1.0;
        *budget = (if granted { left - 1.0 } else { left }, now);
        granted
    }
}

fn unavailable(why: &str) -> Answer {
    Answer::Unavailable { why: why.to_owned() }
}

impl Reading {
    pub(crate) fn answer(self) -> Answer {
        match self {
            Self::Stored | Self::Unchanged => Answer::Stored,
            Self::Missing => Answer::Missing,
        }
    }
}
