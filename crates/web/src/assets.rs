//! Stylesheet, script and icon, under names that change with their content.

use std::hash::{DefaultHasher, Hasher};
use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::cache::{CachePolicy, Cached};

struct Asset {
    path: String,
    media_type: &'static str,
    content: &'static str,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    let asset = |stem: &str, extension: &str, media_type, content: &'static str| {
        let mut hasher = DefaultHasher::new();
        hasher.write(content.as_bytes());
        Asset { path: format!("/assets/{stem}.{:016x}.{extension}", hasher.finish()), media_type, content }
    };
    [
        asset("style", "css", "text/css; charset=utf-8", include_str!("../assets/style.css")),
        asset("script", "js", "text/javascript; charset=utf-8", include_str!("../assets/script.js")),
        asset("icon", "svg", "image/svg+xml", include_str!("../assets/icon.svg")),
    ]
});

pub(crate) fn style() -> &'static str {
    &ASSETS[0].path
}

pub(crate) fn script() -> &'static str {
    &ASSETS[1].path
}

pub(crate) fn icon() -> &'static str {
    &ASSETS[2].path
}

/// The asset at this path.
pub(crate) fn get(path: &str) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.path == path)?;
    Some(Cached(CachePolicy::Immutable, ([(CONTENT_TYPE, asset.media_type)], asset.content)).into_response())
}
