//! What the library promises, seen from outside.

mod contract;
mod support;
