//! Who may call what: the roles that each method is for, and the gate before all services.

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use futures::future::Either;
use swath_transport::{Peer, Role};
use tonic::{
    Status,
    body::Body,
    codegen::{
        Service,
        http::{Request, Response},
    },
};
use tracing::info;

use crate::connections::ConnectionInfo;

/// Whoever submits jobs and reads results.
const USERS: &[Role] = &[Role::Client, Role::Admin];

/// The roles that a method is for, by the path of its requests: `/package.Service/Method`.
fn roles_for(path: &str) -> &'static [Role] {
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    match (service, method) {
        ("swath.v1.Jobs" | "swath.v1.Results" | "arrow.flight.protocol.FlightService", _) => USERS,
        ("swath.v1.Artifacts", "Find" | "Upload") => USERS,
        ("swath.v1.Artifacts", "Fetch") => &[Role::Worker, Role::Client, Role::Admin],
        ("swath.v1.Workers", "Join" | "Upload") => &[Role::Worker],
        ("swath.v1.Workers", "List") => USERS,
        (
            "grpc.health.v1.Health"
            | "grpc.reflection.v1.ServerReflection"
            | "grpc.reflection.v1alpha.ServerReflection",
            _,
        ) => &Role::ALL,
        // `swath.v1.Workers/Drain`, and what is not thought of.
        _ => &[Role::Admin],
    }
}

/// Whether a peer may call a method now.
fn authorize(peer: &Peer, path: &str, now: SystemTime) -> Result<(), Status> {
    let (subject, roles) = match peer {
        Peer::Anybody => return Ok(()),
        Peer::Stranger { reason } => {
            let message = format!("this coordinator works for holders of its authority's certificates only: {reason}");
            return Err(Status::unauthenticated(message));
        }
        Peer::Holder { subject, expires, .. } if *expires < now => {
            return Err(Status::unauthenticated(format!("the certificate of {subject} has expired")));
        }
        Peer::Holder { subject, roles, .. } => (subject, roles),
    };
    let needed = roles_for(path);
    if roles.iter().any(|role| needed.contains(role)) {
        return Ok(());
    }
    let names = |roles: &[Role]| match roles {
        [] => "none".to_owned(),
        roles => roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", "),
    };
    Err(Status::permission_denied(format!(
        "{} needs a certificate with the role {}; that of {subject} has {}",
        path.trim_start_matches('/'),
        names(needed).replace(", ", " or "),
        names(roles)
    )))
}

/// The gate before all services.
#[derive(Clone)]
pub(crate) struct Authorization<S> {
    service: S,
}

impl<S> Authorization<S> {
    pub(crate) fn new(service: S) -> Self {
        Self { service }
    }
}

impl<S, B> Service<Request<B>> for Authorization<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let info = request.extensions().get::<ConnectionInfo>().cloned();
        // Every connection has one; without it nobody is known.
        let peer = info.as_ref().map_or_else(unknown, |info| Arc::clone(&info.peer));
        if let Err(status) = authorize(&peer, request.uri().path(), SystemTime::now()) {
            let address = info.and_then(|info| info.tcp.remote_addr()).map(tracing::field::display);
            info!(address, reason = status.message(), "a request was refused");
            return Either::Right(ready(Ok(status.into_http())));
        }
        if let Some(info) = info {
            // Where services look for the address of their peer.
            request.extensions_mut().insert(info.tcp);
        }
        Either::Left(self.service.call(request))
    }
}

fn unknown() -> Arc<Peer> {
    Arc::new(Peer::Stranger { reason: "the connection is not known".to_owned() })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::Code;

    use super::*;

    fn holder(role: Role) -> Peer {
        Peer::Holder { subject: "somebody".to_owned(), roles: vec![role], expires: SystemTime::UNIX_EPOCH + DAY }
    }

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn each_role_may_do_what_it_is_for_and_nothing_else() {
        let now = SystemTime::UNIX_EPOCH;
        for (path, allowed) in [
            ("/swath.v1.Jobs/Submit", [false, false, true, true]),
            ("/swath.v1.Jobs/Forget", [false, false, true, true]),
            ("/swath.v1.Results/Read", [false, false, true, true]),
            ("/arrow.flight.protocol.FlightService/DoGet", [false, false, true, true]),
            ("/swath.v1.Workers/Join", [false, true, false, false]),
            ("/swath.v1.Workers/Upload", [false, true, false, false]),
            ("/swath.v1.Workers/List", [false, false, true, true]),
            ("/swath.v1.Workers/Drain", [false, false, false, true]),
            ("/grpc.health.v1.Health/Check", [true, true, true, true]),
            ("/swath.v1.Workers/Tomorrow", [false, false, false, true]),
            ("/nonsense", [false, false, false, true]),
            ("", [false, false, false, true]),
        ] {
            for (role, allowed) in Role::ALL.into_iter().zip(allowed) {
                let answer = authorize(&holder(role), path, now);
                assert_eq!(answer.is_ok(), allowed, "{role} at {path}");
                assert!(answer.is_ok() || answer.is_err_and(|status| status.code() == Code::PermissionDenied));
            }
        }
    }

    #[test]
    fn strangers_and_expired_certificates_are_refused_everywhere() {
        let stranger = Peer::Stranger { reason: "no certificate was shown".to_owned() };
        let late = SystemTime::UNIX_EPOCH + 2 * DAY;
        for path in ["/swath.v1.Jobs/List", "/grpc.health.v1.Health/Check", "/x"] {
            for (peer, now) in [(&stranger, SystemTime::UNIX_EPOCH), (&holder(Role::Admin), late)] {
                assert_eq!(authorize(peer, path, now).unwrap_err().code(), Code::Unauthenticated, "{path}");
            }
            assert!(authorize(&Peer::Anybody, path, late).is_ok());
        }
    }

    #[test]
    fn a_refusal_says_what_is_needed_and_what_is_there() {
        let refusal = authorize(&holder(Role::Worker), "/swath.v1.Jobs/Submit", SystemTime::UNIX_EPOCH).unwrap_err();
        assert_eq!(
            refusal.message(),
            "swath.v1.Jobs/Submit needs a certificate with the role client or admin; that of somebody has worker"
        );
    }
}
