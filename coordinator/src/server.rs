//! One port with every service on it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use swath_coordinator_core::{Config, Inherited, RecoveredJob};
use swath_proto::{
    ARTIFACT_DATA_BYTES, CONNECTION_WINDOW_BYTES, FILE_DESCRIPTOR_SET, FRAME_BYTES, MAX_MESSAGE_BYTES,
    STREAM_WINDOW_BYTES,
    v1::{artifacts_server::ArtifactsServer, jobs_server::JobsServer, workers_server::WorkersServer},
};
use swath_transport::{Acceptor, AccessError, AccessSource};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::{Server, server::TcpIncoming};
use tonic_health::{ServingStatus, server::HealthReporter};
use tower::layer::layer_fn;
use tracing::info;

use crate::{
    artifacts::Artifacts,
    authorization::Authorization,
    connections::Connections,
    driver::{Driver, DriverHandle},
    health::Health,
    intake::{Intake, UploadKeys},
    ledger::Ledger,
    services::{
        artifacts::{ArtifactsService, keep_swept},
        flight::FlightMethods,
        jobs::JobsService,
        results::ResultsService,
        router::Router,
        streams::ResultStreams,
        workers::WorkersService,
    },
    store::{Store, StoreConfig, StoreError},
    supervise::{Fault, supervise},
};

/// Requests that may wait for the driver.
const REQUESTS: usize = 1024;

/// The most connections: two of each worker, and clients.
const CONNECTIONS: usize = 25_000;

/// The most requests under way on one connection.
const STREAMS: u32 = 1024;

/// How long streams may take to end when the coordinator stops.
const GRACE: Duration = Duration::from_secs(5);

/// A silent connection gets an HTTP/2 ping after this time, and is closed if no answer comes within the same time.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// How a coordinator runs.
#[derive(Debug, Clone)]
pub struct CoordinatorConfig {
    /// The address to listen at; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The result store.
    pub store: StoreConfig,
    /// Bytes that all artifacts together may have.
    pub max_artifacts: u64,
    /// A worker that sends nothing for this long loses its leases.
    pub lease_timeout: Duration,
    /// A reader of results that takes nothing for this long is cut off when others wait for memory.
    pub reader_timeout: Duration,
    /// How long a job is kept after its end if it does not set that itself; `None`: until it is forgotten.
    pub retain: Option<Duration>,
    /// A coordinator's access, for TLS; `None`: without, for anybody.
    pub access: Option<AccessSource>,
    /// Where to answer for its health, in plain text.
    pub health_listen: Option<SocketAddr>,
}

