# -*- test-case-name: zerogo.test.control.test_channel -*-
"""The channel between agent and controller: Noise IK in WebSocket messages (docs/PROTOCOL.md, "Control channel").

An edge and its gateway use the same channel for their tunnel, with another magic and prologue (`EXIT`), so that a
handshake for one purpose is of no use for the other.

Each WebSocket message is one *frame*:

    controller  Hello     "ZGC" | lowest version 1 | highest version 1 | X25519 key 32 | Ed25519 key 32 | later fields
    agent       message 1 version 1 | Noise IK message 1 with an empty payload (96 bytes)
    controller  message 2 Noise IK message 2 with an empty payload (48 bytes)
    both        sealed    ChaCha20-Poly1305 over: flags 1 | piece of a message;
                nonce 4 zero bytes | counter 8, little-endian

The Hello is in the clear: the agent checks both keys against the hash it has pinned, and the Noise prologue covers it
and the version chosen, so changing any of it breaks the handshake. A message that does not fit one frame is cut; bit 0
of the flags says that more follows. Counters start at 0 and are not sent: a WebSocket keeps order, so a repeated, lost
or altered frame fails to authenticate and ends the channel.
"""

from __future__ import annotations

import hmac
import struct
from collections import deque
from collections.abc import Iterator

from attrs import field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from zerogo.control.messages import CONTROLLER_MESSAGE_LIMIT, MEMBER_MESSAGE_LIMIT
from zerogo.control.token import controller_key_hash
from zerogo.core import RandomBytes, drain
from zerogo.errors import LocalError, ParseError, RemoteError
from zerogo.ids import KEY_BYTES
from zerogo.noise.handshake import IK_CHACHAPOLY, NoiseHandshake
from zerogo.noise.identity import Identity

VERSION = 1

FRAME_LIMIT = 64 * 1024
"""Longest frame, bytes."""
SEALED_BYTES = 16 + 1
"""How much longer a frame is than the piece in it."""
PIECE_LIMIT = FRAME_LIMIT - SEALED_BYTES
EXIT_FRAME_LIMIT = 256 * 1024
MORE_FOLLOWS = 0x01
_HELLO = struct.Struct(f"!3sBB{KEY_BYTES}s{KEY_BYTES}s")
_NONCE = struct.Struct("<4xQ")


class ChannelBroken(RemoteError):
    """The other end of the control channel did not prove who it is."""

    code = "E-CHANNEL"


class WrongController(ChannelBroken):
    """This controller has other keys than the join token says."""

    code = "E-CHANNEL-KEY"


class VersionMismatch(ChannelBroken):
    """The two ends have no version of the protocol in common."""

    code = "E-CHANNEL-VERSION"


@frozen
class Purpose:
    """What a channel is for."""

    magic: bytes
    prologue: bytes
    server: str
    """What the end is called that shows its keys."""
    frame_limit: int = FRAME_LIMIT
    """Longest frame once both keys are proven, bytes."""


CONTROL = Purpose(b"ZGC", b"zerogo control 1\x00", "controller")
EXIT = Purpose(b"ZGX", b"zerogo exit 1\x00", "gateway", EXIT_FRAME_LIMIT)


@frozen
class Hello:
    """The controller's first frame."""

    lowest: int
    highest: int
    static_public: bytes = field(repr=False)
    signing_public: bytes = field(repr=False)
    purpose: Purpose = CONTROL

    @classmethod
    def parse(cls, frame: bytes, purpose: Purpose = CONTROL) -> Hello:
        """Read a Hello, ignoring bytes after it; raises `ParseError`."""
        if len(frame) < _HELLO.size or not frame.startswith(purpose.magic):
            raise ParseError(f"that is not a ZeroGo {purpose.server}")
        _, lowest, highest, static_public, signing_public = _HELLO.unpack_from(frame)
        return cls(lowest, highest, static_public, signing_public, purpose)

    def emit(self) -> bytes:
        """The frame."""
        return _HELLO.pack(self.purpose.magic, self.lowest, self.highest, self.static_public, self.signing_public)


