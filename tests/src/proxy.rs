//! A network that breaks when it is told to.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Bytes that are carried at once.
const BUFFER: usize = 64 << 10;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From a worker or a client.
    ToCoordinator,
    /// To a worker or a client.
    FromCoordinator,
}

impl Direction {
    /// Both ways.
    pub const BOTH: [Self; 2] = [Self::ToCoordinator, Self::FromCoordinator];
}

/// A network between a coordinator and those who are pointed at the proxy instead of it.
///
/// A direction that is cut behaves as on a broken wire under TCP: connections stay open, what is sent arrives nowhere,
/// and comes late once the wire is mended.
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
}

impl Proxy {
    /// Opens a port that leads to `coordinator`, given as `host:port`.
    pub fn start(coordinator: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let network = Arc::new(Network::default());
        let (coordinator, carried) = (coordinator.to_owned(), Arc::clone(&network));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let open = !carried.lock().closed;
                let Ok(stream) = stream else { break };
                match open {
                    true => carried.connect(stream, &coordinator),
                    false => break,
                }
            }
        });
        Self { address, network }
    }

    /// Where it listens, as `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on nothing arrives that is sent this way; connections stay open, and new ones are taken.
    pub fn cut(&self, direction: Direction) {
        self.network.lock().way(direction).is_cut = true;
    }

    /// From now on new connections are closed as soon as they come.
    pub fn refuse(&self) {
        self.network.lock().refuses = true;
    }

    /// Closes all connections.
    pub fn sever(&self) {
        let connections = std::mem::take(&mut self.network.lock().connections);
        connections.iter().for_each(|connection| connection.close());
        self.network.mended.notify_all();
    }

    /// Ends every cut and refusal: what was held arrives now.
    pub fn mend(&self) {
        let mut state = self.network.lock();
        state.refuses = false;
        Direction::BOTH.into_iter().for_each(|direction| state.way(direction).is_cut = false);
        self.network.mended.notify_all();
    }

    /// Flips a bit in the middle of a long stretch of what is sent this way next, so many times: of a block, and not of
    /// what is around it.
    pub fn damage(&self, direction: Direction, times: u64) {
        self.network.lock().way(direction).to_be_damaged = times;
    }

    /// How often that is still to be done.
    pub fn to_be_damaged(&self, direction: Direction) -> u64 {
        self.network.lock().way(direction).to_be_damaged
    }

    /// Bytes that have arrived this way.
    pub fn forwarded(&self, direction: Direction) -> u64 {
        self.network.lock().way(direction).forwarded
    }

    /// Bytes that were sent this way and held back by a cut, whether or not they arrived after it.
    pub fn held(&self, direction: Direction) -> u64 {
        let mut network = self.network.lock();
        let taken = network.way(direction).held;
        if !network.way(direction).is_cut {
            return taken;
        }
        // One piece of each connection is taken; what came behind it still lies in the socket.
        let unread = |connection: &Arc<Connection>| {
            let end = match direction {
                Direction::ToCoordinator => &connection.near,
                Direction::FromCoordinator => &connection.far,
            };
            rustix::io::ioctl_fionread(end).unwrap_or(0)
        };
        taken + network.connections.iter().map(unread).sum::<u64>()
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.network.lock().connections.len()
    }

    /// Connections that were refused.
    pub fn refused(&self) -> u64 {
        self.network.lock().refused
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.lock().closed = true;
        self.sever();
        // The thread that waits for connections looks up at the next one.
        let _ = TcpStream::connect(self.address);
    }
}

#[derive(Default)]
struct Network {
    state: Mutex<State>,
    /// A cut has ended, or connections were closed.
    mended: Condvar,
}

#[derive(Default)]
struct State {
    to_coordinator: Way,
    from_coordinator: Way,
    connections: Vec<Arc<Connection>>,
    refuses: bool,
    refused: u64,
    closed: bool,
}

#[derive(Default)]
struct Way {
    is_cut: bool,
    forwarded: u64,
    held: u64,
    to_be_damaged: u64,
}

/// The two ends of one connection.
struct Connection {
    near: TcpStream,
    far: TcpStream,
    is_closed: AtomicBool,
}

impl Network {
    fn connect(self: &Arc<Self>, near: TcpStream, coordinator: &str) {
        if self.lock().refuses {
            self.lock().refused += 1;
            return;
        }
        // Where no coordinator listens, a connection through the proxy breaks too.
        let Ok(far) = TcpStream::connect(coordinator) else { return };
        for end in [&near, &far] {
            end.set_nodelay(true).expect("a socket");
        }
        let connection = Arc::new(Connection { near, far, is_closed: AtomicBool::new(false) });
        self.lock().connections.push(Arc::clone(&connection));
        for direction in Direction::BOTH {
            let (network, connection) = (Arc::clone(self), Arc::clone(&connection));
            thread::spawn(move || {
                network.carry(&connection, direction);
                connection.close();
                network.lock().connections.retain(|other| !Arc::ptr_eq(other, &connection));
                network.mended.notify_all();
            });
        }
    }

    /// Carries bytes one way until either end closes.
    fn carry(&self, connection: &Connection, direction: Direction) {
        let (mut from, mut to) = match direction {
            Direction::ToCoordinator => (&connection.near, &connection.far),
            Direction::FromCoordinator => (&connection.far, &connection.near),
        };
        let mut buffer = vec![0; BUFFER];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if length == BUFFER && self.is_to_be_damaged(direction) {
                buffer[length / 2] ^= 1;
            }
            if !self.pass(connection, direction, length) || to.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    }

    /// Waits while this way is cut; false if the connection was closed meanwhile.
    fn pass(&self, connection: &Connection, direction: Direction, length: usize) -> bool {
        let mut state = self.lock();
        if state.way(direction).is_cut {
            state.way(direction).held += length as u64;
        }
        while state.way(direction).is_cut && !connection.is_closed.load(Ordering::Relaxed) {
            state = self.mended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.way(direction).forwarded += length as u64;
        !connection.is_closed.load(Ordering::Relaxed)
    }

    fn is_to_be_damaged(&self, direction: Direction) -> bool {
        let mut state = self.lock();
        let left = &mut state.way(direction).to_be_damaged;
        let is_due = *left > 0;
        *left = left.saturating_sub(1);
        is_due
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn way(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::ToCoordinator => &mut self.to_coordinator,
            Direction::FromCoordinator => &mut self.from_coordinator,
        }
    }
}

impl Connection {
    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        for end in [&self.near, &self.far] {
            // One that its peer has closed is closed already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
