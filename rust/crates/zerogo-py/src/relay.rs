//! `RelayForwarder`: the relay's forwarding thread as `zerogo.net.turn_native` uses it.

use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zerogo_relay::{End, Forwarder, SocketKind};

use crate::{NANOS_PER_SECOND, parse_ip, take_descriptor};

/// What `tally` tells, in order.
pub const TALLY: [&str; 7] =
    ["to_peers", "bytes_to_peers", "to_clients", "bytes_to_clients", "over_bandwidth", "overflowed", "unsendable"];

/// Socket, host, port, channel (0: the payload alone).
type EndRow = (u32, String, u16, u16);
/// Socket, host, port, datagram; the channel of a flow that is to be decided again.
type RaisedRow<'py> = (u32, String, u16, Bound<'py, PyBytes>, Option<u16>);

/// A forwarder that runs until it is closed; closed, it does nothing.
#[pyclass(frozen, name = "RelayForwarder")]
pub struct RelayForwarder {
    forwarder: Mutex<Option<Forwarder>>,
}

fn parse_end(row: &EndRow) -> PyResult<End> {
    Ok(End { socket: row.0, remote: SocketAddr::new(parse_ip(&row.1)?, row.2), channel: row.3 })
}

fn os_error(error: std::io::Error) -> PyErr {
    PyOSError::new_err((error.raw_os_error(), error.to_string()))
}

impl RelayForwarder {
    fn with<T>(&self, call: impl FnOnce(&Forwarder) -> T) -> Option<T> {
        self.forwarder.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(call)
    }
}

#[pymethods]
impl RelayForwarder {
    /// Start the thread.
    #[new]
    fn new() -> PyResult<Self> {
        Ok(Self { forwarder: Mutex::new(Some(Forwarder::new().map_err(os_error)?)) })
    }

    /// A descriptor that is readable while datagrams wait to be fetched; -1 once closed.
    fn wakeup_fd(&self) -> RawFd {
        self.with(Forwarder::descriptor).unwrap_or(-1)
    }

    /// Take over a bound UDP socket under a number that was not used before.
    fn add_socket(&self, number: u32, fd: RawFd, is_relayed: bool) -> PyResult<()> {
        if fd < 0 {
            return Err(PyValueError::new_err("an open descriptor is wanted"));
        }
        let socket = take_descriptor(fd);
        let kind = if is_relayed { SocketKind::Relayed } else { SocketKind::Listener };
        self.with(|forwarder| forwarder.add_socket(number, socket, kind)).transpose().map_err(os_error)?;
        Ok(())
    }

    /// Close a socket; its flows end.
    fn remove_socket(&self, number: u32) {
        self.with(|forwarder| forwarder.remove_socket(number));
    }

    /// Send on to `destination` what comes from `source`, for so many seconds; both buckets pay.
    fn add_flow(&self, source: EndRow, destination: EndRow, buckets: [u32; 2], seconds: f64) -> PyResult<()> {
        let (source, destination) = (parse_end(&source)?, parse_end(&destination)?);
        let lasts = (seconds * NANOS_PER_SECOND) as u64;
        self.with(|forwarder| forwarder.add_flow(source, destination, buckets, lasts));
        Ok(())
    }

    /// End all flows from and to a client.
    fn forget_client(&self, socket: u32, host: &str, port: u16) -> PyResult<()> {
        let remote = SocketAddr::new(parse_ip(host)?, port);
        self.with(|forwarder| forwarder.forget_remote(socket, remote));
        Ok(())
    }

    /// A user's bandwidth in bytes a second, and as much at once; numbers begin at 1.
    fn add_bucket(&self, number: u32, rate: f64) {
        self.with(|forwarder| forwarder.add_bucket(number, rate));
    }

    /// A user is gone.
    fn remove_bucket(&self, number: u32) {
        self.with(|forwarder| forwarder.remove_bucket(number));
    }

    /// Take from a user's bandwidth; false where there is not as much.
    fn take(&self, number: u32, amount: usize) -> bool {
        self.with(|forwarder| forwarder.take(number, amount)).unwrap_or(false)
    }

    /// Up to `limit` datagrams or flows that the relay has to look at.
    fn fetch<'py>(&self, py: Python<'py>, limit: usize) -> Vec<RaisedRow<'py>> {
        let raised = self.with(|forwarder| forwarder.fetch(limit)).unwrap_or_default();
        let row = |one: zerogo_relay::Raised| {
            (one.socket, one.source.ip().to_string(), one.source.port(), PyBytes::new(py, &one.data), one.renews)
        };
        raised.into_iter().map(row).collect()
    }

    /// The values of `RELAY_TALLY`.
    fn tally(&self) -> [u64; 7] {
        let tally = self.with(Forwarder::tally).unwrap_or_default();
        [
            tally.to_peers,
            tally.bytes_to_peers,
            tally.to_clients,
            tally.bytes_to_clients,
            tally.over_bandwidth,
            tally.overflowed,
            tally.unsendable,
        ]
    }

    /// How many flows there are.
    fn flows(&self) -> usize {
        self.with(Forwarder::flows).unwrap_or(0)
    }

    /// End the thread and close its sockets; may be called twice.
    fn close(&self, py: Python<'_>) {
        let forwarder = self.forwarder.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(move || drop(forwarder));
    }
}
