//! Clients that go away at any moment of a request.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use swath_client::{Client, JobRequest};
use swath_proto::v1::{self, jobs_client::JobsClient};
use swath_tests::{Coordinator, Direction, Proxy, Scene, Signal, until};
use tokio::{runtime::Runtime, sync::Semaphore};
use tonic::{Code, Request, Response, Status, transport::Channel};

use crate::{listed, rows, with_files};

/// Requests under way at once.
const AT_ONCE: usize = 25;

/// So many different moments at which a request is cut off, evenly spread.
const MOMENTS: u64 = 40;

/// A connection to a coordinator, for requests that are cut off.
struct Cutter {
    runtime: Runtime,
    channel: Channel,
    cut: Arc<AtomicUsize>,
}

impl Cutter {
    fn new(coordinator: &Coordinator<'_>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let address = format!("http://{}", coordinator.address());
        let channel = runtime.block_on(Channel::from_shared(address).unwrap().connect()).unwrap();
        Self { runtime, channel, cut: Arc::default() }
    }

    /// Makes a request of each of these, and cuts each off at another moment, within so much time; returns the answers
    /// that came before.
    fn cut_off<T, R, F>(&self, requests: Vec<T>, within: Duration, ask: impl Fn(JobsClient<Channel>, T) -> F) -> Vec<R>
    where
        R: Send + 'static,
        F: Future<Output = Result<Response<R>, Status>> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let asked = requests.into_iter().enumerate().map(|(index, request)| {
            let answer = ask(JobsClient::new(self.channel.clone()), request);
            // Neighbours are cut off at moments that lie far apart.
            let moment = within * (index as u64 * 17 % MOMENTS) as u32 / MOMENTS as u32;
            let (places, cut) = (Arc::clone(&places), Arc::clone(&self.cut));
            self.runtime.spawn(async move {
                let _place = places.acquire_owned().await.unwrap();
                // When the time is over the answer's future is dropped, and the stream reset.
                match tokio::time::timeout(moment, answer).await {
                    Ok(answer) => answer.ok().map(Response::into_inner),
                    Err(_) => {
                        cut.fetch_add(1, Ordering::Relaxed);
                        None
                    }
                }
            })
        });
        let asked: Vec<_> = asked.collect();
        self.runtime.block_on(async {
            let mut answers = Vec::new();
            for one in asked {
                answers.extend(one.await.unwrap());
            }
            answers
        })
    }

    /// How many requests were cut off before their answer came.
    fn cuts(&self) -> usize {
        self.cut.load(Ordering::Relaxed)
    }

    fn submit(&self, request: v1::SubmitRequest) -> Result<v1::Job, Status> {
        let mut jobs = JobsClient::new(self.channel.clone());
        self.runtime.block_on(jobs.submit(request)).map(Response::into_inner)
    }
}

fn submit(index: u64, last: i64) -> v1::SubmitRequest {
    let spec = v1::JobSpec { kernel: "square".to_owned(), first: 1, last, chunk_size: 1000, ..Default::default() };
    let token = u128::from(index + 1).to_le_bytes().to_vec();
    v1::SubmitRequest { spec: Some(spec), token: token.into() }
}

/// Waits until clients and the ledger say the same of which jobs there are, and files are there for no others.
fn await_agreement(scene: &Scene, coordinator: &Coordinator<'_>) {
    until("clients, ledger and files agree", || {
        let jobs = listed(coordinator);
        (rows(scene, "SELECT id FROM jobs") == jobs && with_files(scene).is_subset(&jobs)).then_some(())
    });
}

/// The coordinator is killed, and the next one must have the same jobs.
fn assert_outlives_coordinator<'scene>(scene: &'scene Scene, coordinator: Coordinator<'scene>) -> Coordinator<'scene> {
    let before = listed(&coordinator);
    coordinator.stop(Signal::KILL);
    let coordinator = scene.coordinator();
    assert_eq!(listed(&coordinator), before);
    coordinator
}

#[test]
fn a_submit_that_is_cut_off_makes_a_job_or_none_and_sent_again_the_same() {
    let scene = Scene::new("submits_cut_off");
    let coordinator = scene.coordinator();
    let cutter = Cutter::new(&coordinator);
    let requests = |count| (0..count).map(|index| submit(index, 10)).collect();
    let ask = |mut jobs: JobsClient<Channel>, request| async move { jobs.submit(Request::new(request)).await };
    let answers = cutter.cut_off(requests(600), Duration::from_millis(12), ask);
    assert!(cutter.cuts() > 0, "no request was cut off");
    await_agreement(&scene, &coordinator);
    let known = listed(&coordinator);
    assert!(answers.iter().all(|job| known.contains(&job.id)), "an answer names a job that is not there");

    let coordinator = assert_outlives_coordinator(&scene, coordinator);
    let cutter = Cutter::new(&coordinator);
    let again: BTreeMap<u64, u64> =
        (0..600).map(|index| (cutter.submit(submit(index, 10)).unwrap().id, index)).collect();
    assert_eq!(again.len(), 600, "two submits are one job");
    assert!(known.iter().all(|id| again.contains_key(id)), "a job was submitted that nobody asked for");
    assert_eq!(listed(&coordinator).len(), 600);
    for answer in answers {
        assert_eq!(cutter.submit(submit(again[&answer.id], 10)).unwrap().id, answer.id);
    }
    assert_eq!(listed(&coordinator).len(), 600);
}

