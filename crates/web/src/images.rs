//! Images of READMEs.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use sync::ImageAnswer;

use crate::AppState;
use crate::cache::{CachePolicy, Cached};
use crate::error::Problem;

/// An image whose address was signed by us. Where it cannot be had, the page shows its words instead.
pub(crate) async fn image(State(state): State<AppState>, path: Result<Path<(String, String)>, PathRejection>) -> Result<Response, Problem> {
    let Path((signature, address)) = path?;
    Ok(match state.upstream.image(&format!("{signature}/{address}")).await {
        ImageAnswer::Found(bytes, kind) => Cached(CachePolicy::Image, ([(CONTENT_TYPE, kind.media_type())], bytes)).into_response(),
        ImageAnswer::Forged => {
            Problem::new(StatusCode::NOT_FOUND, "ERR_NOT_FOUND", "this server fetches only images of the READMEs it shows").into_response()
        }
        ImageAnswer::Unavailable(why) => Problem::new(StatusCode::NOT_FOUND, "ERR_IMAGE", why).into_response(),
    })
}
