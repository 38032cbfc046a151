from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.control.channel import (
    EXIT,
    EXIT_FRAME_LIMIT,
    FRAME_LIMIT,
    MORE_FOLLOWS,
    TAG_BYTES,
    ChannelBroken,
    ChannelInitiator,
    ChannelResponder,
    Hello,
    VersionMismatch,
    WrongController,
)
from zerogo.control.messages import MEMBER_MESSAGE_LIMIT
from zerogo.errors import LocalError, ParseError, RemoteError
from zerogo.noise.identity import Identity
from zerogo.test.control.pair import CONTROLLER, KEY_HASH, seeded

AGENT = Identity.generate(seeded("agent"))


class ChannelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.agent = ChannelInitiator(AGENT, KEY_HASH, seeded("i"))
        self.controller = ChannelResponder(CONTROLLER, seeded("r"))

    def open(self) -> None:
        for frame in self.controller.outgoing():
            self.agent.receive(frame)
        for frame in self.agent.outgoing():
            self.controller.receive(frame)
        for frame in self.controller.outgoing():
            self.agent.receive(frame)

    def test_both_ends_open_with_the_same_hash_and_know_each_other(self) -> None:
        self.open()
        self.assertTrue(self.agent.is_open and self.controller.is_open)
        self.assertEqual(self.agent.handshake_hash, self.controller.handshake_hash)
        self.assertEqual(self.controller.remote_static, AGENT.static_public)

    def test_a_channel_for_one_purpose_is_none_for_another(self) -> None:
        self.controller = ChannelResponder(CONTROLLER, seeded("r"), EXIT)
        self.assertRaises(ParseError, self.open)
        self.agent = ChannelInitiator(AGENT, KEY_HASH, seeded("i"), EXIT)
        self.controller = ChannelResponder(CONTROLLER, seeded("r"), EXIT)
        self.open()
        self.assertTrue(self.controller.is_open)

    def test_an_exit_uses_aes_where_both_ends_have_it(self) -> None:
        for ours, theirs in ((False, False), (False, True), (True, False), (True, True)):
            self.agent = ChannelInitiator(AGENT, KEY_HASH, seeded("i"), EXIT, has_aes=ours)
            self.controller = ChannelResponder(CONTROLLER, seeded("r"), EXIT, has_aes=theirs)
            self.open()
            self.assertIs(type(self.agent._seal), AESGCM if ours and theirs else ChaCha20Poly1305)
            for message in (b"one", bytes(EXIT_FRAME_LIMIT - TAG_BYTES), b""):
                self.assertEqual(self.controller.receive(self.agent.sealed(message)), [message])
                self.assertEqual(self.agent.receive(memoryview(self.controller.sealed(message))), [message])

    def test_a_version_that_was_not_offered_is_refused(self) -> None:
        self.agent = ChannelInitiator(AGENT, KEY_HASH, seeded("i"), EXIT, has_aes=True)
        self.agent.receive(ChannelResponder(CONTROLLER, seeded("r"), EXIT, has_aes=True)._hello)
        self.controller = ChannelResponder(CONTROLLER, seeded("r"), EXIT)
        self.assertRaises(VersionMismatch, self.controller.receive, next(self.agent.outgoing()))

    def test_a_message_that_cannot_be_cut_has_to_fit(self) -> None:
        self.agent = ChannelInitiator(AGENT, KEY_HASH, seeded("i"), EXIT)
        self.controller = ChannelResponder(CONTROLLER, seeded("r"), EXIT)
        self.open()
        self.assertRaises(LocalError, self.agent.send, bytes(EXIT_FRAME_LIMIT - TAG_BYTES + 1))
        self.agent.send(b"next")
        self.assertEqual(self.controller.receive(next(self.agent.outgoing())), [b"next"])

    def test_messages_arrive_whole_in_order_both_ways(self) -> None:
        self.open()
        for size in (0, 1, FRAME_LIMIT - TAG_BYTES - 1, FRAME_LIMIT, MEMBER_MESSAGE_LIMIT):
            self.agent.send(b"a" * size)
            got = [message for frame in self.agent.outgoing() for message in self.controller.receive(frame)]
            self.assertEqual([len(message) for message in got], [size])
        self.controller.send(b"b" * 3_000_000)
        frames = list(self.controller.outgoing())
        self.assertLessEqual(max(map(len, frames)), FRAME_LIMIT)
        self.assertEqual(b"".join(m for f in frames for m in self.agent.receive(f)), b"b" * 3_000_000)

    def test_a_message_over_the_limit_is_refused_while_it_comes(self) -> None:
        self.open()
        self.agent.send(bytes(MEMBER_MESSAGE_LIMIT + FRAME_LIMIT))
        frames = list(self.agent.outgoing())
        with self.assertRaises(ParseError):
            for frame in frames:
                self.controller.receive(frame)

    def test_replayed_reordered_and_altered_frames_break_the_channel(self) -> None:
        for tamper in (
            lambda frames: [frames[0], frames[0]],
            lambda frames: [frames[1], frames[0]],
            lambda frames: [frames[0][:-1] + bytes([frames[0][-1] ^ 1])],
            lambda frames: [frames[0][:10]],
            lambda frames: [b""],
        ):
            self.setUp()
            self.open()
            self.agent.send(b"one")
            self.agent.send(b"two")
            with self.assertRaises(ChannelBroken):
                for frame in tamper(list(self.agent.outgoing())):
                    self.controller.receive(frame)

    def test_an_authentic_frame_without_flags_or_with_an_empty_piece_is_refused(self) -> None:
        for plaintext in (b"", bytes([MORE_FOLLOWS])):
            self.setUp()
            self.open()
            self.assertRaises(ParseError, self.controller.receive, self.agent.sealed(plaintext))

    def test_a_controller_with_other_keys_is_refused_before_anything_is_sent(self) -> None:
        stranger = ChannelResponder(AGENT, seeded("r"))
        self.assertRaises(WrongController, self.agent.receive, next(stranger.outgoing()))
        self.assertEqual(list(self.agent.outgoing()), [])

    def test_a_controller_that_shows_keys_it_does_not_have_is_found_out(self) -> None:
        self.agent.receive(next(self.controller.outgoing()))
        list(self.agent.outgoing())
        self.assertRaises(ChannelBroken, self.agent.receive, bytes(48))

    def test_a_hello_changed_on_the_way_breaks_the_handshake(self) -> None:
        self.agent.receive(next(self.controller.outgoing()) + b"later fields")
        first = next(self.agent.outgoing())
        self.assertRaises(ChannelBroken, self.controller.receive, first)

    def test_versions_without_overlap_are_refused(self) -> None:
        hello = Hello(2, 3, CONTROLLER.static_public, CONTROLLER.signing_public)
        self.assertRaises(VersionMismatch, self.agent.receive, hello.emit())
        self.assertRaises(VersionMismatch, self.controller.receive, b"\x02" + bytes(96))

    def test_sending_before_the_channel_is_open_is_our_bug(self) -> None:
        self.assertRaises(LocalError, self.agent.send, b"")

    @settings(deadline=None, max_examples=60)
    @given(st.binary(max_size=200))
    def test_garbage_raises_remote_errors_only(self, frame: bytes) -> None:
        controller = ChannelResponder(CONTROLLER, seeded("r"))
        self.assertRaises(RemoteError, controller.receive, frame)
        agent = ChannelInitiator(AGENT, KEY_HASH, seeded("i"))
        self.assertRaises(RemoteError, agent.receive, frame)

    def test_a_frame_over_the_limit_is_refused(self) -> None:
        self.assertRaises(ParseError, self.controller.receive, bytes(FRAME_LIMIT + 1))
