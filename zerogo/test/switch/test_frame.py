from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.switch.frame import is_group, is_link_local_group, untagged_payload

TAGS = (b"\x81\0\0\0", b"\x88\xa8\xe0\0", b"\x81\0\0\5", b"\x81\0", b"\x08\x06")


def _tagged(tags: list[bytes]) -> bytes:
    return bytes(12) + b"".join(tags).ljust(2, b"\x08")


class FrameTests(SynchronousTestCase):
    def test_groups_are_told_by_the_first_bit(self) -> None:
        self.assertTrue(is_group(b"\xff" * 6))
        self.assertTrue(is_group(b"\x01\0\x5e\0\0\1"))
        self.assertFalse(is_group(b"\x02\0\0\0\0\1"))

    def test_link_local_groups_are_the_sixteen_of_802_1q(self) -> None:
        prefix = bytes.fromhex("0180c20000")
        self.assertTrue(all(is_link_local_group(prefix + bytes([last])) for last in range(16)))
        self.assertFalse(is_link_local_group(prefix + b"\x10"))
        self.assertFalse(is_link_local_group(b"\x01\0\x5e\0\0\1"))

    def test_priority_tags_are_looked_behind(self) -> None:
        arp = b"\x08\x06"
        self.assertEqual((0x0806, 14), untagged_payload(bytes(12) + arp))
        self.assertEqual((0x0806, 18), untagged_payload(bytes(12) + b"\x81\0\xe0\0" + arp))
        self.assertEqual((0x0806, 22), untagged_payload(bytes(12) + b"\x88\xa8\0\0\x81\0\0\0" + arp))

    def test_what_kernels_would_look_behind_and_we_do_not_is_told(self) -> None:
        self.assertIsNone(untagged_payload(bytes(12) + b"\x81\0\0\0" * 3 + b"\x08\x06"))
        self.assertIsNone(untagged_payload(bytes(12) + b"\x81\0\0"))
        self.assertEqual((0x8100, 22), untagged_payload(bytes(12) + b"\x81\0\0\0" * 2 + b"\x81\0\0\5\x08\x06"))

    def test_a_vlan_is_not_looked_into(self) -> None:
        self.assertEqual((0x8100, 14), untagged_payload(bytes(12) + b"\x81\0\0\5\x08\x06"))

    @settings(deadline=None, max_examples=100)
    @given(st.binary(min_size=14, max_size=40) | st.lists(st.sampled_from(TAGS), max_size=5).map(_tagged))
    def test_what_is_told_stands_in_the_frame_behind_priority_tags_alone(self, frame: bytes) -> None:
        found = untagged_payload(frame)
        if found is None:
            self.assertIn(frame[12:14], (b"\x81\0", b"\x88\xa8"))
            return
        ethertype, offset = found
        self.assertEqual(ethertype, int.from_bytes(frame[offset - 2 : offset], "big"))
        tags = [frame[at : at + 4] for at in range(12, offset - 2, 4)]
        self.assertEqual([tag for tag in tags if tag[:2] not in (b"\x81\0", b"\x88\xa8") or tag[2] & 15 or tag[3]], [])
