//! A server of S3 that is not ours.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Coordinator, Process, Proxy, Scene, until};

/// A server of S3 that runs in a scene, with one bucket, `results`; it checks who asks.
pub struct S3Server<'scene> {
    scene: &'scene Scene,
    process: Process<'scene>,
    endpoint: String,
    key: String,
    secret: String,
}

impl<'scene> S3Server<'scene> {
    /// Starts it at a free port.
    #[track_caller]
    pub fn start(scene: &'scene Scene) -> Self {
        let mut process = scene.python_script("s3_server.py").start();
        let said: Value = until("the server of S3 serves", || {
            assert!(process.is_running(), "the server of S3 ended instead of serving");
            serde_json::from_str(process.stdout().strip_suffix('\n')?).ok()
        });
        let text = |name: &str| said[name].as_str().expect("a text").to_owned();
        Self { scene, process, endpoint: text("endpoint"), key: text("key"), secret: text("secret") }
    }

    /// Where it listens, as `http://host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its process.
    pub fn process(&self) -> &Process<'scene> {
        &self.process
    }

    /// What must not be seen anywhere.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// A network between it and a coordinator.
    pub fn proxy(&self) -> Proxy {
        Proxy::start(self.endpoint.trim_start_matches("http://"))
    }

    /// The variables that lead to it, through a proxy if there is one, for the program `env`.
    pub fn variables(&self, proxy: Option<&Proxy>) -> Vec<String> {
        let endpoint = proxy.map_or_else(|| self.endpoint.clone(), |proxy| format!("http://{}", proxy.address()));
        vec![
            format!("AWS_ENDPOINT_URL={endpoint}"),
            "AWS_ALLOW_HTTP=true".to_owned(),
            "AWS_REGION=us-east-1".to_owned(),
            format!("AWS_ACCESS_KEY_ID={}", self.key),
            format!("AWS_SECRET_ACCESS_KEY={}", self.secret),
        ]
    }

    /// Starts a coordinator with its results in the bucket, under the prefix `swath`; `more` are arguments.
    #[track_caller]
    pub fn coordinator(&self, more: &str) -> Coordinator<'scene> {
        self.coordinator_with(&self.variables(None), more)
    }

    /// The same with these variables.
    #[track_caller]
    pub fn coordinator_with(&self, variables: &[String], more: &str) -> Coordinator<'scene> {
        let prefix: Vec<&str> = std::iter::once("env").chain(variables.iter().map(String::as_str)).collect();
        self.scene.coordinator_under(&prefix, &format!("--store s3://results/swath {more}"))
    }

    /// The sizes of all objects of the bucket, by their names.
    #[track_caller]
    pub fn objects(&self) -> BTreeMap<String, u64> {
        let listed = self.ask(&["list"]);
        let listed = listed.as_object().expect("names and sizes").iter();
        listed.map(|(name, size)| (name.clone(), size.as_u64().expect("a size"))).collect()
    }

    /// What `python/s3.py` says.
    #[track_caller]
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let access = [self.endpoint.as_str(), &self.key, &self.secret];
        self.scene.python("s3.py", access.into_iter().chain(arguments.iter().copied()))
    }
}
