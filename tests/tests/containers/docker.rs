//! The Docker engine of this machine, and what a test leaves in it: nothing.

use std::{
    env, fs,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use swath_tests::{Ended, Scene};

/// All that a test makes in the engine, by one name. It goes when this is dropped, and also when the test is killed:
/// who cleans up is a process of its own that waits for the end of this one.
pub(crate) struct Docker<'scene> {
    scene: &'scene Scene,
    name: String,
    compose: &'static str,
    janitor: Child,
}

impl<'scene> Docker<'scene> {
    /// `None` where there is no engine, or no Compose; says so.
    pub(crate) fn find(scene: &'scene Scene) -> Option<Self> {
        if !answers("docker info") {
            skip("no Docker engine answers (`docker info`)");
            return None;
        }
        let compose = ["docker compose", "docker-compose"].into_iter().find(|it| answers(&format!("{it} version")));
        let Some(compose) = compose else {
            skip("there is neither `docker compose` nor `docker-compose`");
            return None;
        };
        let name = format!("swath-test-{}", std::process::id());
        let (file, label) = (compose_file(), label(&name));
        let clean = format!(
            "cat >/dev/null; export SWATH_IMAGE={name}; \
             {compose} --project-name {name} --file '{}' down --volumes --remove-orphans --timeout 0; \
             docker ps --all --quiet --filter label={label} | xargs --no-run-if-empty docker rm --force --volumes; \
             docker rmi --force {name} {name}-rust; \
             docker image prune --force --filter label={label}",
            file.display()
        );
        let janitor = Command::new("bash")
            .args(["-c", &clean])
            // What ends the test must not end it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("bash");
        Some(Self { scene, name, compose, janitor })
    }

    /// The name of the image, and of the project.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `docker` with these words, as in a shell.
    #[track_caller]
    pub(crate) fn docker(&self, words: &str) -> Ended {
        self.scene.bash(&format!("docker {words}")).end()
    }

    /// What `docker` prints, which must succeed.
    #[track_caller]
    pub(crate) fn say(&self, words: &str) -> String {
        self.docker(words).assert_code(0).stdout().trim().to_owned()
    }

    /// What Compose prints for `deploy/compose.yaml` and these words, which must succeed.
    #[track_caller]
    pub(crate) fn compose(&self, words: &str) -> String {
        let (name, file) = (&self.name, compose_file());
        let line = format!("{} --project-name {name} --file '{}' {words}", self.compose, file.display());
        let compose = self.scene.bash(&line).env("SWATH_IMAGE", name).env("SWATH_PORT", "0");
        compose.succeed().stdout().trim().to_owned()
    }

    /// The same with `deploy/compose.access.yaml` on top, and access files in this folder.
    #[track_caller]
    pub(crate) fn compose_with_access(&self, folder: &Path, words: &str) {
        let on_top = repository().join("deploy/compose.access.yaml");
        let (name, file) = (&self.name, compose_file());
        let files = format!("--file '{}' --file '{}'", file.display(), on_top.display());
        let compose = self.scene.bash(&format!("{} --project-name {name} {files} {words}", self.compose));
        let compose = compose.env("SWATH_IMAGE", name).env("SWATH_PORT", "0");
        compose.env("SWATH_ACCESS_FOLDER", folder).succeed();
    }

    /// Builds the image of `deploy/Dockerfile` as it stands, with an image of this machine's own where it compiles.
    #[track_caller]
    pub(crate) fn build_image(&self) {
        let base = self.import_rust();
        let root = repository();
        self.say(&format!(
            "build --file '{}' --tag {} --build-arg RUST_IMAGE={base} '{}'",
            root.join("deploy/Dockerfile").display(),
            self.name,
            root.display()
        ));
    }

    /// An image that stands in for the public one with Rust on Debian, which may not be within reach: a shell and a few
    /// commands of this machine with the libraries of each, and a `cargo` that compiles nothing. It makes sure that the
    /// sources are all there, with the real one, and puts the program under test where the real one would.
    #[track_caller]
    fn import_rust(&self) -> String {
        let root = self.scene.path("rust");
        let commands = ["ldd", "cat", "chmod", "cp", "echo", "grep", "mkdir", "xargs"];
        let cargo = fs::canonicalize(env::var_os("CARGO").expect("nextest says where cargo is")).expect("cargo");
        let script = format!(
            r#"set -euo pipefail
            take() {{ cp --dereference --parents "$1" rust; (ldd "$1" || true) | (grep -o '/[^ :]*' || true) | sort -u \
                | xargs --no-run-if-empty cp --dereference --parents --target-directory=rust; }}
            mkdir -p rust/usr/local/cargo/bin rust/prebuilt rust/tmp
            for command in {commands}; do take "$(type -P $command)"; done
            take /bin/sh && take /bin/bash && take /etc/ssl/certs/ca-certificates.crt
            take '{cargo}' && mv 'rust{cargo}' rust/usr/local/cargo/bin/real-cargo
            take "$SWATH" && mv "rust$SWATH" rust/prebuilt/swath"#,
            commands = commands.join(" "),
            cargo = cargo.display(),
        );
        self.scene.bash(&script).succeed();
        let stand_in = root.join("usr/local/cargo/bin/cargo");
        let mut file = fs::File::create(&stand_in).expect("a file");
        file.write_all(STAND_IN.as_bytes()).expect("a script");
        drop(file);
        let base = format!("{}-rust", self.name);
        let path = "/usr/local/cargo/bin:/usr/local/bin:/usr/bin:/bin";
        self.scene
            .bash(&format!(
                "chmod +x '{}' && tar --directory rust --create . | \
                 docker import --change 'ENV PATH={path}' --change 'LABEL {}' - {base}",
                stand_in.display(),
                label(&self.name)
            ))
            .succeed();
        base
    }

    /// The containers of a service of the compose file, one in each line. Compose itself takes its time to say so.
    #[track_caller]
    pub(crate) fn containers(&self, service: &str) -> String {
        let [project, service] = [("project", self.name.as_str()), ("service", service)]
            .map(|(name, value)| format!("--filter label=com.docker.compose.{name}={value}"));
        self.say(&format!("ps --all --quiet --no-trunc {project} {service}"))
    }

    /// The label of containers that the test starts by itself.
    pub(crate) fn label(&self) -> String {
        label(&self.name)
    }
}

impl Drop for Docker<'_> {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}

/// What is called as `cargo` where the image is built.
const STAND_IN: &str = r#"#!/bin/sh
set -eu
if [ "$*" != "build --release --locked --package swath-cli" ]; then
    echo "nobody said what to do for: cargo $*" >&2
    exit 1
fi
CARGO_HOME=/tmp/cargo real-cargo metadata --locked --offline --no-deps --format-version 1 > /dev/null
mkdir -p target/release
cp /prebuilt/swath target/release/swath
"#;

fn label(name: &str) -> String {
    format!("swath.test={name}")
}

/// The root of the sources.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn compose_file() -> PathBuf {
    repository().join("deploy/compose.yaml")
}

fn answers(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn skip(reason: &str) {
    eprintln!("\nSKIPPED: {reason}; the image and the compose file were NOT tried\n");
}
