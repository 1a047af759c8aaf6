//! Every address: status, content, headers, bad input, and what a browser makes of it.

mod advisories;
mod api;
mod bad_input;
mod browser;
mod charts;
mod headers;
mod html;
mod images;
mod pages;
mod site;
mod views;
