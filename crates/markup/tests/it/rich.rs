use crate::{render, strict};

#[test]
fn everything_at_once() {
    let html = render(include_str!("../rich.md"));
    strict::check(&html.html).expect("safe");
    insta::assert_snapshot!(html.html);
    insta::assert_debug_snapshot!("contents", html.contents);
}
