"""Routes into the mesh as the kernel is told them: order of what is said, and what is undone."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from zerogo.net import kernel_routes
from zerogo.net.kernel_routes import KernelRoutes, MeshRoute, RoutesRefused

KINDS = {24: "route", 25: "no route", 32: "rule", 33: "no rule"}


def attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 12
    while offset < len(body):
        length, kind = struct.unpack_from("=HH", body, offset)
        yield kind, body[offset + 4 : offset + length]
        offset += length + 3 & ~3


class KernelRoutesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.said: list[tuple[str, dict[int, bytes], bytes]] = []
        self.refused: set[str] = set()
        self.patch(kernel_routes, "_request", self.request)
        self.patch(kernel_routes, "_index_of", lambda device: 7)
        self.routes = KernelRoutes("zerogo0")

    def request(self, kind: int, flags: int, body: bytes) -> None:
        if KINDS[kind] in self.refused or KINDS[kind] == "no rule":
            raise RoutesRefused("no")
        self.said.append((KINDS[kind], dict(attributes(body)), body))

    def words(self) -> list[str]:
        said, self.said = [word for word, _, _ in self.said], []
        return said

    def test_exceptions_come_before_what_they_are_exceptions_from(self) -> None:
        self.assertEqual(self.routes.use([MeshRoute("192.168.7.0/24", "10.9.0.2")], ["192.0.2.1"]), [])
        first, last = self.said[0], self.said[-1]
        self.assertEqual((first[0], first[1][1]), ("rule", bytes([192, 0, 2, 1])))
        self.assertEqual((last[0], last[1][1], last[1][5]), ("route", bytes([192, 168, 7, 0]), bytes([10, 9, 0, 2])))
        self.assertEqual(last[2][1], 24)
        self.assertEqual(self.words(), ["rule"] * 9 + ["route"])

    def test_only_differences_are_told(self) -> None:
        route = MeshRoute("192.168.7.0/24", "10.9.0.2")
        self.routes.use([route], [])
        self.words()
        self.routes.use([route], [])
        self.assertEqual(self.words(), [])
        self.routes.use([MeshRoute("192.168.7.0/24", "10.9.0.3")], [])
        self.assertEqual(self.words(), ["route"])
        self.routes.use([], [])
        self.assertEqual(self.words(), ["no route"])

    def test_without_routes_there_are_no_rules(self) -> None:
        self.routes.use([], ["192.0.2.1"])
        self.assertEqual(self.words(), [])

    def test_a_device_that_was_made_anew_gets_its_routes_again(self) -> None:
        route = MeshRoute("192.168.7.0/24", "10.9.0.2")
        self.routes.use([route], [])
        self.words()
        self.patch(kernel_routes, "_index_of", lambda device: 8)
        self.routes.use([route], [])
        self.assertEqual(self.words(), ["route"])

    def test_what_the_kernel_refuses_is_told_and_tried_again(self) -> None:
        self.refused.add("route")
        self.assertEqual(self.routes.use([MeshRoute("10.77.0.0/16", "10.9.0.2")], []), ["no"])
        self.refused.clear()
        self.words()
        self.assertEqual(self.routes.use([MeshRoute("10.77.0.0/16", "10.9.0.2")], []), [])
        self.assertEqual(self.words(), ["route"])

    def test_a_shut_default_route_is_worse_than_any_other_and_leads_nowhere(self) -> None:
        self.routes.shut(["0.0.0.0/0"])
        _, found, body = self.said[0]
        self.assertEqual((body[7], struct.unpack("=I", found[6])[0], body[1]), (7, 4096, 0))
        self.words()
        self.routes.open_up()
        self.assertEqual(self.words(), ["no route", "no route"])
