//! Two hosts with a link between them: network namespaces where the kernel can slow them, or else a relay.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::process::Place;

/// In bytes a second, each way: 1 Gbit/s.
const RATE: f64 = 125e6;
/// One way; a round trip takes twice as long.
const DELAY: Duration = Duration::from_millis(10);

/// A benchmark's own addresses (RFC 2544).
const NEAR: &str = "198.18.77.1";
const FAR: &str = "198.18.77.2";
const NAMES: [&str; 2] = ["swath-bench-near", "swath-bench-far"];

/// Two network namespaces and a pair of interfaces between them; gone when it is dropped.
pub(crate) struct Namespaces;

impl Namespaces {
    /// Whether this machine can: it takes root, `ip` and `tc`, and a kernel with netem. Otherwise why not.
    pub(crate) fn probe() -> Result<()> {
        Self::open(true).map(drop)
    }

    /// Opens both; with 1 Gbit/s and 20 ms a round trip between them, or without limit.
    pub(crate) fn open(is_limited: bool) -> Result<Self> {
        // From here on, a drop clears what there is.
        let namespaces = Self;
        let [near, far] = NAMES;
        run(&format!("ip netns add {near}"))?;
        run(&format!("ip netns add {far}"))?;
        run(&format!("ip -n {near} link add swath0 type veth peer name swath0 netns {far}"))?;
        for (name, address) in [(near, NEAR), (far, FAR)] {
            run(&format!("ip -n {name} link set lo up"))?;
            run(&format!("ip -n {name} address add {address}/30 dev swath0"))?;
            run(&format!("ip -n {name} link set swath0 up"))?;
            if is_limited {
                let delay = DELAY.as_millis();
                run(&format!("tc -n {name} qdisc add dev swath0 root netem limit 100000 delay {delay}ms rate 1gbit"))?;
            }
        }
        Ok(namespaces)
    }

    /// Where the coordinator and its clients are.
    pub(crate) fn near(&self) -> Place {
        place(NAMES[0])
    }

    /// Where the worker is.
    pub(crate) fn far(&self) -> Place {
        place(NAMES[1])
    }

    /// The address to listen at.
    pub(crate) fn listen(&self) -> String {
        format!("{NEAR}:7171")
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in NAMES {
            let _ = run(&format!("ip netns del {name}"));
        }
    }
}

fn place(name: &str) -> Place {
    Place { prefix: ["ip", "netns", "exec", name].map(str::to_owned).to_vec() }
}

fn run(line: &str) -> Result<()> {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    let output =
        command.args(words).stdin(Stdio::null()).output().with_context(|| format!("`{line}` cannot be started"))?;
    if !output.status.success() {
        bail!("`{line}` says: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// A relay on loopback that passes bytes on as a link would: late, and no faster than its rate. It ends when it is
/// dropped and its connections are closed.
pub(crate) struct Relay {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Relay {
    /// Relays to `target`; with 1 Gbit/s and 20 ms a round trip, or without limit.
    pub(crate) fn start(target: &str, is_limited: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, stop) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let (target, stopped) = (target.to_owned(), Arc::clone(&stop));
        let directions = [Direction::new(is_limited), Direction::new(is_limited)];
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // A connection that fails is closed: its peer sees that.
                let _ = join(&near, &target, &directions);
            }
        });
        Ok(Self { address, stop })
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn join(near: &TcpStream, target: &str, directions: &[Direction; 2]) -> std::io::Result<()> {
    let far = TcpStream::connect(target)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    directions[0].pass(near.try_clone()?, far.try_clone()?);
    directions[1].pass(far, near.try_clone()?);
    Ok(())
}

const BUFFER: usize = 64 << 10;
/// Buffers on the way in one connection: more than the rate times the delay.
const ON_THE_WAY: usize = 64;

/// One direction of the link; all connections share its rate.
#[derive(Clone)]
struct Direction {
    is_limited: bool,
    free_from: Arc<Mutex<Instant>>,
}

impl Direction {
    fn new(is_limited: bool) -> Self {
        Self { is_limited, free_from: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Passes bytes on until one end closes.
    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let (send, receive) = mpsc::sync_channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
        let link = self.clone();
        thread::spawn(move || {
            let mut buffer = vec![0; BUFFER];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if send.send((link.arrival(length), buffer[..length].to_vec())).is_err() {
                    return;
                }
            }
        });
        thread::spawn(move || {
            for (arrival, bytes) in receive {
                thread::sleep(arrival.saturating_duration_since(Instant::now()));
                if to.write_all(&bytes).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(std::net::Shutdown::Both);
        });
    }

    /// When so many bytes, sent now, are all there.
    fn arrival(&self, bytes: usize) -> Instant {
        let now = Instant::now();
        if !self.is_limited {
            return now;
        }
        let mut free_from = self.free_from.lock().unwrap_or_else(PoisonError::into_inner);
        *free_from = now.max(*free_from) + Duration::from_secs_f64(bytes as f64 / RATE);
        *free_from + DELAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_relay_is_late_and_loses_nothing() {
        let echo = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::start(&echo.local_addr().unwrap().to_string(), true).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = echo.accept().unwrap();
            std::io::copy(&mut stream.try_clone().unwrap(), &mut stream).unwrap();
        });
        let mut stream = TcpStream::connect(relay.address()).unwrap();
        let begun = Instant::now();
        stream.write_all(b"there and back").unwrap();
        let mut answer = [0; 14];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"there and back");
        assert!(begun.elapsed() >= 2 * DELAY);
    }
}
