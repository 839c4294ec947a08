//! `overhead`: what a chunk costs by itself.

use super::{collect::client, power};
use crate::{
    client::Collected,
    measure::{Contender, Kind, Line, Measure, Unit},
    peer::{self, Peer, peer},
    process::{self, Cluster, Place},
    setting::Setting,
    verify,
};

const CHUNKS: u64 = 1_000_000;

/// Peers, and how many tasks they get: enough to be measured, few enough to be waited for.
const PEERS: &[(Peer, u64)] = &[
    (peer("multiprocessing, Pool.imap", "multiprocessing_peer", "overhead"), 20_000),
    (peer("Ray, a task for each number", "ray_peer", "overhead"), 10_000),
    (peer("Dask, Client.map", "dask_peer", "overhead"), 10_000),
    (peer("HyperQueue, tasks that do nothing", "hyperqueue_peer", "overhead"), 10_000),
    (peer("Spark, a partition for each number", "spark_peer", "overhead"), 10_000),
];

pub(super) fn line(setting: &Setting) -> Line {
    let chunks = setting.numbers(CHUNKS);
    let peers: Vec<Peer> = PEERS.iter().map(|&(peer, _)| peer).collect();
    let tasks_of = |peer: Peer| {
        let full = PEERS.iter().find(|(other, _)| other.script == peer.script).map_or(0, |&(_, tasks)| tasks);
        setting.either(full, full / 20)
    };
    let (peers, mut remarks) = peer::enlist(setting, &peers, |peer| peer.per_task(tasks_of(peer)));
    remarks.push(
        "A chunk is the smallest unit that Swath gives out, tries again and commits, but not a message: runs of chunks \
         travel together. A task of a peer is a message. HyperQueue's tasks start /bin/true and return nothing; all \
         others return their values"
            .to_owned(),
    );
    let mut contenders = vec![swath(chunks)];
    contenders.extend(peers);
    Line {
        name: "overhead",
        work: format!("{} chunks of one number each, results gathered in order", power(chunks)),
        contenders,
        remarks,
    }
}

fn swath(chunks: u64) -> Contender {
    let name = "Swath, chunks of one number";
    Contender::new(name, Kind::Swath, move |setting| {
        let cluster = Cluster::start(setting)?;
        let mut command = client(&Place::default(), &cluster, chunks)?;
        let ended = process::finish(setting, command.args(["--chunk-size", "1"]))?;
        let collected: Collected = serde_json::from_str(&ended.stdout)?;
        let micros = collected.seconds * 1e6 / chunks as f64;
        let verified = collected.found.check(&verify::squares(chunks))?;
        let detail = format!("{chunks} chunks in {:.3} s", collected.seconds);
        Ok(Measure::new(name, Kind::Swath, Unit::MicrosPerChunk, micros).verified(verified).detail(detail))
    })
}
