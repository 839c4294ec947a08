//! The image of `deploy/Dockerfile` and the cluster of `deploy/compose.yaml`, for real.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod docker;

use serde_json::{Value, json};
use swath_tests::{Rows, Scene, collatz, until};

use docker::Docker;

/// Large numbers, which take many steps; so many for each core that there is time to break things.
const FIRST: i64 = 1_000_000_000_000_000;
const NUMBERS_EACH: i64 = 10_000_000;

/// The cluster of the compose file.
struct Cluster<'scene> {
    scene: &'scene Scene,
    docker: &'scene Docker<'scene>,
    address: String,
}

impl<'scene> Cluster<'scene> {
    #[track_caller]
    fn up(scene: &'scene Scene, docker: &'scene Docker<'scene>, workers: u32) -> Self {
        docker.compose(&format!("up --detach --no-build --scale worker={workers}"));
        let mut cluster = Self { scene, docker, address: String::new() };
        cluster.look_up_address();
        until("all have joined", || (cluster.workers().len() == workers as usize).then_some(()));
        cluster
    }

    /// The engine takes another free port each time that the container starts.
    #[track_caller]
    fn look_up_address(&mut self) {
        self.address = self.docker.say(&format!("port {} 7171/tcp", self.docker.containers("coordinator")));
    }

