//! Where a job stands: what people, programs and terminals are told of it.

mod failed;
mod json;
mod screen;
mod waiting;
mod words;
