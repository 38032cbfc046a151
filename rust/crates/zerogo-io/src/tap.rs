//! A TAP that was opened with IFF_VNET_HDR.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use zerogo_core::checksum::write_ipv4_header_sum;
use zerogo_core::shared::TapSink;
use zerogo_core::vnet::{GSO_TCPV4, NEEDS_CHECKSUM, VNET_BYTES, Vnet};

const TUNSETOFFLOAD: libc::c_ulong = 0x4004_54d0;
const TUNGETIFF: libc::c_ulong = 0x8004_54d2;
const TUN_F_CSUM: libc::c_uint = 0x01;
const TUN_F_TSO: libc::c_uint = 0x02 | 0x04 | 0x08;
const TUN_F_USO: libc::c_uint = 0x20 | 0x40;
const PROBE_PAYLOAD: usize = 1400;

/// The descriptor; it may be read by one thread while another writes.
#[derive(Debug)]
pub struct Tap(File);

impl Tap {
    /// Take over a non-blocking descriptor.
    pub fn new(descriptor: OwnedFd) -> Self {
        Self(File::from(descriptor))
    }

    /// Its number.
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Read one frame, with its virtio header.
    pub fn read(&self, vectors: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&self.0).read_vectored(vectors)
    }

    /// Set how many frames the kernel holds for us, of whatever size; `socket` is any of the same network namespace.
    ///
    /// False where that is not permitted, or this is no TAP; the queue then is as it was.
    pub fn set_queue(&self, frames: i32, socket: &OwnedFd) -> bool {
        // SAFETY: an ifreq is plain data for which all zeros is a valid value.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        // SAFETY: both calls are given a pointer to a local ifreq, which is what they read and write; the first fills in
        // the name of the device.
        unsafe {
            if libc::ioctl(self.descriptor(), TUNGETIFF, &raw mut request) != 0 {
                return false;
            }
            request.ifr_ifru.ifru_metric = frames;
            libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFTXQLEN, &raw mut request) == 0
        }
    }

    /// Whether the kernel knows UDP super-frames; leaves the device without offloads.
    pub fn knows_uso(&self) -> bool {
        self.try_offloads(TUN_F_CSUM | TUN_F_USO)
    }

    /// Tell the kernel which super-frames we want to read; which of the two it grants.
    ///
    /// The mask belongs to the device, so it is set even where nothing is wanted.
    pub fn set_offloads(&self, tso: bool, uso: bool) -> (bool, bool) {
        for (with_tso, with_uso) in [(tso, uso), (tso, false), (false, false)] {
            let tso_bits = if with_tso { TUN_F_TSO } else { 0 };
            let uso_bits = if with_uso { TUN_F_USO } else { 0 };
            if self.try_offloads(TUN_F_CSUM | tso_bits | uso_bits) {
                return (with_tso, with_uso);
            }
        }
        self.try_offloads(0);
        (false, false)
    }

    fn try_offloads(&self, mask: libc::c_uint) -> bool {
        // SAFETY: TUNSETOFFLOAD takes its argument by value; no pointer is involved.
        unsafe { libc::ioctl(self.descriptor(), TUNSETOFFLOAD, libc::c_ulong::from(mask)) == 0 }
    }

    /// Write a super-frame of two segments from and to nobody, time to live 0; only EINVAL says that none may be
    /// written (Linux 6.6.44 and 6.10 had that bug).
    pub fn takes_super_frames(&self) -> bool {
        let mut frame = [0; VNET_BYTES + 54 + PROBE_PAYLOAD + 1];
        let (vnet, packet) = frame.split_at_mut(VNET_BYTES);
        packet[..14].copy_from_slice(b"\x02zerog\x02ogrez\x08\x00");
        packet[14..16].copy_from_slice(&[0x45, 0]);
        packet[16..18].copy_from_slice(&(40 + PROBE_PAYLOAD as u16 + 1).to_be_bytes());
        packet[20..24].copy_from_slice(&[0x40, 0, 0, 6]);
        packet[46..48].copy_from_slice(&[0x50, 0x10]);
        write_ipv4_header_sum(packet, 14);
        let head = Vnet {
            flags: NEEDS_CHECKSUM,
            gso_type: GSO_TCPV4,
            header_bytes: 54,
            gso_size: PROBE_PAYLOAD as u16,
            checksum_start: 34,
            checksum_offset: 16,
        };
        vnet.copy_from_slice(&head.emit());
        TapSink::write(self, &[IoSlice::new(&frame)]) != Err(libc::EINVAL)
    }
}

impl TapSink for Tap {
    fn write(&self, pieces: &[IoSlice<'_>]) -> Result<(), i32> {
        // A TAP takes a frame whole or not at all.
        let written = (&self.0).write_vectored(pieces);
        written.map(|_| ()).map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
    }
}