    /// The containers of the workers that were not killed, in one line.
    #[track_caller]
    fn running_workers(&self) -> String {
        let hosts = self.workers().into_iter().map(|worker| worker["host"].as_str().expect("a name").to_owned());
        hosts.collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn json(&self, arguments: &str) -> Value {
        self.scene.swath(&format!("{arguments} --output json --coordinator {}", self.address)).succeed().json()
    }

    #[track_caller]
    fn workers(&self) -> Vec<Value> {
        self.json("worker list").as_array().expect("a list").clone()
    }

    /// The container of a worker that holds leases of a job of which it has computed a part.
    #[track_caller]
    fn await_busy_worker(&self) -> String {
        until("a worker is in the midst of the job", || {
            let job = self.json("job show 1");
            assert_eq!(job["state"], "running", "{job:#}");
            let shares = job["workers"].as_array().expect("a list").iter();
            let names: Vec<_> =
                shares.filter(|share| share["numbers"] != 0).map(|share| share["name"].clone()).collect();
            let workers = self.workers();
            let busy = workers.iter().find(|worker| worker["leases"] != 0 && names.contains(&worker["name"]))?;
            // The host is the container.
            Some(busy["host"].as_str().expect("a name").to_owned())
        })
    }

    #[track_caller]
    fn await_health(&self, container: &str) {
        until("the engine finds it healthy", || {
            let health = self.docker.say(&format!("inspect --format '{{{{.State.Health.Status}}}}' {container}"));
            assert_ne!(health, "unhealthy", "{container}");
            (health == "healthy").then_some(())
        });
    }
}

#[test]
fn the_image_and_the_compose_file_run_and_lose_nothing() {
    let scene = Scene::new("containers");
    let Some(docker) = Docker::find(&scene) else { return };
    docker.build_image();
    look_at_image(&docker);

    let mut cluster = Cluster::up(&scene, &docker, 3);
    look_at_containers(&cluster);
    let coordinator = docker.containers("coordinator");
    let numbers = NUMBERS_EACH * i64::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap();
    let address = cluster.address.clone();
    // Whatever the machine, the job lasts for some seconds, and what looks at it has the processor.
    docker.say(&format!("update --cpus 0.25 {}", cluster.running_workers()));
    scene.swath(&format!("submit {FIRST}..{} -k collatz --coordinator {address}", FIRST + numbers)).succeed();
    let victim = cluster.await_busy_worker();
    docker.say(&format!("kill {victim}"));
    until("the coordinator knows", || (cluster.workers().len() == 2).then_some(()));
    restart_in_the_midst(&mut cluster, &coordinator);
    assert_eq!(docker.say(&format!("inspect --format '{{{{.State.ExitCode}}}}' {victim}")), "137");

    let done = cluster.json("job wait 1");
    assert_eq!((&done["state"], &done["committed_numbers"]), (&json!("done"), &json!(numbers)), "{done:#}");
    scene.swath(&format!("job results 1 -o steps.csv --coordinator {}", cluster.address)).succeed();
    Rows::open(&scene.path("steps.csv")).assert_are(FIRST..=FIRST + numbers - 1, collatz);

    end_well(&cluster, &victim);
    guard(&mut cluster);
}

/// The workers stand meanwhile, or else the job might be over before anybody looks.
fn restart_in_the_midst(cluster: &mut Cluster<'_>, coordinator: &str) {
    let workers = cluster.running_workers();
    let docker = cluster.docker;
    docker.say(&format!("pause {workers}"));
    let before = until("something is committed", || {
        let job = cluster.json("job show 1");
        assert_eq!(job["state"], "running", "{job:#}");
        (job["committed_numbers"] != 0).then_some(job)
    });
    let started = docker.say(&format!("inspect --format '{{{{.State.StartedAt}}}}' {coordinator}"));
    docker.say(&format!("restart {coordinator}"));
    assert_ne!(docker.say(&format!("inspect --format '{{{{.State.StartedAt}}}}' {coordinator}")), started);
    cluster.look_up_address();
    let after = until("the coordinator is back", || {
        let show = format!("job show 1 --output json --coordinator {}", cluster.address);
        let show = cluster.scene.swath(&show).end();
        (show.code() == Some(0)).then(|| show.json())
    });
    assert_eq!(after["state"], "running", "{after:#}");
    assert!(after["committed_numbers"].as_u64() >= before["committed_numbers"].as_u64(), "{before:#}\n{after:#}");
    docker.say(&format!("unpause {workers}"));
}

/// Small, not root, one program, and as the workspace says.
fn look_at_image(docker: &Docker<'_>) {
    let image: Value = serde_json::from_str(&docker.say(&format!("image inspect {}", docker.name()))).expect("JSON");
    let config = &image[0]["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], json!(["/usr/bin/swath"]));
    assert_eq!(config["StopSignal"], "SIGTERM");
    assert_eq!(config["Volumes"], json!({"/data": {}}));
    assert_eq!(config["Labels"]["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));
    let size = image[0]["Size"].as_u64().expect("a size");
    assert!(size < 100_000_000, "{size} bytes are no small image");

    let (image, label) = (docker.name(), docker.label());
    let run =
        |options: &str, words: &str| docker.docker(&format!("run --rm --label {label} {options} {image} {words}"));
    let contained = "--read-only --cap-drop ALL --network none --tmpfs /tmp";
    assert_eq!(run(contained, "run 1..=5").assert_code(0).stdout(), "1\n4\n9\n16\n25\n");
    run("--entrypoint /bin/sh", "-c true").assert_code(127);
}

/// What the compose file asks for is what the containers have.
fn look_at_containers(cluster: &Cluster<'_>) {
    let coordinator = cluster.docker.containers("coordinator");
    let workers = cluster.docker.containers("worker");
    assert_eq!(workers.lines().count(), 3);
    for container in workers.lines().chain([coordinator.as_str()]) {
        let said = cluster.docker.say(&format!("inspect {container}"));
        let found: Value = serde_json::from_str(&said).expect("JSON");
        let host = &found[0]["HostConfig"];
        let volumes = found[0]["Mounts"].as_array().expect("a list").iter().filter(|mount| mount["Type"] == "volume");
        assert_eq!(volumes.count(), usize::from(container == coordinator), "only the coordinator keeps anything");
        assert_eq!(host["ReadonlyRootfs"], true);
        assert_eq!(host["CapDrop"], json!(["ALL"]));
        assert_eq!(host["SecurityOpt"], json!(["no-new-privileges:true"]));
        cluster.await_health(container);
    }
    let health = cluster.docker.say(&format!("exec {coordinator} swath health 127.0.0.1:7172"));
    assert_eq!(health, "serving");
    assert!(cluster.address.starts_with("127.0.0.1:"), "{} is published further", cluster.address);
}

/// Told to stop, all that still run end by themselves: none has to be killed.
fn end_well(cluster: &Cluster<'_>, victim: &str) {
    cluster.docker.compose("stop");
    let mut ended = 0;
    let all = ["coordinator", "worker"].map(|service| cluster.docker.containers(service));
    for container in
        all.iter().flat_map(|containers| containers.lines()).filter(|container| !container.starts_with(victim))
    {
        let code = cluster.docker.say(&format!("inspect --format '{{{{.State.ExitCode}}}}' {container}"));
        assert_eq!(code, "0", "{}", cluster.docker.say(&format!("logs {container} 2>&1")));
        ended += 1;
    }
    assert_eq!(ended, 3, "a coordinator and two workers");
}

/// The same cluster, on the same volume, from now on with access files.
fn guard(cluster: &mut Cluster<'_>) {
    let (scene, folder) = (cluster.scene, cluster.scene.path("access"));
    scene.swath("access create access --address coordinator:7171").succeed();
    // The user of the containers is none of this machine's.
    scene.bash("chmod 644 access/coordinator.toml access/worker.toml").succeed();
    cluster.docker.compose_with_access(&folder, "up --detach --no-build --scale worker=1");
    cluster.look_up_address();
    let at = cluster.address.clone();
    let swath = |arguments: &str| scene.swath(&format!("{arguments} --coordinator {at}"));
    until("its worker has joined", || {
        let list = swath("worker list --output json --access access/client.toml").end();
        (list.code() == Some(0) && list.json().as_array().is_some_and(|all| all.len() == 1)).then_some(())
    });
    assert_ne!(swath("job list").end().code(), Some(0), "nobody is let in without an access file");
    swath("job show 1 --access access/client.toml").succeed();
    swath("submit 1..=1000 --wait --access access/client.toml").succeed();
}
