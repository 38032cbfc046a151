//! A running plane: its descriptors, its threads, and the verbs on their way to them.

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use zerogo_core::counter::{Counter, NAMES};
use zerogo_core::decisions::Decided;
use zerogo_core::egress::Egress;
use zerogo_core::ingress::Ingress;
use zerogo_core::shared::{Port, Shared, Switches};
use zerogo_core::time::{NEVER, Nanos};
use zerogo_core::upcall::{Bell, Upcall};
use zerogo_core::verbs::Verb;

use crate::clock::Clock;
use crate::event::Event;
use crate::orders::{Order, Post, VerbQueue};
use crate::receive::Receiver;
use crate::send::{Sender, Thread, can_segment};
use crate::sockets::{Sockets, set_option};
use crate::tap::Tap;
use crate::threads::{Halves, STOP};
use crate::work::{Inward, Outward};

const NICENESS: i32 = -10;
/// The shortest that Linux grants.
const SLICE: Nanos = 100_000;
/// What comes in while our thread waits for a core. The queue that decides is the plane's own, so this one may be long.
const TAP_QUEUE_FRAMES: i32 = 1024;

/// What a plane is opened with; it owns the descriptors.
pub struct PlaneOptions {
    /// A TAP opened with IFF_NO_PI | IFF_VNET_HDR, non-blocking.
    pub tap: OwnedFd,
    /// Bound, non-blocking UDP sockets, one per address family.
    pub sockets: Vec<OwnedFd>,
    /// Our end of the segment.
    pub port: Port,
    /// What may be used; what is used is what the kernel can do of it.
    pub switches: Switches,
}

/// A bell that several hold.
struct SharedBell(Arc<Event>);

impl Bell for SharedBell {
    fn ring(&self) {
        self.0.ring();
    }

    fn silence(&self) {
        self.0.silence();
    }
}

/// What a peer was counted; times are nanoseconds ago, `None` for never.
#[derive(Clone, Copy, Debug)]
pub struct PeerRow {
    /// Its number.
    pub number: u64,
    /// Bytes in and out, datagrams in and out, bytes carried on for others.
    pub counts: [u64; 5],
    /// Since the last authentic datagram.
    pub last_receive_age: Option<Nanos>,
    /// Of the current session.
    pub session_age: Option<Nanos>,
}

/// Two threads that move frames between a TAP and the data sockets, until it is closed or dropped.
pub struct Plane {
    shared: Arc<Shared>,
    verbs: Arc<VerbQueue>,
    upcall_event: Arc<Event>,
    stop: Arc<AtomicBool>,
    stop_event: Event,
    clock: Clock,
    threads: Vec<JoinHandle<()>>,
}

impl Plane {
    /// Find out what the kernel can do, and start.
    pub fn open(options: PlaneOptions) -> io::Result<Self> {
        let PlaneOptions { tap, sockets, port, switches: wanted } = options;
        let tap = Arc::new(Tap::new(tap));
        let sockets = Arc::new(Sockets::new(sockets)?);
        let merges_udp = tap.knows_uso();
        if let Some(socket) = sockets.all().next() {
            // Where it may not be set the plane runs as well, and loses a little more to bursts.
            tap.set_queue(TAP_QUEUE_FRAMES, socket);
        }
        let granted = probe(&tap, &sockets, wanted);
        let upcall_event = Arc::new(Event::new()?);
        let shared = Arc::new(Shared::new(&port, granted, merges_udp, Box::new(SharedBell(upcall_event.clone()))));
        count_fallbacks(&shared, wanted, granted);
        let verbs = Arc::new(VerbQueue::new()?);
        let mut plane = Self {
            shared,
            verbs,
            upcall_event,
            stop: Arc::default(),
            stop_event: Event::new()?,
            clock: Clock::new(),
            threads: Vec::new(),
        };
        plane.start(&tap, &sockets)?;
        Ok(plane)
    }

