//! `wire`: a slow link between the worker and the coordinator.

use anyhow::Result;

use super::{collect::client, power};
use crate::{
    client::Collected,
    link::{Namespaces, Relay},
    measure::{Contender, Kind, Line, Measure, Unit},
    process::{self, Cluster, Place},
    setting::{Setting, cores},
    statistics::size,
    verify,
};

const NUMBERS: u64 = 100_000_000;

pub(super) fn line(setting: &Setting) -> Line {
    let last = setting.numbers(NUMBERS);
    let obstacle = Namespaces::probe().err();
    let raw = format!("8 bytes a value would take {:.2} s at 1 Gbit/s", 8.0 * last as f64 / 125e6);
    let how = match &obstacle {
        None => "The link is a pair of interfaces between two network namespaces, slowed by netem".to_owned(),
        Some(error) => format!(
            "This machine cannot slow a link between network namespaces ({error:#}); a relay on loopback stands for the \
             link: it passes bytes on late and at the rate of the link, but TCP sees no delay. Both rows go through it"
        ),
    };
    let in_namespaces = obstacle.is_none();
    let contender = |name: &'static str, is_limited| {
        Contender::new(name, Kind::Swath, move |setting| {
            let collected = match in_namespaces {
                true => across_namespaces(setting, last, is_limited)?,
                false => through_relay(setting, last, is_limited)?,
            };
            let verified = collected.found.check(&verify::squares(last))?;
            let detail = format!("{} on the way", size(collected.bytes));
            Ok(Measure::new(name, Kind::Swath, Unit::Seconds, collected.seconds).verified(verified).detail(detail))
        })
    };
    Line {
        name: "wire",
        work: format!("{} squares collected, worker and coordinator on two hosts", power(last)),
        contenders: vec![
            contender("Swath, link of 1 Gbit/s and 20 ms", true),
            contender("Swath, link without limit", false),
        ],
        remarks: vec![raw, how],
    }
}

fn across_namespaces(setting: &Setting, last: u64, is_limited: bool) -> Result<Collected> {
    let namespaces = Namespaces::open(is_limited)?;
    let mut cluster = Cluster::coordinator_at(setting, namespaces.near(), &namespaces.listen())?;
    cluster.add_worker_at(&namespaces.far(), &namespaces.listen(), cores())?;
    collect(setting, &namespaces.near(), &cluster, last)
}

fn through_relay(setting: &Setting, last: u64, is_limited: bool) -> Result<Collected> {
    let mut cluster = Cluster::coordinator(setting)?;
    let relay = Relay::start(cluster.address(), is_limited)?;
    cluster.add_worker_at(&Place::default(), &relay.address(), cores())?;
    collect(setting, &Place::default(), &cluster, last)
}

fn collect(setting: &Setting, place: &Place, cluster: &Cluster, last: u64) -> Result<Collected> {
    let ended = process::finish(setting, &mut client(place, cluster, last)?)?;
    Ok(serde_json::from_str(&ended.stdout)?)
}
