//! The arguments of `swath health`.

use std::time::Duration;

use clap::{
    Args as Arguments,
    builder::{PossibleValuesParser, TypedValueParser},
};
use swath_client::Address;
use swath_health::Service;

use super::values::{duration, health_address};

/// Which process to check, and how.
#[derive(Debug, Arguments)]
pub(crate) struct Health {
    /// The address that its --health-listen names.
    #[arg(value_name = "HOST:PORT", value_parser = health_address)]
    pub(crate) address: Address,
    /// `readiness`: does the process do its work now? `liveness`: is it alive, or must it be restarted?
    #[arg(long, env = "SWATH_HEALTH_SERVICE", default_value = "readiness",
          value_parser = PossibleValuesParser::new(Service::NAMES).try_map(|name| name.parse::<Service>()))]
    pub(crate) service: Service,
    /// How long to wait for the answer.
    #[arg(long, env = "SWATH_HEALTH_TIMEOUT", default_value = "5s", value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Duration,
}
