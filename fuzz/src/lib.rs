//! Everything of Swath that parses what a stranger wrote, as targets for a fuzzer.
//!
//! A target takes any bytes. It panics if they break a promise, which is more than that nothing panics: what was
//! accepted reads the same when it is written again, and two ways to read it agree. `corpus/TARGET` holds the inputs
//! that each target starts from, and those that once broke one; an ordinary test runs all of them.

mod blocks;
mod conditions;
mod messages;
mod reductions;
pub mod seeds;
mod texts;

/// What a fuzzer is pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The text of an access file.
    Access,
    /// A block: a byte that says the type of its values, then a Parquet file.
    Block,
    /// A condition on rows.
    Condition,
    /// A page of integers: two bytes that say how many, then the page.
    Delta,
    /// The first message of a worker, or a later one.
    Hello,
    /// A file that lists hosts.
    Hostfile,
    /// A state of reductions: a byte that says the type of its column, then the values of its row.
    Partial,
    /// A range as people write it.
    Range,
    /// A list of reductions: a byte that says how many columns there are, then the text.
    Reduce,
    /// A submit.
    Submit,
    /// A ticket of Arrow Flight.
    Ticket,
    /// A block as a worker uploads it.
    Upload,
}

/// What became of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is what the target takes.
    Accepted,
    /// It is not, and was refused as it should be.
    Refused,
}

impl Outcome {
    pub(crate) fn accepted_if(accepted: bool) -> Self {
        if accepted { Self::Accepted } else { Self::Refused }
    }
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Access,
        Self::Block,
        Self::Condition,
        Self::Delta,
        Self::Hello,
        Self::Hostfile,
        Self::Partial,
        Self::Range,
        Self::Reduce,
        Self::Submit,
        Self::Ticket,
        Self::Upload,
    ];

    /// Its name, which is that of the folder of its corpus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Block => "block",
            Self::Condition => "condition",
            Self::Delta => "delta",
            Self::Hello => "hello",
            Self::Hostfile => "hostfile",
            Self::Partial => "partial",
            Self::Range => "range",
            Self::Reduce => "reduce",
            Self::Submit => "submit",
            Self::Ticket => "ticket",
            Self::Upload => "upload",
        }
    }

    /// The target of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Gives the target an input. Panics if it breaks a promise.
    pub fn run(self, input: &[u8]) -> Outcome {
        match self {
            Self::Access => texts::access(input),
            Self::Block => blocks::block(input),
            Self::Condition => conditions::condition(input),
            Self::Delta => blocks::delta(input),
            Self::Hello => messages::hello(input),
            Self::Hostfile => texts::hostfile(input),
            Self::Partial => reductions::partial(input),
            Self::Range => texts::range(input),
            Self::Reduce => reductions::list(input),
            Self::Submit => messages::submit(input),
            Self::Ticket => messages::ticket(input),
            Self::Upload => messages::upload(input),
        }
    }
}
