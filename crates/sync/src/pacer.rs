//! How often npm's downloads API is asked: about once in two seconds, less often when it refuses.

use std::time::Duration;

use store::Pace;

/// npm refuses above about one request in two seconds, so no faster than that.
const FASTEST_MS: i64 = 2_000;
const SLOWEST_MS: i64 = 30_000;
/// After so many answers in a row the interval is a little shorter again.
const STREAK: u32 = 50;
/// A refusal after so many answers says little about how fast may be asked: of many requests npm refuses some at any pace. Held against
/// the pace like the others, these alone would bring it to the slowest.
const STRAY: u32 = 100;
/// How long nothing is asked after the first refusal in a row, doubled with every further one, in seconds. npm mostly does not say how
/// long, or says 0.
const FIRST_REST: i64 = 60;
const LONGEST_REST: i64 = 1_800;
/// The same after an answer that broke off or made no sense.
const FIRST_PAUSE: i64 = 10;
const LONGEST_PAUSE: i64 = 300;
/// So much of the interval is added by chance, so that several servers do not ask at the same moments.
const JITTER: f64 = 0.25;

/// Decides when the next request may be made. What it has learnt is a [`Pace`], which outlives the process.
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Pace,
    /// Answers since the interval last changed, and since the last refusal.
    answers: u32,
    since_refusal: u32,
    failures: u32,
}

impl Pacer {
    pub(crate) fn new(stored: Option<Pace>) -> Self {
        let pace = stored.unwrap_or(Pace { interval_ms: FASTEST_MS, not_before: 0, refusals: 0 });
        Self {
            pace: Pace { interval_ms: pace.interval_ms.clamp(FASTEST_MS, SLOWEST_MS), ..pace },
            answers: 0,
            since_refusal: 0,
            failures: 0,
        }
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// How long to wait from now (seconds since 1970) before the next request. `chance`: from 0 to 1.
    pub(crate) fn wait(&self, now: i64, chance: f64) -> Duration {
        let interval = Duration::from_millis(self.pace.interval_ms.unsigned_abs()).mul_f64(1.0 + JITTER * chance);
        interval.max(Duration::from_secs((self.pace.not_before - now).max(0).unsigned_abs()))
    }

    /// npm answered. Whether the pace is another now.
    pub(crate) fn answered(&mut self) -> bool {
        let before = self.pace;
        (self.answers, self.failures, self.pace.refusals) = (self.answers + 1, 0, 0);
        self.since_refusal = self.since_refusal.saturating_add(1);
        if self.answers >= STREAK {
            self.answers = 0;
            self.pace.interval_ms = (self.pace.interval_ms * 9 / 10).max(FASTEST_MS);
        }
        self.pace != before
    }

    /// npm finds that it is asked too often.
    pub(crate) fn refused(&mut self, now: i64, retry_after: Option<Duration>) {
        let rest = (FIRST_REST << self.pace.refusals.clamp(0, 10)).min(LONGEST_REST);
        let asked = retry_after.map_or(0, |wait| wait.as_secs().min(LONGEST_REST.unsigned_abs()).cast_signed());
        let slower = if self.since_refusal >= STRAY { self.pace.interval_ms * 11 / 10 } else { self.pace.interval_ms * 3 / 2 };
        (self.answers, self.since_refusal) = (0, 0);
        self.pace = Pace { interval_ms: slower.min(SLOWEST_MS), not_before: now + rest.max(asked), refusals: self.pace.refusals + 1 };
    }

    /// There was no answer, or one that made no sense.
    pub(crate) fn failed(&mut self, now: i64) {
        self.pace.not_before = now + (FIRST_PAUSE << self.failures.min(10)).min(LONGEST_PAUSE);
        self.failures += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slower_when_refused_and_never_too_fast() {
        let mut pacer = Pacer::new(None);
        assert_eq!((pacer.wait(0, 0.0), pacer.wait(0, 1.0)), (Duration::from_secs(2), Duration::from_millis(2_500)));
        assert!(!pacer.answered());
        pacer.refused(1_000, Some(Duration::ZERO));
        assert_eq!((pacer.wait(1_000, 0.0).as_secs(), pacer.pace().interval_ms), (60, 3_000));
        pacer.refused(1_060, Some(Duration::from_secs(300)));
        assert_eq!(pacer.wait(1_060, 0.5).as_secs(), 300);
        let kept = Pacer::new(Some(*pacer.pace()));
        assert_eq!(kept.wait(1_100, 0.0).as_secs(), 260, "a restart is no excuse");
        assert!(pacer.answered());
        for _ in 0..50 {
            pacer.refused(2_000, Some(Duration::from_secs(1 << 40)));
        }
        assert_eq!((pacer.wait(2_000, 0.0).as_secs(), pacer.wait(9_000, 0.0).as_secs()), (1_800, 30));
        for _ in 0..10_000 {
            pacer.answered();
        }
        assert_eq!(pacer.wait(9_000, 0.0), Duration::from_secs(2));
        for wait in [10, 20, 40, 80, 160, 300, 300] {
            pacer.failed(10_000);
            assert_eq!(pacer.wait(10_000, 0.0).as_secs(), wait);
        }
        // A refusal now and then is no reason to become slower and slower; one after the other is.
        let intervals = |answers: usize| -> Vec<i64> {
            let mut pacer = Pacer::new(None);
            let refusal = |_| {
                (0..answers).for_each(|_| {
                    pacer.answered();
                });
                pacer.refused(0, None);
                pacer.pace().interval_ms
            };
            (0..200).map(refusal).collect()
        };
        assert!(intervals(150).iter().all(|interval| *interval <= 2_200));
        assert_eq!(intervals(20).last(), Some(&SLOWEST_MS));
        let odd = Pacer::new(Some(Pace { interval_ms: 0, not_before: i64::MAX, refusals: -5 }));
        assert!(odd.wait(0, 0.0) > Duration::from_secs(2));
    }
}
