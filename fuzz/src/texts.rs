//! What people write.

use swath_launch::{Host, merge, parse_hostfile};
use swath_model::Range;

use crate::Outcome;

pub(crate) fn access(input: &[u8]) -> Outcome {
    Outcome::accepted_if(std::str::from_utf8(input).is_ok_and(swath_transport::fuzzing::access_file))
}

/// Hosts are read again as they are shown, and none of their words could be an option of ssh.
pub(crate) fn hostfile(input: &[u8]) -> Outcome {
    let Some(hosts) = std::str::from_utf8(input).ok().and_then(|text| parse_hostfile(text).ok()) else {
        return Outcome::Refused;
    };
    for host in &hosts {
        let shown = host.to_string();
        let again: Result<Host, _> = shown.parse();
        assert!(again.is_ok_and(|again| again.is_same_place(host)), "{shown} is another host when it is read again");
        let is_option = host.name().starts_with('-') || host.user().is_some_and(|user| user.starts_with('-'));
        assert!(!is_option, "{shown} is an option of ssh");
        assert!(!shown.contains(|c: char| c.is_whitespace() || c.is_control()), "{shown} is more than one word");
    }
    let places = merge(hosts.iter().cloned());
    for (at, place) in places.iter().enumerate() {
        let later = places.iter().skip(at + 1);
        assert!(later.clone().all(|other| !other.is_same_place(place)), "{place} is there twice");
    }
    Outcome::accepted_if(!hosts.is_empty())
}

/// A range reads the same when it is written again.
pub(crate) fn range(input: &[u8]) -> Outcome {
    let Some(range) = std::str::from_utf8(input).ok().and_then(|text| text.parse::<Range>().ok()) else {
        return Outcome::Refused;
    };
    assert_eq!(range.to_string().parse(), Ok(range), "it is another range when it is read again");
    assert_eq!(range.at(range.count() - 1), Some(range.last()), "its count does not lead from its first to its last");
    assert_eq!(range.at(range.count()), None, "it goes on after its last number");
    assert_eq!(range.offset_of(range.last()), Some(range.count() - 1), "its last number has another offset");
    Outcome::Accepted
}
