from zerogo.control.messages import LinkReport, LinkSample, LinksReport
from zerogo.controller.network_course import ROWS_KEPT
from zerogo.ids import NodeId
from zerogo.test.controller.stock import ApiCase

ANN, BOB, EVE = (NodeId(bytes([number]) * 10) for number in (1, 2, 3))


class NetworkCourseTests(ApiCase):
    def says(self, who: NodeId, other: NodeId, path: str, rtt_ms: float | None) -> None:
        sample = LinkSample(other.raw, rtt_ms, received=100.0, sent=50.0)
        report = LinksReport(links=[LinkReport(other.raw, path)], samples=[sample])
        self.desk.links.book.reported(self.network, who, report, self.unix_now)

    def take(self, online: int = 3) -> None:
        self.unix_now += 10
        self.desk.links.courses.take(self.desk.links.book.all_links(), lambda network: online, self.unix_now)

    def course(self) -> dict[str, list[float | None]]:
        found: dict[str, list[float | None]] = self.call("GET", f"/networks/{self.network}/course").json
        return found

    def test_a_network_in_five_numbers(self) -> None:
        for who, other, path, rtt_ms in (
            (ANN, BOB, "direct", 5.0),
            (ANN, EVE, "relay", 30.0),
            (BOB, EVE, "direct", None),
        ):
            self.says(who, other, path, rtt_ms)
        self.take()
        course = self.course()
        self.assertEqual(course.pop("time"), [int(self.unix_now)])
        expected = {"online": [3], "links": [3], "direct": [2], "rtt_ms": [30.0], "bytes_per_second": [450.0]}
        self.assertEqual(course, expected)

    def test_what_nobody_measured_is_a_gap(self) -> None:
        self.says(ANN, BOB, "direct", None)
        self.take()
        self.assertEqual(self.course()["rtt_ms"], [None])

    def test_a_network_without_links_for_an_hour_is_forgotten(self) -> None:
        self.take()
        self.assertEqual(self.course()["time"], [])
        self.says(ANN, BOB, "direct", 5.0)
        self.take()
        self.desk.links.book.network_removed(self.network)
        for _ in range(ROWS_KEPT - 1):
            self.take(online=0)
        self.assertEqual(len(self.course()["time"]), ROWS_KEPT)
        self.take()
        self.assertEqual(self.course()["time"], [])
