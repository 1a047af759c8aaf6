//! Downloads on a logarithmic scale, coarse enough that a package rarely moves.

/// Downloads of a package in a month, as far as anybody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Popularity {
    /// No source has counted this package.
    Unknown,
    /// Not counted, but on a list of packages with at least a million downloads a week or 500 dependents.
    HighImpact,
    /// Counted.
    Monthly(u64),
}

/// Steps of [`Bucket`] to a factor of ten in downloads.
const STEPS_PER_DECADE: f64 = 20.0;

/// A monthly download count on a logarithmic scale, 0 (unknown or none) to 255: twenty steps to a factor of ten, so one step is 12 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(pub u8);

impl Bucket {
    /// The bucket of a package. A package of high impact that nobody counted stands where its list begins: four million a month.
    #[must_use]
    pub fn of(popularity: Popularity) -> Self {
        let monthly = match popularity {
            Popularity::Unknown => 0,
            Popularity::HighImpact => 4_000_000,
            Popularity::Monthly(count) => count,
        };
        Self((((monthly as f64) + 1.0).log10() * STEPS_PER_DECADE).round().min(255.0) as u8)
    }

    /// Decimal magnitude of the downloads: 3.0 for a thousand.
    #[must_use]
    pub fn magnitude(self) -> f32 {
        f32::from(self.0) / STEPS_PER_DECADE as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets() {
        let bucket = |count| Bucket::of(Popularity::Monthly(count)).0;
        assert_eq!([bucket(0), bucket(9), bucket(999), bucket(2_399_072_936), bucket(u64::MAX)], [0, 20, 60, 188, 255]);
        assert_eq!(Bucket::of(Popularity::Unknown), Bucket(0));
        assert!(Bucket::of(Popularity::HighImpact).magnitude() > 6.5);
    }
}
