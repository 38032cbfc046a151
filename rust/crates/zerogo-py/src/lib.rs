//! `zerogo._native`: the Python face of the native data plane. Bytes and small tuples only; frames never come here.
//!
//! `zerogo.dataplane.native` makes `IDataplane` of it. The threads never touch the interpreter: upcalls wait in a queue
//! with an eventfd, and every call that could wait (open, close) lets the interpreter go.

#![forbid(unsafe_op_in_unsafe_fn)]

mod relay;

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use zerogo_core::aead::Suite;
use zerogo_core::counter::NAMES;
use zerogo_core::endpoint::{Endpoint, MAIN_SOCKET, NodeId, Place, Route};
use zerogo_core::gate::{DESTINATIONS_LIMIT, Filter, RULES_LIMIT, Rule};
use zerogo_core::peer::{Path, Plan};
use zerogo_core::prefix::Prefix;
use zerogo_core::session::SessionParts;
use zerogo_core::shared::{Port, Switches};
use zerogo_core::source::Claims;
use zerogo_core::upcall::Upcall;
use zerogo_core::verbs::Verb;
use zerogo_io::{Plane, PlaneOptions};

type PeerRow = (u64, [u64; 5], Option<f64>, Option<f64>);

/// Peer, whether outbound, protocol, port, flows opened, frames refused.
type DecidedRow = (u64, bool, u16, u16, u64, u64);

/// An endpoint as Python spells it.
#[derive(FromPyObject)]
enum Address {
    /// Host, port, number of the socket (0: the main one of the family), channel (0: none).
    Place(String, u16, u32, u16),
    /// The raw node ids of a route.
    Route(Vec<Vec<u8>>),
}

type PathRow = (Address, usize);
/// Protocol, ports, destinations, and whether it allows.
type RuleRow = (Option<u8>, Option<(u16, u16)>, Vec<String>, bool);

const NANOS_PER_SECOND: f64 = 1e9;

/// A plane that runs until it is closed.
#[pyclass(frozen, name = "NativePlane")]
struct NativePlane {
    plane: Mutex<Option<Plane>>,
}

fn parse_ip(text: &str) -> PyResult<IpAddr> {
    text.parse().map_err(|_| PyValueError::new_err("an IP address is wanted"))
}

fn parse_endpoint(address: &Address) -> PyResult<Endpoint> {
    match address {
        Address::Place(host, port, socket, channel) => {
            let remote = SocketAddr::new(parse_ip(host)?, *port);
            Ok(Endpoint::Place(Place { socket: *socket, remote, channel: *channel }))
        }
        Address::Route(hops) => {
            let hops: Vec<NodeId> = hops.iter().map(|hop| array(hop)).collect::<PyResult<_>>()?;
            let route = Route::new(&hops).ok_or_else(|| PyValueError::new_err("a route of two or three is wanted"))?;
            Ok(Endpoint::Route(route))
        }
    }
}

fn parse_path(row: &PathRow) -> PyResult<Path> {
    Ok(Path::new(parse_endpoint(&row.0)?, row.1))
}

fn parse_prefixes(texts: &[String]) -> PyResult<Vec<Prefix>> {
    let prefix = |text: &String| Prefix::parse(text).ok_or_else(|| PyValueError::new_err("an IP prefix is wanted"));
    texts.iter().map(prefix).collect()
}

fn parse_rule((protocol, ports, destinations, allows): &RuleRow) -> PyResult<Rule> {
    let destinations = parse_prefixes(destinations)?;
    Ok(Rule { protocol: *protocol, ports: *ports, destinations, allows: *allows })
}

fn parse_rules(rows: &[RuleRow]) -> PyResult<Vec<Rule>> {
    if rows.len() > RULES_LIMIT || rows.iter().map(|row| row.2.len()).sum::<usize>() > DESTINATIONS_LIMIT {
        return Err(PyValueError::new_err("too many rules"));
    }
    rows.iter().map(parse_rule).collect()
}

fn array<const LENGTH: usize>(bytes: &[u8]) -> PyResult<[u8; LENGTH]> {
    bytes.try_into().map_err(|_| PyValueError::new_err(format!("{LENGTH} bytes are wanted")))
}

fn parse_ips(texts: &[String]) -> PyResult<Vec<IpAddr>> {
    texts.iter().map(|text| parse_ip(text)).collect()
}

impl NativePlane {
    fn push(&self, verb: Verb) {
        if let Some(plane) = &*self.plane.lock().unwrap_or_else(PoisonError::into_inner) {
            plane.push(verb);
        }
    }

    fn with<T>(&self, read: impl FnOnce(&Plane) -> T) -> Option<T> {
        self.plane.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(read)
    }
}