    fn start(&mut self, tap: &Arc<Tap>, sockets: &Arc<Sockets>) -> io::Result<()> {
        let sender = |thread| Sender::new(sockets.clone(), self.shared.clone(), thread);
        let egress = Egress::new(self.shared.clone(), tap.clone(), sender(Thread::Outward));
        let post = Post(self.verbs.clone());
        let ingress = Ingress::new(self.shared.clone(), tap.clone(), post, sender(Thread::Inward));
        sockets.poll.add(self.stop_event.descriptor(), STOP)?;
        let outward = Outward { egress, tap: tap.clone(), sockets: sockets.clone() };
        let inward = Inward { ingress, receiver: Receiver::new(), sockets: sockets.clone() };
        let halves = Arc::new(Halves::new(outward, inward, self.verbs.clone(), self.stop.clone(), self.clock)?);
        let other = halves.clone();
        self.spawn("zerogo-out", move || halves.run_outward())?;
        self.spawn("zerogo-in", move || other.run_inward())
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> io::Result<()> {
        let shared = self.shared.clone();
        let body = move || {
            block_signals();
            go_first();
            // Whatever it is, the agent must hear of it: a plane that fell silent would look like a dead network.
            let reason = match catch_unwind(AssertUnwindSafe(run)) {
                Ok(Ok(())) => return,
                Ok(Err(reason)) => reason,
                Err(panic) => panic_text(panic.as_ref()),
            };
            shared.upcalls.add(Upcall::Fault(reason));
        };
        self.threads.push(std::thread::Builder::new().name(name.to_owned()).spawn(body)?);
        Ok(())
    }

    /// Have a verb carried out, after those before it.
    pub fn push(&self, verb: Verb) {
        self.verbs.push(Order::Verb(verb));
    }

    /// Take over a bound, non-blocking UDP socket under a number from 1 up; at most 64 at a time.
    pub fn add_side_socket(&self, number: u32, socket: OwnedFd) {
        self.verbs.push(Order::AddSideSocket(number, socket));
    }

    /// Close a side socket.
    pub fn remove_side_socket(&self, number: u32) {
        self.verbs.push(Order::RemoveSideSocket(number));
    }

    /// Readable while upcalls wait.
    pub fn wakeup_descriptor(&self) -> RawFd {
        self.upcall_event.descriptor()
    }

    /// Take up to `limit` upcalls, oldest first.
    pub fn take_upcalls(&self, limit: usize) -> Vec<Upcall> {
        self.shared.upcalls.take(limit)
    }

    /// All counters in order.
    pub fn counters(&self) -> [u64; NAMES.len()] {
        self.shared.counters()
    }

    /// The switches as they stand.
    pub fn switches(&self) -> Switches {
        self.shared.switches()
    }

    /// What each peer was counted.
    pub fn peer_rows(&self) -> Vec<PeerRow> {
        let now = self.clock.now();
        let age = |at: u64| (at != NEVER).then(|| now.saturating_sub(at));
        let row = |(number, peer): (&u64, &Arc<zerogo_core::peer::PeerShared>)| PeerRow {
            number: *number,
            counts: [&peer.bytes_in, &peer.bytes_out, &peer.datagrams_in, &peer.datagrams_out, &peer.forwarded_bytes]
                .map(|count| count.load(Ordering::Relaxed)),
            last_receive_age: age(peer.received_at.load(Ordering::Relaxed)),
            session_age: age(peer.session_added_at.load(Ordering::Relaxed)),
        };
        self.shared.peers().iter().map(row).collect()
    }

    /// What filters decided since this was asked last.
    pub fn take_decisions(&self) -> Vec<Decided> {
        self.shared.gate().take_decisions()
    }

    /// Carry out the verbs that wait, stop the threads, close the descriptors.
    pub fn close(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.verbs.event.ring();
        self.stop_event.ring();
        for thread in self.threads.drain(..) {
            // A thread that panicked has told so; there is nothing more to learn from it.
            let _ = thread.join();
        }
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.close();
    }
}

fn probe(tap: &Tap, sockets: &Sockets, wanted: Switches) -> Switches {
    let (tap_tso, tap_uso) = tap.set_offloads(wanted.tap_tso, wanted.tap_uso);
    let merge = |socket: &OwnedFd| set_option(socket, libc::SOL_UDP, libc::UDP_GRO, 1);
    let udp_gro = wanted.udp_gro && sockets.all().all(merge);
    sockets.merges.store(udp_gro, Ordering::Relaxed);
    Switches {
        tap_tso,
        tap_uso,
        tap_gso_write: wanted.tap_gso_write && tap.takes_super_frames(),
        udp_gso: wanted.udp_gso && can_segment(sockets),
        udp_gro,
        checksum_elision: wanted.checksum_elision,
    }
}

fn count_fallbacks(shared: &Shared, wanted: Switches, granted: Switches) {
    let pairs = [
        (Counter::FallbackTapTso, wanted.tap_tso, granted.tap_tso),
        (Counter::FallbackTapUso, wanted.tap_uso, granted.tap_uso),
        (Counter::FallbackTapGsoWrite, wanted.tap_gso_write, granted.tap_gso_write),
        (Counter::FallbackUdpGso, wanted.udp_gso, granted.udp_gso),
        (Counter::FallbackUdpGro, wanted.udp_gro, granted.udp_gro),
    ];
    for (counter, is_wanted, is_granted) in pairs {
        shared.sending.add(counter, usize::from(is_wanted && !is_granted));
    }
}

/// Signals are the reactor's business.
fn block_signals() {
    // SAFETY: a sigset_t of zeros is a valid place for sigfillset to fill; pthread_sigmask only reads it, and a null
    // pointer says that the old mask is not wanted.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
}

/// Packets that wait are lost or late, so these threads go before others where we may decide that. A short slice lets
/// them in at once when they wake (Linux 6.12), instead of when the slice of whoever has the core is over.
fn go_first() {
    // SAFETY: takes no pointers. 0 is the calling thread; without the privilege it fails and nothing changes.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
    // SAFETY: as above; it cannot fail for the calling thread.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: 0,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: SLICE,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: passes a pointer to a local sched_attr that says its own size; the kernel only reads it.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("a thread of the data plane panicked: {}", text.unwrap_or("no reason given"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    use super::*;

    /// A plane whose TAP is one end of a socket pair, and that other end.
    fn plane() -> (Plane, UnixDatagram) {
        let (tap, kernel) = UnixDatagram::pair().expect("a pair");
        tap.set_nonblocking(true).expect("a socket");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_nonblocking(true).expect("a socket");
        let port = Port {
            node_id: [1; 10],
            mac1_key: [0; 32],
            mac: [2, 0, 0, 0, 0, 1],
            addresses: Vec::new(),
            mtu: 1500,
            is_bridge: false,
        };
        let switches = Switches {
            tap_tso: false,
            tap_uso: false,
            tap_gso_write: false,
            udp_gso: true,
            udp_gro: true,
            checksum_elision: true,
        };
        let options = PlaneOptions { tap: tap.into(), sockets: vec![socket.into()], port, switches };
        (Plane::open(options).expect("a plane"), kernel)
    }

    fn upcall(plane: &Plane) -> Upcall {
        for _ in 0..3000 {
            if let Some(upcall) = plane.take_upcalls(1).pop() {
                return upcall;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no upcall");
    }

    #[test]
    fn a_panic_of_a_thread_is_a_fault_that_the_agent_hears_of() {
        let (mut plane, _kernel) = plane();
        plane.spawn("doomed", || panic!("on purpose: {}", 7)).expect("a thread");
        let told = "a thread of the data plane panicked: on purpose: 7";
        assert_eq!(upcall(&plane), Upcall::Fault(told.to_owned()));
        plane.close();
    }

    #[test]
    fn what_a_thread_ends_with_is_told_and_an_orderly_end_is_not() {
        let (mut plane, _kernel) = plane();
        plane.spawn("done", || Ok(())).expect("a thread");
        plane.spawn("failing", || Err("the TAP is gone".to_owned())).expect("a thread");
        assert_eq!(upcall(&plane), Upcall::Fault("the TAP is gone".to_owned()));
        plane.close();
        assert!(plane.take_upcalls(1).is_empty());
    }
}
