//! The service `grpc.health.v1.Health`, answered by asking the process.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream, stream::BoxStream};
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server::Health,
};

use crate::vitals::{Service, UnknownService, Vitals};

/// A process that does not answer within this time counts as not alive and not ready.
const SILENCE: Duration = Duration::from_secs(3);

/// How often the state is checked for a client that watches.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Answers<V>(pub(crate) Arc<V>);

#[tonic::async_trait]
impl<V: Vitals> Health for Answers<V> {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let service = parse(&request).map_err(|unknown| Status::not_found(unknown.to_string()))?;
        Ok(Response::new(response(state_of(&*self.0, service).await)))
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let Ok(service) = parse(&request) else {
            // The protocol wants this answer, because a name may become known later. Here it never does.
            let unknown = stream::once(async { Ok(response(ServingStatus::ServiceUnknown)) });
            return Ok(Response::new(unknown.chain(stream::pending()).boxed()));
        };
        let changes = stream::unfold((Arc::clone(&self.0), None), move |(vitals, last)| async move {
            if last.is_some() {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            let mut now = state_of(&*vitals, service).await;
            while Some(now) == last {
                tokio::time::sleep(POLL_INTERVAL).await;
                now = state_of(&*vitals, service).await;
            }
            Some((Ok(response(now)), (vitals, Some(now))))
        });
        Ok(Response::new(changes.boxed()))
    }
}

fn parse(request: &Request<HealthCheckRequest>) -> Result<Service, UnknownService> {
    request.get_ref().service.parse()
}

async fn state_of(vitals: &impl Vitals, service: Service) -> ServingStatus {
    let asked = async {
        match service {
            Service::Liveness => vitals.is_alive().await,
            Service::Readiness => vitals.is_ready().await,
        }
    };
    let is_well = tokio::time::timeout(SILENCE, asked).await.unwrap_or(false);
    if is_well { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that says nothing of one thing, and yes to the other.
    struct Silent(Service);

    impl Silent {
        async fn answer(&self, service: Service) -> bool {
            if self.0 == service { std::future::pending().await } else { true }
        }
    }

    impl Vitals for Silent {
        async fn is_alive(&self) -> bool {
            self.answer(Service::Liveness).await
        }

        async fn is_ready(&self) -> bool {
            self.answer(Service::Readiness).await
        }
    }

    async fn check(silent: Service, name: &str) -> Result<ServingStatus, Status> {
        let request = Request::new(HealthCheckRequest { service: name.to_owned() });
        Answers(Arc::new(Silent(silent))).check(request).await.map(|response| response.get_ref().status())
    }

    #[tokio::test]
    async fn a_process_that_does_not_say_whether_it_is_well_is_not() {
        let (liveness, readiness) = (Service::Liveness, Service::Readiness);
        assert_eq!(check(liveness, "liveness").await.unwrap(), ServingStatus::NotServing);
        assert_eq!(check(liveness, "readiness").await.unwrap(), ServingStatus::Serving);
        assert_eq!(check(liveness, "").await.unwrap(), ServingStatus::Serving);
        assert_eq!(check(readiness, "liveness").await.unwrap(), ServingStatus::Serving);
        assert_eq!(check(readiness, "").await.unwrap(), ServingStatus::NotServing);
        assert_eq!(check(liveness, "life").await.unwrap_err().code(), tonic::Code::NotFound);
    }
}
