//! The manifests of `deploy/kubernetes`: each renders, fits the schemas of the API, and keeps the rules of the project.

use std::{
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
    // Rules that nothing can break are no rules.
    assert!(said["mistakes"].as_u64() > Some(100), "{said:#}");
    assert_eq!(said["unnoticed"], json!([]));
}

fn name(folder: &str) -> &str {
    folder.rsplit_once('/').map_or(folder, |(_, name)| name)
}