#[test]
fn a_token_is_of_one_job() {
    let scene = Scene::new("tokens");
    let coordinator = scene.coordinator();
    let cutter = Cutter::new(&coordinator);
    let id = cutter.submit(submit(0, 10)).unwrap().id;
    let refusal = cutter.submit(submit(0, 11)).unwrap_err();
    assert_eq!(refusal.code(), Code::AlreadyExists, "{refusal}");
    assert!(refusal.message().contains(&format!("is that of job {id}, which is another job")), "{refusal}");
    let short = v1::SubmitRequest { token: vec![1, 2].into(), ..submit(0, 10) };
    let refusal = cutter.submit(short).unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal}");
    let nameless = || v1::SubmitRequest { token: Vec::new().into(), ..submit(0, 10) };
    assert_ne!(cutter.submit(nameless()).unwrap().id, cutter.submit(nameless()).unwrap().id);
    coordinator.swath(&format!("job cancel {id}")).succeed();
    assert_eq!(cutter.submit(submit(0, 10)).unwrap().id, id, "also after its end");
    coordinator.swath(&format!("job forget {id}")).succeed();
    assert_ne!(cutter.submit(submit(0, 10)).unwrap().id, id, "it was forgotten");
}

#[test]
fn a_client_whose_connection_breaks_submits_its_job_once() {
    let scene = Scene::new("submitted_once");
    let coordinator = scene.coordinator();
    let proxy = Proxy::start(coordinator.address());
    let runtime = Runtime::new().unwrap();
    let client = runtime.block_on(Client::connect(&proxy.address())).unwrap();
    proxy.cut(Direction::FromCoordinator);
    let submit =
        runtime.spawn(async move { client.submit(JobRequest::new("square", "1..=10".parse().unwrap())).await });
    let job = until("the job is there", || listed(&coordinator).first().copied());
    // Its answer never comes.
    proxy.sever();
    proxy.mend();
    assert_eq!(runtime.block_on(submit).unwrap().unwrap().id, job);
    assert_eq!(listed(&coordinator), [job].into());
}

#[test]
fn a_forget_that_is_cut_off_is_done_whole_or_not_at_all() {
    let scene = Scene::new("forgets_cut_off");
    let coordinator = scene.coordinator();
    let worker = coordinator.worker_with("able", "--threads 1");
    let cutter = Cutter::new(&coordinator);
    let ids: Vec<u64> = (0..300).map(|index| cutter.submit(submit(index, 1000)).unwrap().id).collect();
    until("all are done", || coordinator.jobs().iter().all(|job| job["state"] == "done").then_some(()));
    drop(worker);
    let ask = |mut jobs: JobsClient<Channel>, id| async move { jobs.forget(v1::ForgetJobRequest { id }).await };
    cutter.cut_off(ids, Duration::from_millis(12), ask);
    assert!(cutter.cuts() > 0, "no request was cut off");
    await_agreement(&scene, &coordinator);
    let coordinator = assert_outlives_coordinator(&scene, coordinator);
    let left = listed(&coordinator);
    assert_eq!(with_files(&scene), left, "each job has its results");
}

#[test]
fn a_cancel_that_is_cut_off_ends_the_job_and_drops_its_results_or_neither() {
    let scene = Scene::new("cancels_cut_off");
    let coordinator = scene.coordinator_with("--memory 1MiB");
    let _worker = coordinator.worker_with("able", "--threads 1");
    let cutter = Cutter::new(&coordinator);
    // Without an end for as long as this takes.
    let endless = |index| {
        let mut request = submit(index, 10_000_000_000_000);
        request.spec.as_mut().unwrap().kernel = "collatz".to_owned();
        request
    };
    for round in 0..3 {
        let ids: Vec<u64> = (0..20).map(|index| cutter.submit(endless(round * 20 + index)).unwrap().id).collect();
        until("all have parts", || ids.iter().all(|id| with_files(&scene).contains(id)).then_some(()));
        let ask = |mut jobs: JobsClient<Channel>, id| async move {
            jobs.cancel(v1::CancelJobRequest { id, drop_results: true }).await
        };
        cutter.cut_off(ids.clone(), Duration::from_millis(6), ask);
        assert!(cutter.cuts() > 0, "no request was cut off");
        until("each is cancelled and dropped, or neither", || {
            let jobs = coordinator.jobs();
            let ends = |id: &u64| {
                let job = jobs.iter().find(|job| job["id"] == *id).unwrap();
                (job["state"] == "cancelled", job["results_dropped"] == true)
            };
            let dropped = rows(&scene, "SELECT id FROM jobs WHERE results_dropped");
            let cancelled = rows(&scene, "SELECT id FROM jobs WHERE state = 'cancelled'");
            let noted = rows(&scene, "SELECT DISTINCT job FROM parts");
            let files = with_files(&scene);
            let agree = |id| {
                let (is_cancelled, is_dropped) = ends(id);
                let in_ledger = (cancelled.contains(id), dropped.contains(id));
                let has_none = !noted.contains(id) && !files.contains(id);
                is_cancelled == is_dropped && in_ledger == (is_cancelled, is_dropped) && (!is_dropped || has_none)
            };
            ids.iter().all(agree).then_some(())
        });
        for id in ids {
            coordinator.swath(&format!("job cancel {id} --drop-results")).end();
        }
    }
    assert_outlives_coordinator(&scene, coordinator);
}
