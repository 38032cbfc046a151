"""The counters of a running plane: one integer attribute per `Counter`, since the hot loop adds to them."""

from __future__ import annotations

from zerogo.dataplane.counter import Counter


class Tally:
    """All counters, from 0."""

    __slots__ = tuple(counter.value for counter in Counter)

    tap_frames_in: int
    tap_frames_out: int
    tap_super_frames_in: int
    tap_super_frames_out: int
    udp_datagrams_in: int
    udp_datagrams_out: int
    udp_trains_in: int
    udp_trains_out: int
    checksums_elided: int
    checksums_completed: int
    fragments_in: int
    fragments_out: int
    neighbors_answered: int
    flooded: int
    forward_carried: int
    forward_delivered: int
    twins_out: int
    late_copies_out: int
    congestion_marked: int
    dropped_unknown_index: int
    dropped_unauthentic: int
    dropped_replay: int
    dropped_malformed: int
    dropped_foreign_source: int
    dropped_unknown_destination: int
    dropped_queue: int
    dropped_staged: int
    dropped_expired_session: int
    dropped_upcall_queue: int
    dropped_tap_write: int
    dropped_udp_send: int
    dropped_storm: int
    dropped_mac1: int
    dropped_no_endpoint: int
    dropped_forward_invalid: int
    dropped_forward_rate: int
    dropped_forward_no_way: int
    dropped_forward_too_long: int
    dropped_policy_out: int
    dropped_policy_in: int
    fallback_tap_tso: int
    fallback_tap_uso: int
    fallback_tap_gso_write: int
    fallback_udp_gso: int
    fallback_udp_gro: int

    def __init__(self) -> None:
        for counter in Counter:
            setattr(self, counter.value, 0)

    def add(self, name: str) -> None:
        """One more of the counter of that name."""
        setattr(self, name, getattr(self, name) + 1)

    def snapshot(self) -> tuple[int, ...]:
        """The values in the order of `Counter`."""
        return tuple([getattr(self, counter.value) for counter in Counter])
