//! The ssh of the system, and a conversation over it.
//!
//! It is the program itself that is run, once for each host, and its configuration, agent and known hosts count. The
//! crate `openssh` would be at hand, but it overrides what the configuration says of unknown host keys, takes no
//! further options, and puts a master process into the background that stays when its parent is killed; a launcher
//! that is attached must leave nothing behind.

use std::{
    ffi::OsString,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    failure::{self, Failure},
    heard::{Heard, TooLong},
    host::Host,
    report::Report,
    script::{Script, bootstrap},
};

/// How often ssh probes the connection, and how many probes may remain unanswered.
const ALIVE_INTERVAL: Duration = Duration::from_secs(15);
const ALIVE_COUNT: u32 = 3;

/// How many bytes a host may print before a report.
const MOST_NOISE: usize = 4 << 20;

/// How many of the last bytes of ssh's messages are kept.
const KEPT_BYTES: usize = 16 << 10;

/// How long to wait for the end of what ssh says when it has ended itself: a proxy command that it started can stay,
/// with the same standard error.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// How much is written at once.
const PIECE_BYTES: usize = 256 << 10;

/// How ssh is called.
#[derive(Debug, Clone)]
pub struct Ssh {
    /// Its configuration, instead of the user's (`ssh -F`).
    pub config: Option<PathBuf>,
    /// Options as in its configuration (`ssh -o`), which count more than anything else.
    pub options: Vec<String>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
}

impl Ssh {
    /// The program and its arguments, but for the command of the host.
    pub(crate) fn words(&self, host: &Host) -> Vec<OsString> {
        let mut words: Vec<OsString> = ["ssh", "-T"].map(Into::into).into();
        if let Some(config) = &self.config {
            words.extend(["-F".into(), config.into()]);
        }
        // Of an option that is given several times, the first counts.
        let options = self.options.iter().cloned().chain([
            // Nobody could answer a question.
            "BatchMode=yes".to_owned(),
            format!("ConnectTimeout={}", self.connect_timeout.as_secs().max(1)),
            format!("ServerAliveInterval={}", ALIVE_INTERVAL.as_secs()),
            format!("ServerAliveCountMax={ALIVE_COUNT}"),
            // ssh reports why it ends, and nothing else.
            "LogLevel=INFO".to_owned(),
            // What a configuration has for people at a terminal. A connection that is shared already is used, but none
            // is left open.
            "ControlMaster=no".to_owned(),
            "ClearAllForwardings=yes".to_owned(),
            "RemoteCommand=none".to_owned(),
            "PermitLocalCommand=no".to_owned(),
            "EscapeChar=none".to_owned(),
        ]);
        for option in options {
            words.extend(["-o".into(), option.into()]);
        }
        if let Some(user) = host.user() {
            words.extend(["-l".into(), user.into()]);
        }
        if let Some(port) = host.port() {
            words.extend(["-p".into(), port.to_string().into()]);
        }
        words.extend(["--".into(), host.name().into()]);
        words
    }
}

/// One run of ssh: a script at the other end, and what it reports.
pub(crate) struct Conversation {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    complaints: Complaints,
    heard: Heard,
    /// How long may pass with nothing heard or nothing taken.
    patience: Duration,
}

