//! Whole packuments in an import.

use store::StoredReadme;

use crate::reading::name;
use crate::{NOW, context, import};

#[tokio::test]
async fn imported_packuments_have_details_and_readmes() {
    let data = testkit::folder();
    let context = context(data.path()).await;
    let lines = concat!(
        r##"{"name":"a","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"dependencies":{"b":"1"}},"0.9.0":{}},"readme":"# A\n\nsome *words*","readmeFilename":"README.md"}"##,
        "\n",
        r#"{"package":{"name":"b","version":"2.0.0"}}"#,
        "\n",
        r#"{"name":"c","versions":{"1.0.0":{}},"readme":"ERROR: No README data found!"}"#,
        "\n",
        r#"{"name":"gone","time":{"unpublished":{"time":"2022-01-14T12:34:23.941Z","versions":["0.0.1"]}},"readme":"left over"}"#,
        "\nnot json\n",
        // Twice in a batch: the last counts.
        r#"{"name":"d","versions":{"1.0.0":{"description":"first"}},"readme":"first"}"#,
        "\n",
        r#"{"name":"d","versions":{"1.1.0":{"description":"second"},"1.0.0":{}},"readme":"second"}"#,
    );
    for round in 0..2 {
        let (report, bad) = import(&context, lines.as_bytes()).await;
        assert_eq!((report.lines, report.bad, bad.len()), (7, 1, 1));
        assert_eq!(report.added, if round == 0 { 5 } else { 0 });
        let store = &context.store;
        assert_eq!((store.count().await.expect("counted"), store.count_details().await.expect("counted")), (5, 4));
        let details = async |text: &str| {
            let id = store.by_name(&name(text)).await.expect("read").expect("known").id;
            store.details(id).await.expect("read")
        };
        let a = details("a").await.expect("stored");
        assert_eq!((a.observed_at, a.details.versions.len(), a.latest.expect("shown").dependencies.len()), (NOW, 2, 1));
        let Some(StoredReadme::Rendered(readme)) = a.readme else { panic!("no readme") };
        assert!(readme.html.contains("<em>words</em>") && !readme.cut);
        assert_eq!(details("b").await, None, "a hit has none");
        assert_eq!(details("c").await.expect("stored").readme, None, "nobody has looked into the tarball");
        let gone = details("gone").await.expect("stored");
        assert_eq!((gone.details.unpublished.expect("taken back").versions.len(), gone.readme), (1, None));
        let d = details("d").await.expect("stored");
        let Some(StoredReadme::Rendered(readme)) = d.readme else { panic!("no readme") };
        assert!(d.details.versions.len() == 2 && readme.html.contains("second"));
    }
}
