//! Clients: each wants one job, asks for it until it is answered, and may not wait for the answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use swath_coordinator_core::{RequestId, Token};
use swath_model::JobId;

use crate::{
    event::{ClientId, JobIndex, Wish},
    plan::{JobPlan, Tokens},
    random::Random,
};

#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) all: Vec<Client>,
    /// Requests that wait for their answer.
    pub(crate) waiting: BTreeMap<RequestId, (ClientId, Wish)>,
    /// Those that nobody waits for any more.
    pub(crate) abandoned: BTreeSet<RequestId>,
    last_request: u64,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) job: JobIndex,
    pub(crate) token: Option<Token>,
    pub(crate) id: Option<JobId>,
    pub(crate) stage: Stage,
    /// How often its submit was refused.
    pub(crate) refusals: u32,
    /// Whether it goes on asking how the job stands.
    pub(crate) is_looking: bool,
    /// Whether it has planned to cancel the job.
    pub(crate) has_cancelled: bool,
}

/// How far the job of a client is, as the client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Submitting,
    Running,
    Ended,
    /// The client wants it to be forgotten.
    Forgetting,
    /// It is forgotten.
    Gone,
    /// The client does not know, and never will.
    GivenUp,
}

impl Clients {
    pub(crate) fn new(plans: &[JobPlan], random: &mut Random) -> Self {
        let all = plans.iter().enumerate().map(|(job, plan)| Client::new(job, plan, random)).collect();
        Clients { all, waiting: BTreeMap::new(), abandoned: BTreeSet::new(), last_request: 0 }
    }

    pub(crate) fn request(&mut self, client: ClientId, wish: Wish) -> RequestId {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.waiting.insert(request, (client, wish));
        request
    }

    /// The client whose job this is.
    pub(crate) fn of(&self, id: JobId) -> Option<ClientId> {
        self.all.iter().position(|client| client.id == Some(id))
    }

    /// Whether every client has what it wants, or nothing to wait for.
    pub(crate) fn are_settled(&self) -> bool {
        self.waiting.is_empty() && self.all.iter().all(|client| client.stage.is_settled())
    }
}

impl Client {
    pub(crate) fn new(job: JobIndex, plan: &JobPlan, random: &mut Random) -> Self {
        let token = (plan.client.tokens != Tokens::None).then(|| u128::from(random.next()).to_le_bytes());
        let stage = Stage::Submitting;
        Client { job, token, id: None, stage, refusals: 0, is_looking: false, has_cancelled: false }
    }
}

impl Stage {
    pub(crate) fn is_settled(self) -> bool {
        matches!(self, Self::Ended | Self::Gone | Self::GivenUp)
    }
}

/// How long a client waits before it asks again.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);