impl Conversation {
    /// Connects and sends the script.
    pub(crate) async fn open(ssh: &Ssh, host: &Host, script: &Script, patience: Duration) -> Result<Self, Failure> {
        let text = script.text();
        let mut words = ssh.words(host).into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        // With the words of one language, and the system's words on the other side too, where ssh passes it on.
        command.args(words).arg(bootstrap(&text)).env("LC_ALL", "C").kill_on_drop(true);
        // Ctrl-C is for the launcher, which ends its conversations in order.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| Failure::NoSsh { reason: error.to_string() })?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(Failure::NoSsh { reason: "it has no pipes".to_owned() });
        };
        let complaints = Complaints::read(stderr);
        let mut conversation = Self { child, stdin, stdout, complaints, heard: Heard::default(), patience };
        // If this fails, ssh reports a better reason.
        let _ = conversation.stdin.write_all(text.as_bytes()).await;
        Ok(conversation)
    }

    /// The next report; an error if the conversation is over, or no report comes for too long or amid too much else.
    pub(crate) async fn next(&mut self) -> Result<Report, Failure> {
        match timeout(self.patience, self.hear(MOST_NOISE)).await {
            Ok(report) => report,
            Err(_) => Err(self.silent()),
        }
    }

    /// The next report, however long it takes.
    pub(crate) async fn listen(&mut self) -> Result<Report, Failure> {
        self.hear(usize::MAX).await
    }

    async fn hear(&mut self, most_noise: usize) -> Result<Report, Failure> {
        loop {
            // Reading may be cancelled and resumed: what was read is kept.
            if let Some(report) = self.take_heard()? {
                return Ok(report);
            }
            if self.heard.noise_since_report() > most_noise {
                let printed = self.heard.last_noise();
                return Err(Failure::Broken {
                    reason: format!("the host prints without end; the last line: {printed}"),
                });
            }
            let mut bytes = [0; 4096];
            match self.stdout.read(&mut bytes).await {
                Ok(0) | Err(_) => return Err(self.last_words().await),
                Ok(count) => self.heard.add(bytes.get(..count).unwrap_or(&bytes)),
            }
        }
    }

    /// Sends bytes that the script waits for; the report that came meanwhile, if one did, says that it wants no more.
    pub(crate) async fn supply(&mut self, mut bytes: &[u8]) -> Result<Option<Report>, Failure> {
        while !bytes.is_empty() {
            let piece = bytes.get(..PIECE_BYTES).unwrap_or(bytes);
            let mut heard = [0; 4096];
            let (stdin, stdout) = (&mut self.stdin, &mut self.stdout);
            let step = timeout(self.patience, async {
                tokio::select! {
                    biased;
                    count = stdout.read(&mut heard) => count.map(|count| (count, None)),
                    count = stdin.write(piece) => count.map(|count| (0, Some(count))),
                }
            });
            match step.await {
                Err(_) => return Err(self.silent()),
                Ok(Ok((_, Some(written)))) => bytes = bytes.get(written..).unwrap_or_default(),
                // The script reads no more.
                Ok(Ok((0, None)) | Err(_)) => return self.next().await.map(Some),
                Ok(Ok((count, None))) => {
                    self.heard.add(heard.get(..count).unwrap_or(&heard));
                    if let Some(report) = self.take_heard()? {
                        return Ok(Some(report));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The next report of what has been read.
    fn take_heard(&mut self) -> Result<Option<Report>, Failure> {
        let too_long = |TooLong| Failure::Broken { reason: "the host sends a report that is too long".to_owned() };
        self.heard.take_report().map_err(too_long)
    }

    fn silent(&self) -> Failure {
        Failure::Silent { patience: self.patience, printed: self.heard.last_noise() }
    }

    /// Says that we are still here.
    pub(crate) async fn beat(&mut self) {
        let _ = timeout(self.patience, self.stdin.write_all(b"\n")).await;
    }

    /// Closes the standard input of the other side, and waits for what it says to that.
    pub(crate) async fn close(self) {
        let Self { stdin, mut child, mut stdout, patience, .. } = self;
        drop(stdin);
        let _ = timeout(patience, async {
            let mut rest = [0; 4096];
            while let Ok(1..) = stdout.read(&mut rest).await {}
            child.wait().await
        })
        .await;
    }

    /// Why it is over, from what ssh said last.
    async fn last_words(&mut self) -> Failure {
        let ended = timeout(self.patience, self.child.wait()).await;
        let complaints = self.complaints.all().await;
        let code = ended.ok().and_then(Result::ok).and_then(|status| status.code());
        failure::of_ssh(code, &complaints, &self.heard.last_noise())
    }
}

/// What ssh writes to its standard error: the end of it.
struct Complaints {
    kept: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl Complaints {
    fn read(mut stderr: ChildStderr) -> Self {
        let kept = Arc::<Mutex<Vec<u8>>>::default();
        let keep = Arc::clone(&kept);
        let reading = tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut bytes).await {
                let mut kept = keep.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(bytes.get(..count).unwrap_or(&bytes));
                let excess = kept.len().saturating_sub(KEPT_BYTES);
                kept.drain(..excess);
            }
        });
        Self { kept, reading }
    }

    /// All that was said; of one that does not end, what was said so far.
    async fn all(&mut self) -> String {
        let _ = timeout(AFTERWARDS, &mut self.reading).await;
        String::from_utf8_lossy(&self.kept.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Drop for Complaints {
    fn drop(&mut self) {
        self.reading.abort();
    }
}
