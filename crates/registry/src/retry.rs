//! Asking again, politely.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::Error;

/// How often and how long to ask again.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Upper bound of the first wait; it doubles with every attempt.
    pub first_wait: Duration,
    /// Upper bound of any wait, the registry's own wishes included.
    pub longest_wait: Duration,
    /// Upper bound of everything together; the download of a tarball, which goes on as long as bytes come, has none.
    pub deadline: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            deadline: Duration::from_secs(120),
        }
    }
}

impl RetryPolicy {
    /// One attempt, which may take this long.
    #[must_use]
    pub const fn once(deadline: Duration) -> Self {
        Self { attempts: 1, first_wait: Duration::ZERO, longest_wait: Duration::ZERO, deadline }
    }

    /// Runs `attempt` until it succeeds, fails for good, or the attempts or the deadline are used up.
    // Not an `AsyncFnMut`, of whose futures the compiler cannot tell that they may move between threads.
    pub(crate) async fn run<T, F: Future<Output = Result<T, Error>>>(&self, mut attempt: impl FnMut() -> F) -> Result<T, Error> {
        let mut last = None;
        let everything = async {
            let mut number = 0;
            loop {
                number += 1;
                let error = match attempt().await {
                    Ok(value) => return Ok(value),
                    Err(error) => error,
                };
                if !error.is_retryable() || number >= self.attempts {
                    return Err(error);
                }
                let wait = self.wait(number, &error);
                tracing::debug!(%error, attempt = number, wait_ms = wait.as_millis() as u64, "asking again");
                last = Some(error);
                tokio::time::sleep(wait).await;
            }
        };
        match tokio::time::timeout(self.deadline, everything).await {
            Ok(result) => result,
            Err(_) => Err(Error::Deadline {
                after: self.deadline,
                last: Box::new(last.unwrap_or(Error::Transport { url: "the registry".to_owned(), reason: "no answer".to_owned() })),
            }),
        }
    }

    /// Full jitter below a doubling bound, but no less than the registry asks for. A `Retry-After: 0`, which npm's rate limiter sends,
    /// says nothing.
    pub(crate) fn wait(&self, attempt: u32, error: &Error) -> Duration {
        let bound = self.first_wait.saturating_mul(1 << (attempt - 1).min(16)).min(self.longest_wait);
        let jittered = bound.mul_f64(fastrand::f64());
        let asked = match error {
            Error::Status { retry_after: Some(wait), .. } => *wait,
            _ => Duration::ZERO,
        };
        jittered.max(asked).min(self.longest_wait)
    }
}

/// `Retry-After` in both forms: seconds, or a date, which is measured from the answer's own `Date`.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = httpdate::parse_http_date(headers.get("date")?.to_str().ok()?).ok()?;
    until.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_both_forms() {
        let check = |value: &str, expected: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert("date", "Mon, 23 Nov 2026 08:00:00 GMT".parse().expect("a header"));
            headers.insert(RETRY_AFTER, value.parse().expect("a header"));
            assert_eq!(retry_after(&headers).map(|wait| wait.as_secs()), expected, "{value}");
        };
        check("7", Some(7));
        check("0", Some(0));
        check("Mon, 23 Nov 2026 08:01:30 GMT", Some(90));
        check("Mon, 23 Nov 2026 07:00:00 GMT", None);
        check("soon", None);
    }

    #[test]
    fn waits_grow_and_are_capped() {
        let policy = RetryPolicy::default();
        let refused = |seconds| Error::Status {
            url: String::new(),
            status: reqwest::StatusCode::TOO_MANY_REQUESTS,
            message: None,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        for attempt in 1..40 {
            assert!(policy.wait(attempt, &refused(0)) <= policy.first_wait * (1 << (attempt - 1).min(6)));
            assert!(policy.wait(attempt, &refused(3)) >= Duration::from_secs(3));
            assert_eq!(policy.wait(attempt, &refused(86_400)), policy.longest_wait);
        }
    }
}
