# -*- test-case-name: zerogo.test.dataplane.test_sealing -*-
"""A session as the hot loop needs it: ciphers that work from buffer to buffer, counters taken in runs.

The rules are those of `zerogo.noise.session` (nonces, associated data, replay window), which the tests hold this
against. Counters are taken, never given back: a datagram that could not be sent has used its counter up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from zerogo.dataplane.cut import Run, column_of
from zerogo.dataplane.limits import REJECT_AFTER_MESSAGES, REJECT_AFTER_SECONDS
from zerogo.dataplane.slots import SEAL_BYTES, SLOTS_LIMIT, NonceRow, SealedSlots, network_order
from zerogo.noise.replay import ReplayWindow
from zerogo.wire.datagram import TYPE_FORWARD, TYPE_TRANSPORT
from zerogo.wire.route import FORWARD_HEADER
from zerogo.wire.transport import HEADER, HEADER_BYTES, TAG_BYTES

SUITE_AESGCM = 2
"""`zerogo.wire.handshake.Suite.AESGCM`, without the import."""

_NONCES = {is_aes: NonceRow(is_big_endian=is_aes) for is_aes in (False, True)}
_Into = Callable[[bytes | memoryview, memoryview, memoryview, memoryview], int]


class SealedSession:
    """One session of a peer."""

    __slots__ = (
        "_decrypt",
        "_encrypt",
        "_next_counter",
        "_nonces",
        "_prefix",
        "_remote_index",
        "added_at",
        "expires_at",
        "is_initiator",
        "local_index",
        "owner",
        "window",
    )

    def __init__(
        self,
        owner: int,
        indices: tuple[int, int],
        keys: tuple[bytes, bytes],
        suite: int,
        is_initiator: bool,
        now: float,
    ) -> None:
        """`indices` are local and remote, `keys` for sending and receiving."""
        cipher = AESGCM if suite == SUITE_AESGCM else ChaCha20Poly1305
        self.owner = owner
        self.local_index, self._remote_index = indices
        self._encrypt: _Into = cipher(keys[0]).encrypt_into
        self._decrypt: _Into = cipher(keys[1]).decrypt_into
        self._nonces = _NONCES[suite == SUITE_AESGCM]
        self._prefix = TYPE_TRANSPORT << 56 | self._remote_index
        self._next_counter = 0
        self.window = ReplayWindow()
        self.is_initiator = is_initiator
        self.added_at = now
        self.expires_at = now + REJECT_AFTER_SECONDS

    @property
    def sent(self) -> int:
        """Counters used so far."""
        return self._next_counter

    def _take(self, count: int) -> int:
        """The first of `count` fresh counters; -1 where the session has no more.

        A run never crosses a multiple of 2**32, so that the upper half of its nonces is one number.
        """
        first = self._next_counter
        if (first & 0xFFFFFFFF) + count > 1 << 32:
            first = (first >> 32) + 1 << 32
        if first + count > REJECT_AFTER_MESSAGES:
            return -1
        self._next_counter = first + count
        return first

    def seal_run(self, run: Run, sealed: memoryview, channel: int = 0) -> int:
        """Seal all plaintexts of a run into the sealed slots; bytes in `sealed` that are to be sent, 0 if exhausted.

        :param channel: of the ChannelData headers, where the slots have room for them.
        """
        count, slots = run.count, run.slots
        first = self._take(count)
        if first < 0:
            return 0
        views = self._nonces.views
        self._nonces.write(first, count)
        slots.prefixes.write(0, column_of(self._prefix, count))
        slots.counters.write(0, network_order("Q", range(first, first + count)))
        full = count if run.last_bytes == slots.stride else count - 1
        # `map` into a queue of length 0 runs the cipher over the whole train without a step of the interpreter.
        deque(map(self._encrypt, views[:full], slots.plaintexts, slots.associated, slots.ciphertexts), maxlen=0)
        end = count * slots.step
        last_size = slots.size
        if full < count:
            end += run.last_bytes - slots.stride
            last_size = run.last_bytes + SEAL_BYTES
            out = sealed[full * slots.step + slots.wrap + HEADER_BYTES : end]
            self._encrypt(views[full], slots.plaintexts[full][: run.last_bytes], slots.associated[full], out)
        if slots.wraps is not None:
            words = [channel << 16 | slots.size] * count
            words[-1] = channel << 16 | last_size
            slots.wraps.write(0, network_order("I", words))
        return end

    def seal(self, plaintext: memoryview, out: memoryview) -> bool:
        """Seal one plaintext (inner header and payload) to a datagram that fills `out`; False if exhausted."""
        counter = self._take(1)
        if counter < 0:
            return False
        HEADER.pack_into(out, 0, TYPE_TRANSPORT, 0, self._remote_index, counter)
        self._nonces.write_one(counter)
        self._encrypt(self._nonces.views[0], plaintext, out[:HEADER_BYTES], out[HEADER_BYTES:])
        return True

    def seal_forward(self, slot: memoryview, sealed_at: int) -> bool:
        """Seal a FORWARD: what lies from `sealed_at` on, up to room for the tag; False if exhausted.

        Its header takes the place of the first bytes.
        """
        counter = self._take(1)
        if counter < 0:
            return False
        FORWARD_HEADER.pack_into(slot, 0, TYPE_FORWARD, 0, sealed_at, self._remote_index, counter)
        self._nonces.write_one(counter)
        plaintext = memoryview(bytes(slot[sealed_at:-TAG_BYTES]))
        self._encrypt(self._nonces.views[0], plaintext, slot[:HEADER_BYTES], slot[sealed_at:])
        return True

    def open_forward(self, slot: memoryview, sealed_at: int, counter: int) -> bool:
        """Open a FORWARD where it lies; False if it is not authentic. Does not ask the window."""
        self._nonces.write_one(counter)
        sealed, out = memoryview(bytes(slot[sealed_at:])), slot[sealed_at:-TAG_BYTES]
        try:
            self._decrypt(self._nonces.views[0], sealed, slot[:HEADER_BYTES], out)
        except InvalidTag:
            return False
        self.window.commit(counter)
        return True

    def open_run(self, slots: SealedSlots, first: int, count: int, counter: int) -> bool:
        """Open `count` full slots from `first` on whose counters run on from `counter`; False if any is not authentic.

        The caller asked the window; what was opened is marked as seen.
        """
        if count > SLOTS_LIMIT or (counter & 0xFFFFFFFF) + count > 1 << 32:
            return False
        self._nonces.write(counter, count)
        last = first + count
        places = (slots.ciphertexts[first:last], slots.associated[first:last], slots.plaintexts[first:last])
        try:
            deque(map(self._decrypt, self._nonces.views[:count], *places), maxlen=0)
        except InvalidTag:
            return False
        return self.window.commit_run(counter, count)

    def open(self, datagram: memoryview, counter: int, out: memoryview) -> bool:
        """Open one datagram into `out`, 32 bytes shorter; False if it is not authentic. Does not ask the window."""
        self._nonces.write_one(counter)
        try:
            self._decrypt(self._nonces.views[0], datagram[HEADER_BYTES:], datagram[:HEADER_BYTES], out)
        except InvalidTag:
            return False
        self.window.commit(counter)
        return True
