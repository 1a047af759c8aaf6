//! Hostile READMEs, and one that uses everything.

mod attacks;
mod bounds;
mod rich;
mod strict;

use markup::{Readme, ReadmeSource, render_readme};

/// Renders a README of a package in a GitHub repository, with images under `/img/`.
fn render(text: &str) -> Readme {
    let image = |address: &str| format!("/img/{}", address.bytes().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat());
    render_readme(&ReadmeSource {
        text,
        filename: Some("README.md"),
        package: "@scope/sample",
        repository: Some("https://github.com/user/repo"),
        directory: Some("packages/sample"),
        image: &image,
    })
}
