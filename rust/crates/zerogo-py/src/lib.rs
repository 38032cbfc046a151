//! `zerogo._native`: the Python face of the native data plane. Bytes and small tuples only; frames never come here.
//!
//! `zerogo.dataplane.native` makes `IDataplane` of it. The threads never touch the interpreter: upcalls wait in a queue
//! with an eventfd, and every call that could wait (open, close) lets the interpreter go.

#![forbid(unsafe_op_in_unsafe_fn)]

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use zerogo_core::aead::Suite;
use zerogo_core::counter::NAMES;
use zerogo_core::session::SessionParts;
use zerogo_core::shared::{Port, Switches};
use zerogo_core::upcall::Upcall;
use zerogo_core::verbs::Verb;
use zerogo_io::{Plane, PlaneOptions};

type Address = (String, u16);
type PeerRow = (u64, u64, u64, u64, u64, Option<f64>, Option<f64>);

const NANOS_PER_SECOND: f64 = 1e9;

/// A plane that runs until it is closed.
#[pyclass(frozen, name = "NativePlane")]
struct NativePlane {
    plane: Mutex<Option<Plane>>,
}

fn parse_ip(text: &str) -> PyResult<IpAddr> {
    text.parse().map_err(|_| PyValueError::new_err("an IP address is wanted"))
}

fn parse_address(address: &Address) -> PyResult<SocketAddr> {
    Ok(SocketAddr::new(parse_ip(&address.0)?, address.1))
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
    // SAFETY: `NativePlane(...)` is documented to own the descriptors it is given from the call on, whether it succeeds
    // or not; its one caller, `zerogo.dataplane.native`, passes each once and forgets it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

#[pymethods]
impl NativePlane {
    /// Take over the descriptors, which must be open, and start; `switches` are those of `Offloads`, in order.
    #[new]
    #[pyo3(signature = (tap_fd, udp_fds, mac, addresses, mtu, is_bridge, switches))]
    #[expect(clippy::too_many_arguments, reason = "the settings of a plane, spelt out for Python")]
    fn new(
        py: Python<'_>,
        tap_fd: RawFd,
        udp_fds: Vec<RawFd>,
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
        let port = Port { mac: array(mac)?, addresses: parse_ips(&addresses)?, mtu, is_bridge };
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

    fn set_peer(&self, peer: u64, mac: &[u8], addresses: Vec<String>, is_bridge: bool) -> PyResult<()> {
        self.push(Verb::SetPeer(peer, array(mac)?, parse_ips(&addresses)?, is_bridge));
        Ok(())
    }

    fn remove_peer(&self, peer: u64) {
        self.push(Verb::RemovePeer(peer));
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
        let (send_key, receive_key) = (array(send_key)?, array(receive_key)?);
        let parts = SessionParts { local_index, remote_index, send_key, receive_key, suite, is_initiator };
        self.push(Verb::AddSession(peer, parts));
        Ok(())
    }

    fn retire_session(&self, local_index: u32) {
        self.push(Verb::RetireSession(local_index));
    }

    fn set_path(&self, peer: u64, destination: Option<Address>, mtu: usize) -> PyResult<()> {
        let destination = destination.as_ref().map(parse_address).transpose()?;
        self.push(Verb::SetPath(peer, destination, mtu));
        Ok(())
    }

    fn send_datagram(&self, destination: Address, payload: &[u8]) -> PyResult<()> {
        self.push(Verb::SendDatagram(parse_address(&destination)?, payload.to_vec()));
        Ok(())
    }

    fn send_control(&self, peer: u64, payload: &[u8], destination: Option<Address>) -> PyResult<()> {
        let destination = destination.as_ref().map(parse_address).transpose()?;
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

    /// Per peer: number, bytes in and out, datagrams in and out, seconds since the last one came and of the session.
    fn peer_counters(&self) -> Vec<PeerRow> {
        let rows = self.with(Plane::peer_rows).unwrap_or_default();
        let seconds = |age: Option<u64>| age.map(|nanos| nanos as f64 / NANOS_PER_SECOND);
        rows.into_iter()
            .map(|row| {
                let [bytes_in, bytes_out, datagrams_in, datagrams_out] = row.counts;
                let (received, session) = (seconds(row.last_receive_age), seconds(row.session_age));
                (row.number, bytes_in, bytes_out, datagrams_in, datagrams_out, received, session)
            })
            .collect()
    }

    /// Carry out the verbs that wait and end; may be called twice.
    fn close(&self, py: Python<'_>) {
        let plane = self.plane.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(move || drop(plane));
    }
}

fn address_tuple(address: SocketAddr) -> (String, u16) {
    (address.ip().to_string(), address.port())
}

fn upcall_tuple<'py>(py: Python<'py>, upcall: Upcall) -> PyResult<Bound<'py, PyTuple>> {
    match upcall {
        Upcall::DatagramReceived(source, payload) => {
            ("datagram", address_tuple(source), PyBytes::new(py, &payload)).into_pyobject(py)
        }
        Upcall::ControlReceived(peer, source, payload) => {
            ("control", peer, address_tuple(source), PyBytes::new(py, &payload)).into_pyobject(py)
        }
        Upcall::SessionConfirmed(peer, local_index) => ("confirmed", peer, local_index).into_pyobject(py),
        Upcall::RekeyDue(peer) => ("rekey", peer).into_pyobject(py),
        Upcall::PeerRoamed(peer, source) => ("roamed", peer, address_tuple(source)).into_pyobject(py),
        Upcall::PathRefused(peer, errno) => ("refused", peer, errno).into_pyobject(py),
        Upcall::Fault(reason) => ("fault", reason).into_pyobject(py),
    }
}

/// The native data plane of ZeroGo.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("COUNTERS", PyTuple::new(module.py(), NAMES)?)?;
    module.add_class::<NativePlane>()
}
