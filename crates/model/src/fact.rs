//! What a package may be, have or come with, as search can ask for it.

/// One thing that is either known of a package or not. A fact that does not hold and one of which nothing is known look the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// Its latest version is deprecated.
    Deprecated,
    /// Its latest version is below 1.0.0.
    Unstable,
    /// Advisories name it. No advisories are stored, so it holds of no package.
    Insecure,
    /// Its name has a scope.
    Scoped,
    /// It holds the types of another package.
    TypesPackage,
    /// Every version was taken back.
    Unpublished,
    /// npm replaced a malicious package with an empty one.
    SecurityHolding,
    /// It brings types, or a package of types goes with it.
    Types,
    /// It has a README.
    Readme,
    /// It names a license.
    License,
    /// It names a repository.
    Repository,
    /// It names a home page.
    Homepage,
    /// It runs scripts while it is installed.
    InstallScripts,
    /// It has keywords.
    Keywords,
    /// It has a description.
    Description,
    /// Its latest version says from which source and build it comes.
    Provenance,
    /// It installs commands.
    Commands,
    /// Its packument was read.
    Details,
    /// It brings its own types.
    TypesIncluded,
    /// The scope `@types` has a package for it.
    DefinitelyTyped,
    /// It neither brings types nor has `@types` any for it.
    Untyped,
    /// It can be loaded with `import` as an ECMAScript module.
    Esm,
    /// It can be loaded with `require`.
    CommonJs,
}

impl Fact {
    /// All of them, with the qualifier and the value that ask for each.
    pub const ALL: [(Self, &'static str, &'static str); 23] = [
        (Self::Deprecated, "is", "deprecated"),
        (Self::Unstable, "is", "unstable"),
        (Self::Insecure, "is", "insecure"),
        (Self::Scoped, "is", "scoped"),
        (Self::TypesPackage, "is", "types"),
        (Self::Unpublished, "is", "unpublished"),
        (Self::SecurityHolding, "is", "security-holding"),
        (Self::Types, "has", "types"),
        (Self::Readme, "has", "readme"),
        (Self::License, "has", "license"),
        (Self::Repository, "has", "repository"),
        (Self::Homepage, "has", "homepage"),
        (Self::InstallScripts, "has", "install-scripts"),
        (Self::Keywords, "has", "keywords"),
        (Self::Description, "has", "description"),
        (Self::Provenance, "has", "provenance"),
        (Self::Commands, "has", "commands"),
        (Self::Details, "has", "details"),
        (Self::TypesIncluded, "types", "included"),
        (Self::DefinitelyTyped, "types", "definitely-typed"),
        (Self::Untyped, "types", "none"),
        (Self::Esm, "module", "esm"),
        (Self::CommonJs, "module", "cjs"),
    ];

    /// The fact that a qualifier and a value ask for, both in lower case.
    #[must_use]
    pub fn find(qualifier: &str, value: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, key, name)| (*key, *name) == (qualifier, value)).map(|(fact, ..)| *fact)
    }

    /// The qualifier and the value that ask for it.
    #[must_use]
    pub fn words(self) -> (&'static str, &'static str) {
        let (_, qualifier, value) = Self::ALL[self as usize];
        (qualifier, value)
    }
}

/// What is known of a package.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts(u32);

impl Facts {
    /// Adds a fact if it holds.
    pub fn set(&mut self, fact: Fact, holds: bool) {
        self.0 |= u32::from(holds) << fact as u32;
    }

    /// Whether it is known to hold.
    #[must_use]
    pub fn has(self, fact: Fact) -> bool {
        self.0 & (1 << fact as u32) != 0
    }

    /// All that hold.
    pub fn iter(self) -> impl Iterator<Item = Fact> {
        Fact::ALL.into_iter().map(|(fact, ..)| fact).filter(move |fact| self.has(*fact))
    }
}

impl FromIterator<Fact> for Facts {
    fn from_iter<T: IntoIterator<Item = Fact>>(facts: T) -> Self {
        let mut found = Self::default();
        facts.into_iter().for_each(|fact| found.set(fact, true));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_has_its_words() {
        for (place, (fact, qualifier, value)) in Fact::ALL.into_iter().enumerate() {
            assert_eq!((fact as usize, Fact::find(qualifier, value), fact.words()), (place, Some(fact), (qualifier, value)));
        }
        let facts: Facts = [Fact::Esm, Fact::Deprecated].into_iter().collect();
        assert_eq!(facts.iter().collect::<Vec<_>>(), [Fact::Deprecated, Fact::Esm]);
        assert!(facts.has(Fact::Esm) && !facts.has(Fact::CommonJs));
    }
}
