//! Any order of inputs, those that no good shell or coordinator would give too.

use proptest::prelude::*;

use super::*;

type Step = (u8, u16, u16);

const SLOTS: u32 = 3;

/// A coordinator that knows what it has been sent, and nothing else.
struct Script {
    bench: Bench,
    job: Arc<Job<()>>,
    now: Instant,
    leases: u64,
    /// Offsets of the blocks on their way in this session.
    on_the_way: VecDeque<(LeaseId, OffsetRun)>,
    /// What each lease was given.
    given: BTreeMap<LeaseId, ChunkRun>,
}

impl Script {
    fn new() -> Self {
        let config = Config { slots: SLOTS, patience: Duration::from_secs(60), ..Config::default() };
        let mut bench = Bench::with(config);
        bench.join(Vec::new());
        let job = job_in_pieces(1000, 10, 25);
        bench.describe(&job);
        Self { bench, job, now: at(0), leases: 0, on_the_way: VecDeque::new(), given: BTreeMap::new() }
    }

    fn step(&mut self, (what, a, b): Step) {
        let slot = Slot(u32::from(a) % SLOTS);
        let chunk = u64::from(b) % 100;
        let chunks: ChunkRun = run(chunk, (chunk + 1 + u64::from(a) % 12).min(100));
        let lease = lease_id(1 + u64::from(a) % self.leases.max(1));
        match what % 16 {
            0 | 1 => {
                self.leases += 1;
                self.given.insert(lease_id(self.leases), chunks);
                self.bench.lease(self.leases, chunks);
            }
            2..=4 => drop(self.bench.take(slot.0)),
            5..=7 => self.compute(slot, b),
            8 => self.bench.told(FromCoordinator::ReturnChunks { lease, chunks }),
            9 => self.bench.told(FromCoordinator::StopLease { lease }),
            10 | 11 => {
                let uploads = self.bench.upload();
                for (lease, offsets) in &uploads {
                    let given = self.given.get(lease).unwrap_or_else(|| panic!("{lease} was never given"));
                    assert!(self.job.chunks.offsets(*given).contains_run(*offsets), "{offsets} is not of {lease}");
                    assert!(offsets.len() <= 25);
                }
                self.on_the_way.extend(uploads);
            }
            12 | 13 => {
                let is_expected = self.on_the_way.pop_front().is_some();
                assert_eq!(self.bench.receipt().is_ok(), is_expected || self.bench.worker.joined().is_none());
            }
            14 => self.pass(u64::from(b) % 3000),
            _ => self.rejoin(a, b),
        }
        self.bench.worker.check_invariants();
    }

    fn compute(&mut self, slot: Slot, b: u16) {
        let Some(task) = self.bench.tasks.get(&slot) else { return };
        let (offsets, chunks) = (task.offsets, task.job.chunks.touched(task.offsets));
        match b % 5 {
            0 => {
                let number = task.job.chunks.range().at(offsets.start()).unwrap();
                self.bench.worker.handle_failed(slot, chunks.start(), number, "it is odd".to_owned());
                let rest = offsets.from(task.job.chunks.offsets(ChunkRun::one(chunks.start())).end());
                if let Some(rest) = rest {
                    self.bench.worker.handle_block(slot, rest);
                }
                self.bench.tasks.remove(&slot);
                self.bench.finish(slot.0);
            }
            // It delivers nothing.
            1 => {
                self.bench.tasks.remove(&slot);
                self.bench.finish(slot.0);
            }
            _ => drop(self.bench.compute(slot.0)),
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        self.bench.worker.handle_timeout(self.now);
        self.bench.effects();
    }

    /// The session breaks; the next coordinator grants some of what it is offered.
    fn rejoin(&mut self, a: u16, b: u16) {
        let session = self.bench.session;
        self.bench.worker.handle_lost(self.now, session, Loss::Broken, u64::from(a));
        self.bench.effects();
        self.on_the_way.clear();
        self.pass(10_000);
        let offers = self.bench.offers();
        for offer in &offers {
            let all = self.job.chunks.offsets(self.given[&offer.lease]);
            assert!(offer.offsets.iter().all(|run| all.contains_run(run)), "{offer:?}");
            assert!(!offer.offsets.is_empty());
        }
        let mut grants = Vec::new();
        for (index, offer) in offers.iter().enumerate() {
            self.leases += 1;
            let next = lease_id(self.leases);
            let offered: Vec<ChunkRun> = offer.offsets.iter().map(|run| self.job.chunks.touched(run)).collect();
            let mut chunks: ChunkSet = offered.into_iter().collect();
            chunks.remove(run(u64::from(b) % 100, u64::from(b) % 100 + 1 + u64::from(a) % 5));
            if (index + usize::from(a)).is_multiple_of(4) || chunks.is_empty() {
                continue;
            }
            let numbers: OffsetSet = chunks.iter().map(|run| self.job.chunks.offsets(run)).collect();
            let again = if b.is_multiple_of(2) { numbers } else { OffsetSet::new() };
            self.given.insert(next, self.given[&offer.lease]);
            grants.push(ResumedLease { lease: offer.lease, next, chunks, again });
        }
        self.bench.welcome(grants);
        self.bench.describe(&Arc::clone(&self.job));
    }

    /// Nothing goes wrong any more: all that is held is delivered, and then nothing is held.
    fn calm_down(&mut self) {
        for _ in 0..10_000 {
            if self.bench.holds_nothing() {
                assert!(
                    self.bench.worker.slots.iter().all(|slot| matches!(slot, SlotState::Idle)) || self.stop_slots()
                );
                return;
            }
            for slot in 0..SLOTS {
                if self.bench.tasks.contains_key(&Slot(slot)) {
                    self.bench.compute(slot);
                }
                self.bench.take(slot);
            }
            let uploads = self.bench.upload();
            self.on_the_way.extend(uploads);
            while self.on_the_way.pop_front().is_some() {
                self.bench.receipt().unwrap();
            }
        }
        panic!("it holds something for ever: {:?}", self.bench.worker);
    }

    /// Slots whose lease has ended come to their end without a word.
    fn stop_slots(&mut self) -> bool {
        self.bench.said.clear();
        for slot in 0..SLOTS {
            if self.bench.tasks.remove(&Slot(slot)).is_some() {
                self.bench.finish(slot);
            }
        }
        self.bench.said.is_empty()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_nothing_is_lost_and_nothing_is_kept_for_ever(
        script in prop::collection::vec(any::<Step>(), 1..250),
    ) {
        let mut world = Script::new();
        for step in script {
            world.step(step);
        }
        world.calm_down();
    }

    #[test]
    fn the_same_script_gives_the_same_effects(script in prop::collection::vec(any::<Step>(), 1..100)) {
        let said = |script: &[Step]| {
            let mut world = Script::new();
            let mut said = Vec::new();
            for &step in script {
                world.step(step);
                said.append(&mut world.bench.said);
            }
            said
        };
        prop_assert_eq!(said(&script), said(&script));
    }
}
