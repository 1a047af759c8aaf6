//! The lists of all packages, side by side in memory: names in byte order, and by their place what other lists say of them.
//!
//! Names and addresses lie in one buffer each; 4.5 million packages take about 320 MB.

use model::{PackageName, browse_url};
use serde_json::Value;

/// Names in byte order, each once, with their ids where the store knows them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    bytes: Vec<u8>,
    /// Start of every name; its end is the start of the next, or of the buffer's end.
    spans: Vec<(u32, u8)>,
    /// 0 where the store does not know the name.
    pub(crate) ids: Vec<u32>,
}

/// Collects names in any order.
#[derive(Debug, Default)]
pub(crate) struct NamesBuilder {
    names: Names,
    sorted: bool,
    pub(crate) rejected: u64,
}

impl NamesBuilder {
    pub(crate) fn new() -> Self {
        Self { sorted: true, ..Self::default() }
    }

    /// Adds a name; what is none is counted and left out.
    pub(crate) fn push(&mut self, name: &str) {
        if PackageName::parse(name).is_err() || self.names.bytes.len() + name.len() > u32::MAX as usize {
            self.rejected += 1;
            return;
        }
        if let Some(last) = self.names.spans.len().checked_sub(1)
            && self.names.get(last) >= name
        {
            self.sorted = false;
        }
        // A name has at most 214 bytes.
        self.names.spans.push((self.names.bytes.len() as u32, name.len() as u8));
        self.names.bytes.extend_from_slice(name.as_bytes());
    }

    pub(crate) fn finish(mut self) -> Names {
        if !self.sorted {
            let bytes = std::mem::take(&mut self.names.bytes);
            let text = |(start, length): (u32, u8)| &bytes[start as usize..start as usize + usize::from(length)];
            self.names.spans.sort_unstable_by(|a, b| text(*a).cmp(text(*b)));
            self.names.spans.dedup_by(|a, b| text(*a) == text(*b));
            self.names.bytes = bytes;
        }
        self.names.spans.shrink_to_fit();
        self.names.ids = vec![0; self.names.spans.len()];
        self.names
    }
}

impl Names {
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn get(&self, place: usize) -> &str {
        let (start, length) = self.spans[place];
        let bytes = &self.bytes[start as usize..start as usize + usize::from(length)];
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The place of a name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let text = |(start, length): (u32, u8)| &self.bytes[start as usize..start as usize + usize::from(length)];
        self.spans.binary_search_by(|span| text(*span).cmp(name.as_bytes())).ok()
    }

    /// Only the names at these places, which must ascend.
    pub(crate) fn keep(&mut self, places: &[u32]) {
        self.spans = places.iter().map(|place| self.spans[*place as usize]).collect();
        self.ids = places.iter().map(|place| self.ids[*place as usize]).collect();
    }
}

/// A repository address for some of the names, by their place.
#[derive(Debug)]
pub(crate) struct Addresses {
    bytes: Vec<u8>,
    /// Start and length; length 0 where there is none.
    spans: Vec<(u32, u16)>,
}

impl Addresses {
    pub(crate) fn new(names: usize) -> Self {
        Self { bytes: Vec::new(), spans: vec![(0, 0); names] }
    }

    pub(crate) fn set(&mut self, place: usize, written: &str) {
        let Some(address) = browse_url(&Value::String(written.to_owned())) else { return };
        let (Ok(start), Ok(length)) = (u32::try_from(self.bytes.len()), u16::try_from(address.len())) else { return };
        self.spans[place] = (start, length);
        self.bytes.extend_from_slice(address.as_bytes());
    }

    pub(crate) fn get(&self, place: usize) -> Option<&str> {
        let (start, length) = self.spans[place];
        let bytes = &self.bytes[start as usize..start as usize + usize::from(length)];
        if length == 0 { None } else { std::str::from_utf8(bytes).ok() }
    }

    pub(crate) fn keep(&mut self, places: &[u32]) {
        self.spans = places.iter().map(|place| self.spans[*place as usize]).collect();
    }
}

/// A count that stands for "not counted".
pub(crate) const UNKNOWN: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Names {
        let mut builder = NamesBuilder::new();
        list.iter().for_each(|name| builder.push(name));
        builder.finish()
    }

    #[test]
    fn any_order_and_odd_names() {
        let found = names(&["b", "@s/a", "constructor", "b", "JSONStream", "-", "..", "a b", ""]);
        let all: Vec<&str> = (0..found.len()).map(|place| found.get(place)).collect();
        assert_eq!(all, ["-", "@s/a", "JSONStream", "b", "constructor"]);
        assert_eq!((found.find("b"), found.find("jsonstream"), found.find("__proto__")), (Some(3), None, None));
    }

    #[test]
    fn addresses() {
        let mut addresses = Addresses::new(3);
        addresses.set(2, "https://github.com/a/b.git");
        addresses.set(0, "javascript:alert(1)");
        assert_eq!((addresses.get(0), addresses.get(1), addresses.get(2)), (None, None, Some("https://github.com/a/b")));
        addresses.keep(&[0, 2]);
        assert_eq!(addresses.get(1), Some("https://github.com/a/b"));
    }
}
