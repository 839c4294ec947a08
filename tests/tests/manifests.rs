//! The manifests of `deploy/kubernetes`: each renders, fits the schemas of the API, and keeps the rules of the project.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use swath_tests::Scene;

/// What is rendered, and some of what must be in it.
const FOLDERS: [(&str, &[&str]); 5] = [
    ("base", &["StatefulSet swath-coordinator", "Deployment swath-worker", "PodDisruptionBudget swath-worker"]),
    ("overlays/tls", &["Certificate swath-coordinator", "Certificate swath-worker", "Issuer swath"]),
    ("overlays/autoscale", &["HorizontalPodAutoscaler swath-worker"]),
    ("overlays/s3", &["NetworkPolicy swath-coordinator"]),
    ("overlays/production", &["Certificate swath-client", "HorizontalPodAutoscaler swath-worker"]),
];

fn manifests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("deploy/kubernetes")
}

/// Whether this machine has a `kubectl` whose kustomize is new enough for components in overlays.
fn renders() -> bool {
    let mut kubectl = Command::new("kubectl");
    kubectl.arg("kustomize").arg(manifests().join("overlays/tls"));
    let status = kubectl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).status();
    let version = Command::new("kubectl").args(["version", "--client", "--output=json"]).output();
    // An old one is no fault of the manifests; from this one on, whatever is said of them is.
    let minor = version.ok().and_then(|said| serde_json::from_slice::<Value>(&said.stdout).ok()).and_then(|said| {
        let minor = said["clientVersion"]["minor"].as_str()?;
        minor.trim_end_matches('+').parse::<u32>().ok()
    });
    if minor.is_some_and(|minor| minor >= 27) {
        assert!(status.expect("it was there a moment ago").success(), "overlays/tls is not rendered");
        return true;
    }
    eprintln!("\nSKIPPED: there is no `kubectl` of 1.27 or newer; the manifests for Kubernetes were NOT rendered\n");
    false
}

#[test]
fn the_manifests_render_and_keep_the_rules() {
    if !renders() {
        return;
    }
    let scene = Scene::new("manifests");
    let help =
        "mkdir help && for it in 'coordinator start' 'worker start'; do $SWATH $it --help > help/${it/ /-}; done";
    scene.bash(help).succeed();
    let mut files = Vec::new();
    for (folder, _) in FOLDERS {
        let file = scene.path(format!("{}.yaml", name(folder)));
        scene.bash(&format!("kubectl kustomize '{}/{folder}' > '{}'", manifests().display(), file.display())).succeed();
        files.push(file);
    }
    files.push(render_guide(&scene));
    let help = scene.path("help");
    let version = PathBuf::from(env!("CARGO_PKG_VERSION"));
    let said = scene.python("manifests.py", [&version, &help].into_iter().chain(&files));
    for (folder, wanted) in FOLDERS {
        let name = name(folder);
        assert_eq!(said["complaints"][name], json!([]), "{folder}");
        let objects = said["objects"][name].as_array().expect("a list");
        for wanted in wanted {
            assert!(objects.contains(&json!(wanted)), "{folder} has no {wanted}: {objects:?}");
        }
    }
    // What the guide shows belongs into a namespace, and adds one policy to those that are there.
    let complaints = said["complaints"]["guide"].as_array().expect("a list").iter();
    let own: Vec<_> =
        complaints.filter(|it| !it.as_str().is_some_and(|it| it.ends_with("names a namespace"))).collect();
    assert_eq!(own, ["NetworkPolicy swath-clients: leaves one direction open"]);

    // Rules that nothing can break are no rules.
    assert!(said["mistakes"].as_u64() > Some(100), "{said:#}");
    assert_eq!(said["unnoticed"], json!([]));
}

/// The overlay and the objects that `docs/kubernetes.md` shows, together.
fn render_guide(scene: &Scene) -> PathBuf {
    let root = manifests().ancestors().nth(2).expect("the workspace").to_owned();
    let guide = fs::read_to_string(root.join("docs/kubernetes.md")).expect("the guide");
    let blocks: Vec<_> = guide.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [overlay, objects] = blocks.as_slice() else { panic!("the guide has {} blocks of YAML", blocks.len()) };
    fs::create_dir(scene.path("my-swath")).expect("a folder");
    fs::write(scene.path("my-swath/kustomization.yaml"), overlay).expect("a file");
    symlink(root, scene.path("swath")).expect("a link");
    fs::write(scene.path("objects.yaml"), objects).expect("a file");
    scene.bash("kubectl kustomize my-swath > guide.yaml && (echo ---; cat objects.yaml) >> guide.yaml").succeed();
    scene.path("guide.yaml")
}

fn name(folder: &str) -> &str {
    folder.rsplit_once('/').map_or(folder, |(_, name)| name)
}
