"""Tests for zerogo.cli.privilege."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from zerogo.cli.privilege import NeedsRoot, is_there, may_make_devices, require_devices


class PrivilegeTests(SynchronousTestCase):
    def become(self, user: int) -> None:
        self.patch(os, "geteuid", lambda: user)

    def process_status(self, text: str) -> Path:
        path = Path(self.mktemp())
        path.write_text(text)
        return path

    def test_root_may(self) -> None:
        self.become(0)
        self.assertTrue(may_make_devices(Path("/nonexistent")))
        self.patch(may_make_devices, "__defaults__", (Path("/nonexistent"),))
        require_devices("joining")

    def test_a_user_may_with_the_capability_alone(self) -> None:
        self.become(1000)
        for held, may in (("0000000000001000", True), ("0000000000000000", False), ("000001ffffffefff", False)):
            path = self.process_status(f"Name:\tzerogo\nCapPrm:\t000001ffffffffff\nCapEff:\t{held}\n")
            self.assertEqual(may_make_devices(path), may, held)

    def test_a_user_of_whom_nothing_is_known_may_not(self) -> None:
        self.become(1000)
        for path in (Path("/nonexistent"), self.process_status(""), self.process_status("CapEff:\tx\n")):
            self.assertFalse(may_make_devices(path))

    def test_root_in_a_container_may_lack_the_capability(self) -> None:
        self.become(0)
        path = self.process_status("CapEff:\t00000000a80425fb\n")
        self.assertFalse(may_make_devices(path))
        self.patch(may_make_devices, "__defaults__", (path,))
        self.assertIn("give the container NET_ADMIN", str(self.assertRaises(NeedsRoot, require_devices, "joining")))

    def test_a_user_is_told_what_to_do(self) -> None:
        self.become(1000)
        self.patch(may_make_devices, "__defaults__", (Path("/nonexistent"),))
        error = self.assertRaises(NeedsRoot, require_devices, "joining")
        self.assertEqual(str(error), "joining needs root (it makes a network device): run it with sudo")

    def test_a_directory_that_is_closed_to_us_is_a_sentence(self) -> None:
        def refuse(path: Path) -> bool:
            raise PermissionError(13, "Permission denied")

        self.assertFalse(is_there(Path("/nonexistent")))
        self.patch(Path, "exists", refuse)
        error = self.assertRaises(NeedsRoot, is_there, Path("/srv/zerogo/network.json"))
        self.assertEqual(str(error), "/srv/zerogo belongs to another user: run it with sudo")