class _Channel:
    """What both ends have in common: sealing, cutting, joining. `receive` and `send` queue frames for `outgoing`."""

    def __init__(self, message_limit: int, frame_limit: int) -> None:
        self._outgoing: deque[bytes] = deque()
        self._seal: ChaCha20Poly1305 | None = None
        self._open: ChaCha20Poly1305 | None = None
        self._sent = 0
        self._received = 0
        self._pieces: list[bytes] = []
        self._joined_bytes = 0
        self._message_limit = message_limit
        self._frame_limit = frame_limit
        self._piece_limit = frame_limit - SEALED_BYTES
        self.handshake_hash = b""
        """32 bytes once the channel is open, the same at both ends; for channel binding."""

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent."""
        return self._seal is not None

    def send(self, message: bytes) -> None:
        """Seal a message; raises `LocalError` before the channel is open."""
        if self._seal is None:
            raise LocalError("the channel is not open")
        limit = self._piece_limit
        for start in range(0, max(len(message), 1), limit):
            piece = message[start : start + limit]
            flags = MORE_FOLLOWS if start + limit < len(message) else 0
            self._outgoing.append(self._seal.encrypt(_NONCE.pack(self._sent), bytes([flags]) + piece, None))
            self._sent += 1

    def outgoing(self) -> Iterator[bytes]:
        """Drain the frames to send, in order."""
        return drain(self._outgoing)

    def receive(self, frame: bytes | memoryview) -> list[bytes]:
        """Take a frame and give the messages that it completes (none or one); raises `ChannelBroken` or `ParseError`,
        after which the channel is of no use."""
        if len(frame) > self._frame_limit:
            raise ParseError(f"a frame of {len(frame)} bytes; the limit is {self._frame_limit}")
        if self._open is None:
            self._receive_handshake(bytes(frame))
            return []
        return self._receive_sealed(frame, self._open)

    def _receive_handshake(self, frame: bytes) -> None:
        raise NotImplementedError

    def _receive_sealed(self, frame: bytes | memoryview, aead: ChaCha20Poly1305) -> list[bytes]:
        try:
            plaintext = aead.decrypt(_NONCE.pack(self._received), frame, None)
        except (InvalidTag, ValueError) as error:
            raise ChannelBroken("a frame of the channel did not authenticate") from error
        self._received += 1
        if not plaintext:
            raise ParseError("a frame of the channel without flags")
        self._joined_bytes += len(plaintext) - 1
        if self._joined_bytes > self._message_limit:
            raise ParseError(f"a control message of more than {self._message_limit} bytes")
        self._pieces.append(plaintext[1:])
        if plaintext[0] & MORE_FOLLOWS:
            if len(plaintext) == 1:
                raise ParseError("an empty piece of a control message")
            return []
        message, self._pieces, self._joined_bytes = b"".join(self._pieces), [], 0
        return [message]

    def _become_open(self, noise: NoiseHandshake) -> None:
        send_key, receive_key, self.handshake_hash = noise.split()
        self._seal, self._open = ChaCha20Poly1305(send_key), ChaCha20Poly1305(receive_key)


class ChannelInitiator(_Channel):
    """The agent's end."""

    def __init__(self, local: Identity, key_hash: bytes, rng: RandomBytes, purpose: Purpose = CONTROL) -> None:
        super().__init__(CONTROLLER_MESSAGE_LIMIT, purpose.frame_limit)
        self._purpose = purpose
        self._local = local
        self._key_hash = key_hash
        self._rng = rng
        self._noise: NoiseHandshake | None = None
        self.hello: Hello | None = None
        """What the controller showed, once its keys were found to be the pinned ones."""

    def _receive_handshake(self, frame: bytes) -> None:
        if self._noise is None:
            self._noise = self._answer_hello(frame)
            return
        try:
            self._noise.read_message(frame)
        except RemoteError as error:
            raise ChannelBroken(f"the {self._purpose.server} does not have the key it showed") from error
        self._become_open(self._noise)
        self._noise = None

    def _answer_hello(self, frame: bytes) -> NoiseHandshake:
        hello = Hello.parse(frame, self._purpose)
        shown = controller_key_hash(hello.static_public, hello.signing_public)
        if not hmac.compare_digest(shown, self._key_hash):
            raise WrongController(f"this {self._purpose.server} has other keys than the join token says")
        if not hello.lowest <= VERSION <= hello.highest:
            raise VersionMismatch(
                f"the {self._purpose.server} speaks versions {hello.lowest} to {hello.highest}, "
                f"this release speaks {VERSION}"
            )
        version = bytes([VERSION])
        prologue = self._purpose.prologue + version + frame
        noise = NoiseHandshake.initiator(IK_CHACHAPOLY, self._local, hello.static_public, prologue, None, self._rng)
        self._outgoing.append(version + noise.write_message())
        self.hello = hello
        return noise


class ChannelResponder(_Channel):
    """The controller's end. The agent's key is proven with the first frame that opens, not before."""

    def __init__(self, local: Identity, rng: RandomBytes, purpose: Purpose = CONTROL) -> None:
        super().__init__(max(MEMBER_MESSAGE_LIMIT, purpose.frame_limit), purpose.frame_limit)
        self._purpose = purpose
        self._local = local
        self._rng = rng
        self._hello = Hello(VERSION, VERSION, local.static_public, local.signing_public, purpose).emit()
        self._outgoing.append(self._hello)
        self.remote_static = b""
        """The agent's X25519 key, 32 bytes, once the channel is open."""

    def _receive_handshake(self, frame: bytes) -> None:
        if not frame or frame[0] != VERSION:
            raise VersionMismatch("the other end speaks another version of the protocol")
        prologue = self._purpose.prologue + frame[:1] + self._hello
        noise = NoiseHandshake.responder(IK_CHACHAPOLY, self._local, prologue, None, self._rng)
        try:
            noise.read_message(frame[1:])
            self.remote_static = noise.remote_static
            self._outgoing.append(noise.write_message())
        except RemoteError as error:
            raise ChannelBroken("the first message of the other end did not authenticate") from error
        self._become_open(noise)
