//! What commands print on standard output.
//!
//! [`Output`] has one method for each thing that is printed, and two implementations: [`Text`] for people and [`Json`]
//! for programs. A command asks the trait and never which of the two it has. What is no answer (progress, hints,
//! warnings) goes to standard error and is not part of this.

mod answers;
mod hosts;
mod json;
mod shown;
mod text;
mod words;

pub(crate) use self::{
    answers::Output,
    hosts::{HostOutcome, HostReport},
    json::Json,
    shown::{HealthAnswer, JoinedWorker, Listening, ShownAccess, Written},
    text::Text,
    words::{failed_chunk, failed_numbers},
};