/// Why a coordinator did not start or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoordinatorError {
    /// The port cannot be had.
    #[error("cannot listen at {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The access file is of no use.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The port for the health cannot be had.
    #[error(transparent)]
    Health(#[from] swath_health::HealthError),
    /// The result store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A task ended by itself that the coordinator needs.
    #[error("the {task} of the coordinator ended by itself ({fault}); what was committed is kept: start it again")]
    Ended {
        /// Which.
        task: &'static str,
        /// How.
        fault: Fault,
    },
    /// The server broke.
    #[error("the server failed: {0}")]
    Serve(#[from] tonic::transport::Error),
    /// Server reflection cannot be built of the descriptors.
    #[error("cannot describe the services: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// A coordinator whose port is open.
pub struct Coordinator {
    listener: TcpListener,
    address: SocketAddr,
    store: Arc<Store>,
    artifacts: Arc<Artifacts>,
    recovered: Vec<RecoveredJob>,
    inherited: Inherited,
    facts: mpsc::UnboundedReceiver<crate::store::Fact>,
    lease_timeout: Duration,
    reader_timeout: Duration,
    retain: Option<Duration>,
    acceptor: Option<Arc<Acceptor>>,
    vitals: Health,
}

impl Coordinator {
    /// Opens the store and the port.
    pub async fn bind(config: CoordinatorConfig) -> Result<Self, CoordinatorError> {
        let acceptor = config.access.as_ref().map(Acceptor::open).transpose()?.map(Arc::new);
        let listen = |error| CoordinatorError::Listen { address: config.listen, error };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let vitals = Health::open(config.health_listen).await?;
        let (tell, facts) = mpsc::unbounded_channel();
        let folder = config.store.folder_name();
        let artifacts = Arc::new(Artifacts::new(&config.store.folder, config.max_artifacts));
        let failed = |error: StoreError| error.at_start(&folder);
        let store = Store::open(config.store, tell).await.map_err(failed)?;
        let recovered = store.recover().await.map_err(failed)?;
        let inherited = |ledger: &dyn Ledger| Ok(Inherited { last_job: ledger.last_job()?, clock: ledger.clock()? });
        let inherited = store.with_ledger(inherited).await.map_err(|error| failed(error.into()))?;
        let CoordinatorConfig { lease_timeout, reader_timeout, retain, .. } = config;
        Ok(Self {
            listener,
            address,
            store,
            artifacts,
            recovered,
            inherited,
            facts,
            lease_timeout,
            reader_timeout,
            retain,
            acceptor,
            vitals,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`: then health turns NOT_SERVING, streams end, and what waits in memory is written.
    #[expect(clippy::too_many_lines, reason = "the order of the steps of a start and an end is the point")]
    pub async fn serve(self, stop: CancellationToken) -> Result<(), CoordinatorError> {
        let Self { listener, address, store, artifacts, recovered, inherited, facts, acceptor, vitals, .. } = self;
        let (lease_timeout, reader_timeout, retain) = (self.lease_timeout, self.reader_timeout, self.retain);
        let (requests, inbox) = mpsc::channel(REQUESTS);
        let driver = DriverHandle::new(requests);
        let scheduler =
            swath_scheduler::Config { incarnation: store.incarnation(), lease_timeout, ..Default::default() };
        let (health, health_service) = tonic_health::server::health_reporter();
        let tasks = TaskTracker::new();
        let owner = Driver::new(Config::new(scheduler, retain), inherited, Arc::clone(&store), recovered);
        // The driver may need the store until its last decision is durable: parts of a job that is being cancelled.
        let driver_is_done = CancellationToken::new();
        let flush = Arc::clone(&store).drive_flushes(driver_is_done.clone());
        let drive = {
            let (done, stop) = (driver_is_done.drop_guard(), stop.clone());
            async move {
                owner.drive(inbox, facts, stop).await;
                drop(done);
            }
        };
        let driving = tasks.spawn(supervise(drive, stop.clone()));
        let flushing = tasks.spawn(supervise(flush, stop.clone()));
        set_serving(&health, ServingStatus::Serving).await;
        vitals.begin(driver.clone(), stop.clone());
        info!(%address, "coordinator is listening");

        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let streams = ResultStreams::new(Arc::clone(&store.reader_memory), reader_timeout);
        let keys = UploadKeys::default();
        let intake = Intake::new(Arc::clone(&store), keys.clone());
        let artifact_service = ArtifactsServer::new(ArtifactsService { artifacts: Arc::clone(&artifacts) })
            .max_decoding_message_size(2 * ARTIFACT_DATA_BYTES);
        {
            let (artifacts, driver, stop) = (Arc::clone(&artifacts), driver.clone(), stop.clone());
            tasks.spawn(async move { stop.run_until_cancelled(keep_swept(artifacts, driver)).await });
        }
        let workers = WorkersService { driver: driver.clone(), store: Arc::clone(&store), keys };
        let server = Server::builder()
            .layer(layer_fn(Authorization::new))
            .layer(layer_fn(move |service| intake.gate(service)))
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES)
            .max_concurrent_streams(STREAMS)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .add_service(health_service)
            .add_service(reflection().build_v1()?)
            // Many tools know only the older version.
            .add_service(reflection().build_v1alpha()?)
            .add_service(JobsServer::new(JobsService::new(driver.clone(), Arc::clone(&artifacts))))
            .add_service(artifact_service)
            .add_service(WorkersServer::new(workers).max_decoding_message_size(MAX_MESSAGE_BYTES))
            .add_service(Router::new(ResultsService::new(Arc::clone(&store)), &streams))
            .add_service(Router::new(FlightMethods { driver, store }, &streams));

        let shut_down = {
            let (stop, health) = (stop.clone(), health.clone());
            async move {
                stop.cancelled().await;
                set_serving(&health, ServingStatus::NotServing).await;
            }
        };
        let connections = Connections::new(TcpIncoming::from(listener).with_nodelay(Some(true)), CONNECTIONS);
        {
            let (streams, stop) = (Arc::clone(&streams), stop.clone());
            tasks.spawn(async move { stop.run_until_cancelled(streams.keep_moving()).await });
        }
        if let Some(acceptor) = acceptor.clone() {
            let stop = stop.clone();
            tasks.spawn(async move { stop.run_until_cancelled(acceptor.keep_fresh()).await });
        }
        let serving = server.serve_with_incoming_shutdown(connections.admit(acceptor), shut_down);
        // Streams that watch and read go on as long as their peers let them; a stop does not wait for those.
        let served = tokio::select! {
            served = serving => served,
            () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
        };
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        for (task, ended) in [("driver", driving.await), ("writer of results", flushing.await)] {
            // The supervisor itself does not panic; if the runtime ends, nobody is left to ask.
            let Ok(Err(fault)) = ended else { continue };
            return Err(CoordinatorError::Ended { task, fault });
        }
        Ok(served?)
    }
}

async fn set_serving(health: &HealthReporter, status: ServingStatus) {
    // The empty name stands for the whole server.
    health.set_service_status("", status).await;
}
