"""What a plane counts. Apart from the interface, since the worker process must stay small."""

from __future__ import annotations

import enum


class Counter(enum.StrEnum):
    """What a plane counts for itself; a snapshot holds all, zero or not. Names are part of `status --json`."""

    TAP_FRAMES_IN = "tap_frames_in"
    TAP_FRAMES_OUT = "tap_frames_out"
    TAP_SUPER_FRAMES_IN = "tap_super_frames_in"
    TAP_SUPER_FRAMES_OUT = "tap_super_frames_out"
    UDP_DATAGRAMS_IN = "udp_datagrams_in"
    UDP_DATAGRAMS_OUT = "udp_datagrams_out"
    UDP_TRAINS_IN = "udp_trains_in"
    UDP_TRAINS_OUT = "udp_trains_out"
    CHECKSUMS_ELIDED = "checksums_elided"
    CHECKSUMS_COMPLETED = "checksums_completed"
    FRAGMENTS_IN = "fragments_in"
    FRAGMENTS_OUT = "fragments_out"
    NEIGHBORS_ANSWERED = "neighbors_answered"
    FLOODED = "flooded"
    DROPPED_UNKNOWN_INDEX = "dropped_unknown_index"
    DROPPED_UNAUTHENTIC = "dropped_unauthentic"
    DROPPED_REPLAY = "dropped_replay"
    DROPPED_MALFORMED = "dropped_malformed"
    DROPPED_FOREIGN_SOURCE = "dropped_foreign_source"
    DROPPED_UNKNOWN_DESTINATION = "dropped_unknown_destination"
    DROPPED_STAGED = "dropped_staged"
    DROPPED_EXPIRED_SESSION = "dropped_expired_session"
    DROPPED_UPCALL_QUEUE = "dropped_upcall_queue"
    DROPPED_TAP_WRITE = "dropped_tap_write"
    DROPPED_UDP_SEND = "dropped_udp_send"
    DROPPED_STORM = "dropped_storm"
    FALLBACK_TAP_TSO = "fallback_tap_tso"
    FALLBACK_TAP_USO = "fallback_tap_uso"
    FALLBACK_TAP_GSO_WRITE = "fallback_tap_gso_write"
    FALLBACK_UDP_GSO = "fallback_udp_gso"
    FALLBACK_UDP_GRO = "fallback_udp_gro"