/// Take over a descriptor that Python hands us.
fn take_descriptor(descriptor: RawFd) -> OwnedFd {
    // SAFETY: `NativePlane(...)` and `RelayForwarder.add_socket` are documented to own the descriptors they are given
    // from the call on, whether it succeeds or not; their callers, `zerogo.dataplane.native` and `zerogo.net.turn_native`,
    // pass each once and forget it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

#[pymethods]
impl NativePlane {
    /// Take over the descriptors, which must be open, and start; `switches` are those of `Offloads`, in order.
    #[new]
    #[pyo3(signature = (tap_fd, udp_fds, node_id, mac1_key, mac, addresses, mtu, is_bridge, switches))]
    #[expect(clippy::too_many_arguments, reason = "the settings of a plane, spelt out for Python")]
    fn new(
        py: Python<'_>,
        tap_fd: RawFd,
        udp_fds: Vec<RawFd>,
        node_id: &[u8],
        mac1_key: &[u8],
        mac: &[u8],
        addresses: Vec<String>,
        mtu: usize,
        is_bridge: bool,
        switches: [bool; 6],
    ) -> PyResult<Self> {
        if tap_fd < 0 || udp_fds.iter().any(|descriptor| *descriptor < 0) {
            return Err(PyValueError::new_err("open descriptors are wanted"));
        }
        let tap = take_descriptor(tap_fd);
        let sockets = udp_fds.into_iter().map(take_descriptor).collect();
        let (node_id, mac1_key, mac) = (array(node_id)?, array(mac1_key)?, array(mac)?);
        let port = Port { node_id, mac1_key, mac, addresses: parse_ips(&addresses)?, mtu, is_bridge };
        let [tap_tso, tap_uso, tap_gso_write, udp_gso, udp_gro, checksum_elision] = switches;
        let switches = Switches { tap_tso, tap_uso, tap_gso_write, udp_gso, udp_gro, checksum_elision };
        let plane = py
            .detach(|| Plane::open(PlaneOptions { tap, sockets, port, switches }))
            .map_err(|error| PyOSError::new_err((error.raw_os_error(), error.to_string())))?;
        Ok(Self { plane: Mutex::new(Some(plane)) })
    }

    /// A descriptor that is readable while upcalls wait; -1 once closed.
    fn wakeup_fd(&self) -> RawFd {
        self.with(Plane::wakeup_descriptor).unwrap_or(-1)
    }

    /// Take up to `limit` upcalls: tuples whose first item is their name.
    fn poll_upcalls<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let upcalls = self.with(|plane| plane.take_upcalls(limit)).unwrap_or_default();
        upcalls.into_iter().map(|upcall| upcall_tuple(py, upcall)).collect()
    }

    fn set_peer(
        &self,
        peer: u64,
        node_id: &[u8],
        mac: &[u8],
        addresses: Vec<String>,
        subnets: Vec<String>,
        is_bridge: bool,
    ) -> PyResult<()> {
        let claims = Claims { addresses: parse_ips(&addresses)?, subnets: parse_prefixes(&subnets)?, is_bridge };
        self.push(Verb::SetPeer(peer, array(node_id)?, array(mac)?, claims));
        Ok(())
    }

    fn remove_peer(&self, peer: u64) {
        self.push(Verb::RemovePeer(peer));
    }

    /// Hold a peer's frames against rules, those outbound and those inbound; None lets everything pass.
    fn set_filter(&self, peer: u64, rules: Option<(Vec<RuleRow>, Vec<RuleRow>)>) -> PyResult<()> {
        let parse = |(outbound, inbound): (Vec<RuleRow>, Vec<RuleRow>)| {
            Ok::<_, PyErr>(Filter { outbound: parse_rules(&outbound)?, inbound: parse_rules(&inbound)? })
        };
        self.push(Verb::SetFilter(peer, rules.map(parse).transpose()?));
        Ok(())
    }

    fn set_decision_log(&self, is_on: bool) {
        self.push(Verb::SetDecisionLog(is_on));
    }

    /// What filters decided since this was asked last.
    fn take_decisions(&self) -> Vec<DecidedRow> {
        let rows = self.with(Plane::take_decisions).unwrap_or_default();
        rows.into_iter()
            .map(|row| (row.peer, row.is_outbound, row.protocol, row.port, row.opened, row.refused))
            .collect()
    }

    #[expect(clippy::too_many_arguments, reason = "the keys of a session, spelt out for Python")]
    fn add_session(
        &self,
        peer: u64,
        local_index: u32,
        remote_index: u32,
        send_key: &[u8],
        receive_key: &[u8],
        suite: u8,
        is_initiator: bool,
    ) -> PyResult<()> {
        let suite = Suite::from_number(suite).ok_or_else(|| PyValueError::new_err("an unknown suite"))?;
        let (send_key, receive_key) = (array::<32>(send_key)?.into(), array::<32>(receive_key)?.into());
        let parts = SessionParts { local_index, remote_index, send_key, receive_key, suite, is_initiator };
        self.push(Verb::AddSession(peer, parts));
        Ok(())
    }

    fn retire_session(&self, local_index: u32) {
        self.push(Verb::RetireSession(local_index));
    }

    /// Send a peer's datagrams so: the best path, that of copies, others to spread flows over, that of late copies, that
    /// of what is carried for others; no path holds them back.
    fn set_path(
        &self,
        peer: u64,
        best: Option<PathRow>,
        twin: Option<PathRow>,
        spread: Vec<PathRow>,
        late: Option<PathRow>,
        hop: Option<PathRow>,
    ) -> PyResult<()> {
        let best = best.as_ref().map(parse_path).transpose()?;
        let twin = twin.as_ref().map(parse_path).transpose()?;
        let late = late.as_ref().map(parse_path).transpose()?;
        let hop = hop.as_ref().map(parse_path).transpose()?;
        let spread = spread.iter().map(parse_path).collect::<PyResult<Vec<Path>>>()?;
        self.push(Verb::SetPath(peer, best.map(|best| Box::new(Plan { best, twin, spread, late, hop }))));
        Ok(())
    }

    fn set_forwarding(&self, bytes_per_second: u64) {
        self.push(Verb::SetForwarding(bytes_per_second));
    }

    /// Take over a bound, non-blocking UDP socket.
    fn add_side_socket(&self, number: u32, fd: RawFd) -> PyResult<()> {
        if fd < 0 || number == MAIN_SOCKET {
            return Err(PyValueError::new_err("an open descriptor and a number from 1 up are wanted"));
        }
        let socket = take_descriptor(fd);
        self.with(|plane| plane.add_side_socket(number, socket));
        Ok(())
    }

    fn remove_side_socket(&self, number: u32) {
        self.with(|plane| plane.remove_side_socket(number));
    }

    fn send_datagram(&self, destination: Address, payload: &[u8]) -> PyResult<()> {
        self.push(Verb::SendDatagram(parse_endpoint(&destination)?, payload.to_vec()));
        Ok(())
    }

    fn send_control(&self, peer: u64, payload: &[u8], destination: Option<Address>) -> PyResult<()> {
        let destination = destination.as_ref().map(parse_endpoint).transpose()?;
        self.push(Verb::SendControl(peer, payload.to_vec(), destination));
        Ok(())
    }

    /// The values of all counters, in the order of `COUNTERS`, and the switches as they stand.
    fn counters(&self) -> (Vec<u64>, [bool; 6]) {
        let snapshot = self.with(|plane| (plane.counters().to_vec(), plane.switches()));
        let (values, switches) = match snapshot {
            Some((values, switches)) => (values, Some(switches)),
            None => (vec![0; NAMES.len()], None),
        };
        let list = |s: Switches| [s.tap_tso, s.tap_uso, s.tap_gso_write, s.udp_gso, s.udp_gro, s.checksum_elision];
        (values, switches.map_or([false; 6], list))
    }

    /// Per peer: number; bytes in and out, datagrams in and out, bytes carried on; seconds since the last one came and of
    /// the session.
    fn peer_counters(&self) -> Vec<PeerRow> {
        let rows = self.with(Plane::peer_rows).unwrap_or_default();
        let seconds = |age: Option<u64>| age.map(|nanos| nanos as f64 / NANOS_PER_SECOND);
        rows.into_iter()
            .map(|row| (row.number, row.counts, seconds(row.last_receive_age), seconds(row.session_age)))
            .collect()
    }

    /// Carry out the verbs that wait and end; may be called twice.
    fn close(&self, py: Python<'_>) {
        let plane = self.plane.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(move || drop(plane));
    }
}

