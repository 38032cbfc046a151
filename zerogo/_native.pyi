"""The native data plane, built from `rust/` (crate `zerogo-py`); absent where it was not built."""

from collections.abc import Sequence

Address = tuple[str, int, int, int] | list[bytes]
"""Host, port, number of the socket (0: the main one) and channel (0: none); or the node ids of a route."""
PeerRow = tuple[int, list[int], float | None, float | None]
"""Number; bytes in and out, datagrams in and out, bytes carried on; seconds since the last came, and of the session."""

COUNTERS: tuple[str, ...]

class NativePlane:
    def __new__(
        cls,
        tap_fd: int,
        udp_fds: Sequence[int],
        node_id: bytes,
        mac1_key: bytes,
        mac: bytes,
        addresses: Sequence[str],
        mtu: int,
        is_bridge: bool,
        switches: Sequence[bool],
    ) -> NativePlane: ...
    def wakeup_fd(self) -> int: ...
    def poll_upcalls(self, limit: int) -> list[tuple[object, ...]]: ...
    def set_peer(self, peer: int, node_id: bytes, mac: bytes, addresses: Sequence[str], is_bridge: bool) -> None: ...
    def remove_peer(self, peer: int) -> None: ...
    def add_session(
        self,
        peer: int,
        local_index: int,
        remote_index: int,
        send_key: bytes,
        receive_key: bytes,
        suite: int,
        is_initiator: bool,
    ) -> None: ...
    def retire_session(self, local_index: int) -> None: ...
    def set_path(
        self,
        peer: int,
        best: tuple[Address, int] | None,
        twin: tuple[Address, int] | None,
        spread: Sequence[tuple[Address, int]],
    ) -> None: ...
    def set_forwarding(self, bytes_per_second: int) -> None: ...
    def add_side_socket(self, number: int, fd: int) -> None: ...
    def remove_side_socket(self, number: int) -> None: ...
    def send_datagram(self, destination: Address, payload: bytes) -> None: ...
    def send_control(self, peer: int, payload: bytes, destination: Address | None) -> None: ...
    def counters(self) -> tuple[list[int], list[bool]]: ...
    def peer_counters(self) -> list[PeerRow]: ...
    def close(self) -> None: ...
