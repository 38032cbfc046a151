# -*- test-case-name: zerogo.test.control.test_channel -*-
"""The channel between agent and controller: Noise IK in WebSocket messages (docs/PROTOCOL.md, "Control channel").

An edge and its gateway use the same channel for their tunnel, with another magic and prologue (`EXIT`), so that a
handshake for one purpose is of no use for the other. Theirs has no flags, since no message is cut: for a tunnel at full
speed the byte before each message would be two copies of the whole message. Where both processors have instructions for
it, it uses AES-256-GCM, which then takes a third of the time of ChaCha20-Poly1305.

Each WebSocket message is one *frame*:

    controller  Hello     "ZGC" | lowest version 1 | highest version 1 | X25519 key 32 | Ed25519 key 32 | later fields
    agent       message 1 version 1 | Noise IK message 1 with an empty payload (96 bytes)
    controller  message 2 Noise IK message 2 with an empty payload (48 bytes)
    both        sealed    version 1: ChaCha20-Poly1305 over: flags 1 | piece of a message;
                nonce 4 zero bytes | counter 8, little-endian
                version 2, of exits only: AES-256-GCM; the counter is big-endian

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
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from zerogo.control.messages import CONTROLLER_MESSAGE_LIMIT, MEMBER_MESSAGE_LIMIT
from zerogo.control.token import controller_key_hash
from zerogo.core import RandomBytes, drain
from zerogo.errors import LocalError, ParseError, RemoteError
from zerogo.ids import KEY_BYTES
from zerogo.noise.handshake import IK_AESGCM, IK_CHACHAPOLY, NoiseHandshake
from zerogo.noise.identity import Identity

VERSION = 1
AES_VERSION = 2
"""Version 1 with another cipher."""

FRAME_LIMIT = 64 * 1024
"""Longest frame, bytes."""
TAG_BYTES = 16
SEALED_BYTES = TAG_BYTES + 1
"""How much longer a frame is than the piece in it, with its flags."""
EXIT_FRAME_LIMIT = 256 * 1024
MORE_FOLLOWS = 0x01
_HELLO = struct.Struct(f"!3sBB{KEY_BYTES}s{KEY_BYTES}s")
_NONCES = {VERSION: struct.Struct("<4xQ"), AES_VERSION: struct.Struct(">4xQ")}
"""As Noise writes them (section 12.3 and 12.4)."""
_PATTERNS = {VERSION: IK_CHACHAPOLY, AES_VERSION: IK_AESGCM}
_CIPHERS: dict[int, type[ChaCha20Poly1305 | AESGCM]] = {VERSION: ChaCha20Poly1305, AES_VERSION: AESGCM}


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
    is_cutting: bool = True
    """Whether a message that does not fit a frame is cut. If not, frames have no flags: each is one message."""


CONTROL = Purpose(b"ZGC", b"zerogo control 1\x00", "controller")
EXIT = Purpose(b"ZGX", b"zerogo exit 1\x00", "gateway", EXIT_FRAME_LIMIT, is_cutting=False)


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

    def __init__(self, message_limit: int, purpose: Purpose) -> None:
        self._purpose = purpose
        self._outgoing: deque[bytes] = deque()
        self._seal: ChaCha20Poly1305 | AESGCM | None = None
        self._open: ChaCha20Poly1305 | AESGCM | None = None
        self._nonce = _NONCES[VERSION]
        self._sent = 0
        self._received = 0
        self._pieces: list[bytes] = []
        self._joined_bytes = 0
        self._message_limit = message_limit
        self._frame_limit = purpose.frame_limit
        self._piece_limit = purpose.frame_limit - SEALED_BYTES
        self.handshake_hash = b""
        """32 bytes once the channel is open, the same at both ends; for channel binding."""

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent."""
        return self._seal is not None

    def send(self, message: bytes) -> None:
        """Seal a message; raises `LocalError` before the channel is open."""
        if not self._purpose.is_cutting:
            self._outgoing.append(self.sealed(message))
            return
        limit = self._piece_limit
        for start in range(0, max(len(message), 1), limit):
            piece = message[start : start + limit]
            flags = MORE_FOLLOWS if start + limit < len(message) else 0
            self._outgoing.append(self.sealed(bytes([flags]) + piece))

    def sealed(self, plaintext: bytes) -> bytes:
        """The next frame, to be sent after all before it; a message, where the channel cuts none. Raises `LocalError`
        before the channel is open, or where it does not fit."""
        if self._seal is None:
            raise LocalError("the channel is not open")
        if len(plaintext) > self._frame_limit - TAG_BYTES:
            raise LocalError(f"{len(plaintext)} bytes do not fit a frame")
        frame = self._seal.encrypt(self._nonce.pack(self._sent), plaintext, None)
        self._sent += 1
        return frame

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

    def _receive_sealed(self, frame: bytes | memoryview, aead: ChaCha20Poly1305 | AESGCM) -> list[bytes]:
        try:
            plaintext = aead.decrypt(self._nonce.pack(self._received), frame, None)
        except (InvalidTag, ValueError) as error:
            raise ChannelBroken("a frame of the channel did not authenticate") from error
        self._received += 1
        return self._joined(plaintext) if self._purpose.is_cutting else [plaintext]

    def _joined(self, plaintext: bytes) -> list[bytes]:
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

    def _become_open(self, noise: NoiseHandshake, version: int) -> None:
        send_key, receive_key, self.handshake_hash = noise.split()
        cipher, self._nonce = _CIPHERS[version], _NONCES[version]
        self._seal, self._open = cipher(send_key), cipher(receive_key)


