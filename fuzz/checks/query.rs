//! What holds for any text that is typed into the box.

use std::sync::OnceLock;

use model::Bucket;
use search::{Builder, Document, Highlighter, Index, Payload, Query, SuggestionLimits, Wanted, pieces};

/// 1 March 2026.
const NOW: i64 = 1_772_323_200;
const DESCRIPTION: &str = "A date picker for React, with \"quotes\" & <signs>: é";

/// Some packages to ask for; the folder stays as long as the process.
fn index() -> &'static Index {
    static INDEX: OnceLock<(tempfile::TempDir, Index)> = OnceLock::new();
    let (_, index) = INDEX.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let builder = Builder::new(folder.path()).expect("begun");
        let mut part = builder.part(0);
        let (keywords, users) = (["date picker".to_owned(), "react".to_owned()], ["jane".to_owned()]);
        let names = ["react", "react-date-picker", "@types/react", "JSONStream", "-", "a", "date-fns", "__proto__"];
        part.add(names.iter().enumerate().map(|(id, name)| Document {
            description: (id % 2 == 1).then_some(DESCRIPTION),
            keywords: if id % 3 == 0 { &keywords } else { &[] },
            maintainers: &users,
            license: Some("MIT"),
            published: Some(NOW - 1_000_000 * id as i64),
            downloads: Some(1_000_000 >> id),
            ..Document::named(id as i64, name, Bucket(150 - 10 * id as u8))
        }))
        .expect("added");
        let index = builder.finish(part.finish().expect("finished").into_iter().collect(), Payload { change_seq: 1 }).expect("built");
        (folder, index)
    });
    index
}

/// Reads the text as a query, asks it in every way, and marks its words.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(query) = Query::parse(&text, NOW) else {
        assert!(text.chars().count() > search::MAX_TEXT, "only what is too long is refused");
        return;
    };
    for phrase in query.phrases() {
        assert!(query.text.contains(phrase));
    }
    // The text that says the same is read as the same.
    let shown = query.to_string();
    match Query::parse(&shown, NOW) {
        Ok(again) => {
            assert_eq!(again.to_string(), shown, "{text:?}");
            assert_eq!(
                Query { notes: Vec::new(), ..again },
                Query { notes: Vec::new(), ..query.clone() },
                "{text:?} is shown as {shown:?}"
            );
        }
        Err(_) => assert!(shown.chars().count() > search::MAX_TEXT),
    }
    let wanted = Wanted { explain: true, facets: true, others: true, ..Wanted::page(0, 10) };
    let found = index().search(&query, wanted).expect("searched").expect("not too deep");
    assert!(found.hits.is_sorted_by(|one, other| one.score >= other.score), "{text:?}: {:?}", found.hits);
    index().suggest(&text, SuggestionLimits { packages: 5, others: 3 }).expect("suggested");
    let mut highlighter = Highlighter::new(&query);
    for (text, spans) in [
        (DESCRIPTION, highlighter.in_text(DESCRIPTION)),
        ("react-date-picker", highlighter.in_name("react-date-picker")),
        (&text, highlighter.in_text(&text)),
    ] {
        let whole: String = pieces(text, spans).into_iter().map(|(_, piece)| piece).collect();
        assert_eq!(whole, *text, "the pieces are the text");
    }
}
