//! Every package can be found by its exact name.

use std::collections::BTreeSet;

use model::Bucket;
use proptest::prelude::*;
use search::{Builder, Document, Payload, Query, Wanted};

use crate::{NOW, folder};

/// Names as npm has them, old ones with capitals and signs among them, and such as share letters, separators and beginnings.
fn name() -> impl Strategy<Value = String> {
    let word = prop_oneof!["[a-c]{1,3}", "[a-zA-Z0-9]{1,8}", Just("react".to_owned()), Just("date".to_owned())];
    let bare = proptest::collection::vec(word, 1..4)
        .prop_flat_map(|words| ("[-_.~]", Just(words)))
        .prop_map(|(separator, words)| words.join(&separator));
    let odd = prop_oneof![
        "[-_.~!'()*]{1,3}",
        "-[a-z]{1,5}",
        Just("is:deprecated".replace(':', "-")),
        Just("__proto__".to_owned()),
        Just("constructor".to_owned())
    ];
    prop_oneof![
        6 => bare.clone(),
        3 => ("[a-c]{1,2}|types|babel", bare).prop_map(|(scope, bare)| format!("@{scope}/{bare}")),
        1 => odd
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_name_is_among_the_first_two(names in proptest::collection::btree_set(name(), 1..60), buckets in proptest::collection::vec(0_u8..=180, 60)) {
        let names: BTreeSet<String> = names;
        let mut ranked: Vec<(u8, &String)> = buckets.into_iter().zip(&names).collect();
        ranked.sort_unstable_by(|a, b| b.cmp(a));
        let folder = folder();
        let builder = Builder::new(folder.path()).expect("begun");
        let mut part = builder.part(0);
        part.add(ranked.iter().enumerate().map(|(id, (bucket, name))| Document::named(id as i64, name, Bucket(*bucket)))).expect("added");
        let index = builder.finish(part.finish().expect("finished").into_iter().collect(), Payload { change_seq: 1 }).expect("built");
        for (id, (_, name)) in ranked.iter().enumerate() {
            let query = Query::parse(name, NOW).expect("short enough");
            prop_assert_eq!(&query.text, *name, "the name is searched as it is");
            prop_assert_eq!(index.id_of(&query.text).expect("looked"), Some(id as i64));
            let found = index.search(&query, Wanted::page(0, 2)).expect("searched").expect("not too deep");
            prop_assert!(found.hits.iter().any(|hit| hit.id == id as i64 && hit.exact), "{} is not among the first two", name);
        }
    }
}