class ChannelInitiator(_Channel):
    """The agent's end. With `has_aes` it takes the version with AES where that is offered."""

    def __init__(
        self,
        local: Identity,
        key_hash: bytes,
        rng: RandomBytes,
        purpose: Purpose = CONTROL,
        *,
        has_aes: bool = False,
    ) -> None:
        super().__init__(CONTROLLER_MESSAGE_LIMIT, purpose)
        self._highest = AES_VERSION if has_aes else VERSION
        self._version = VERSION
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
        self._become_open(self._noise, self._version)
        self._noise = None

    def _answer_hello(self, frame: bytes) -> NoiseHandshake:
        hello = Hello.parse(frame, self._purpose)
        shown = controller_key_hash(hello.static_public, hello.signing_public)
        if not hmac.compare_digest(shown, self._key_hash):
            raise WrongController(f"this {self._purpose.server} has other keys than the join token says")
        self._version = min(hello.highest, self._highest)
        if self._version < max(hello.lowest, VERSION):
            raise VersionMismatch(
                f"the {self._purpose.server} speaks versions {hello.lowest} to {hello.highest}, "
                f"this release speaks {VERSION}"
            )
        version = bytes([self._version])
        prologue, pattern = self._purpose.prologue + version + frame, _PATTERNS[self._version]
        noise = NoiseHandshake.initiator(pattern, self._local, hello.static_public, prologue, None, self._rng)
        self._outgoing.append(version + noise.write_message())
        self.hello = hello
        return noise


class ChannelResponder(_Channel):
    """The controller's end. The agent's key is proven with the first frame that opens, not before. With `has_aes` it
    offers the version with AES."""

    def __init__(self, local: Identity, rng: RandomBytes, purpose: Purpose = CONTROL, *, has_aes: bool = False) -> None:
        super().__init__(max(MEMBER_MESSAGE_LIMIT, purpose.frame_limit), purpose)
        self._highest = AES_VERSION if has_aes else VERSION
        self._local = local
        self._rng = rng
        self._hello = Hello(VERSION, self._highest, local.static_public, local.signing_public, purpose).emit()
        self._outgoing.append(self._hello)
        self.remote_static = b""
        """The agent's X25519 key, 32 bytes, once the channel is open."""

    def _receive_handshake(self, frame: bytes) -> None:
        if not frame or not VERSION <= frame[0] <= self._highest:
            raise VersionMismatch("the other end speaks another version of the protocol")
        version = frame[0]
        prologue = self._purpose.prologue + frame[:1] + self._hello
        noise = NoiseHandshake.responder(_PATTERNS[version], self._local, prologue, None, self._rng)
        try:
            noise.read_message(frame[1:])
            self.remote_static = noise.remote_static
            self._outgoing.append(noise.write_message())
        except RemoteError as error:
            raise ChannelBroken("the first message of the other end did not authenticate") from error
        self._become_open(noise, version)
