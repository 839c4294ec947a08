//! What is measured, and who is measured.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::setting::Setting;

/// Who was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Swath,
    Peer,
    /// What the machine itself can do.
    Limit,
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "µs/chunk")]
    MicrosPerChunk,
    #[serde(rename = "MiB")]
    Mebibytes,
    #[serde(rename = "KiB/worker")]
    KibibytesPerWorker,
    #[serde(rename = "CPU s/10^6 leases")]
    CpuSecondsPerMillionLeases,
    #[serde(rename = "10^6 instructions")]
    MegaInstructions,
    #[serde(rename = "%")]
    Percent,
}

impl Unit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::MicrosPerChunk => "µs/chunk",
            Self::Mebibytes => "MiB",
            Self::KibibytesPerWorker => "KiB/worker",
            Self::CpuSecondsPerMillionLeases => "CPU s/10⁶ leases",
            Self::MegaInstructions => "10⁶ instructions",
            Self::Percent => "%",
        }
    }

    /// Whether rows in this unit are of the same thing, so that their ratio says something.
    pub(crate) fn is_comparable(self) -> bool {
        !matches!(self, Self::MegaInstructions | Self::Percent)
    }
}

/// One figure of one turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measure {
    pub(crate) system: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Unit,
    pub(crate) value: f64,
    /// What was found right about the result; empty where there is none.
    pub(crate) verified: String,
    /// What else is worth to be known.
    pub(crate) detail: String,
}

impl Measure {
    pub(crate) fn new(system: impl Into<String>, kind: Kind, unit: Unit, value: f64) -> Self {
        Self { system: system.into(), kind, unit, value, verified: String::new(), detail: String::new() }
    }

    pub(crate) fn verified(mut self, what: impl Into<String>) -> Self {
        self.verified = what.into();
        self
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

type Turn = Box<dyn FnMut(&Setting) -> Result<Vec<Measure>>>;

/// Somebody who takes turns.
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    turn: Turn,
}

impl Contender {
    /// One whose turn gives one figure.
    pub(crate) fn new(
        name: impl Into<String>,
        kind: Kind,
        mut turn: impl FnMut(&Setting) -> Result<Measure> + 'static,
    ) -> Self {
        Self { name: name.into(), kind, turn: Box::new(move |setting| turn(setting).map(|measure| vec![measure])) }
    }

    /// One whose turn gives several.
    pub(crate) fn with_several(
        name: impl Into<String>,
        kind: Kind,
        turn: impl FnMut(&Setting) -> Result<Vec<Measure>> + 'static,
    ) -> Self {
        Self { name: name.into(), kind, turn: Box::new(turn) }
    }

    pub(crate) fn take_turn(&mut self, setting: &Setting) -> Result<Vec<Measure>> {
        (self.turn)(setting)
    }
}

/// One kind of work and all who do it.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    /// What is done, in one sentence.
    pub(crate) work: String,
    pub(crate) contenders: Vec<Contender>,
    /// Who or what is missing and why, and what else a reader must know.
    pub(crate) remarks: Vec<String>,
}