/// The tuple that `Address` is read from; where the node ids of a route are, it is a list of them.
fn spell<'py>(py: Python<'py>, endpoint: &Endpoint) -> PyResult<Bound<'py, PyAny>> {
    match endpoint {
        Endpoint::Place(Place { socket, remote, channel }) => {
            let tuple = (remote.ip().to_string(), remote.port(), *socket, *channel).into_pyobject(py)?;
            Ok(tuple.into_any())
        }
        Endpoint::Route(route) => {
            let hops: Vec<_> = route.hops().iter().map(|hop| PyBytes::new(py, hop)).collect();
            hops.into_pyobject(py)
        }
    }
}

fn upcall_tuple<'py>(py: Python<'py>, upcall: Upcall) -> PyResult<Bound<'py, PyTuple>> {
    match upcall {
        Upcall::DatagramReceived(source, payload) => {
            ("datagram", spell(py, &source)?, PyBytes::new(py, &payload)).into_pyobject(py)
        }
        Upcall::ControlReceived(peer, source, payload) => {
            ("control", peer, spell(py, &source)?, PyBytes::new(py, &payload)).into_pyobject(py)
        }
        Upcall::SessionConfirmed(peer, local_index) => ("confirmed", peer, local_index).into_pyobject(py),
        Upcall::RekeyDue(peer) => ("rekey", peer).into_pyobject(py),
        Upcall::PeerRoamed(peer, source) => ("roamed", peer, spell(py, &source)?).into_pyobject(py),
        Upcall::PathRefused(peer, errno) => ("refused", peer, errno).into_pyobject(py),
        Upcall::Fault(reason) => ("fault", reason).into_pyobject(py),
    }
}

/// The native data plane of ZeroGo.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("COUNTERS", PyTuple::new(module.py(), NAMES)?)?;
    module.add("RELAY_TALLY", PyTuple::new(module.py(), relay::TALLY)?)?;
    module.add_class::<relay::RelayForwarder>()?;
    module.add_class::<NativePlane>()
}
