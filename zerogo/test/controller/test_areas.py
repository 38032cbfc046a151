from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.areas import READERS, areas_for
from zerogo.controller.caller import Caller
from zerogo.controller.routes import ROUTES
from zerogo.store.values import Role
from zerogo.test.controller.stock import ApiCase

OWNER = Caller("u1", "ann", Role.OWNER)


class ReadersTests(SynchronousTestCase):
    def test_they_are_those_of_the_table_of_routes(self) -> None:
        for area, readers in READERS.items():
            reading = [route for route in ROUTES if route.area == area and route.method == "GET"]
            for role in Role:
                self.assertEqual(readers.has(role), any(route.allows(role) for route in reading), (area, role))

    def test_an_api_token_is_told_of_what_it_reads(self) -> None:
        scoped = evolve(OWNER, scopes=frozenset({"users:read", "webhooks:write"}))
        self.assertEqual(areas_for(scoped), frozenset({"users"}))


class AreasTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        self.said: list[tuple[str, str]] = []
        self.desk.areas.observers.append(lambda area, network: self.said.append((area, network)))

    def said_by(self, method: str, path: str, body: object = None) -> list[tuple[str, str]]:
        self.said.clear()
        self.call(method, path, body)
        return self.said

    def test_a_change_is_told_with_its_network_and_so_is_its_line_in_the_audit_log(self) -> None:
        told = self.said_by("POST", f"/networks/{self.network}/invites", {})
        self.assertEqual(told, [("invites", str(self.network)), ("audit", "")])
        made = self.said_by("POST", "/webhooks", {"url": "https://hooks.example/", "kinds": ["*"]})
        self.assertEqual(made, [("webhooks", ""), ("audit", "")])

    def test_what_is_pushed_as_a_document_is_only_told_of_in_the_audit_log(self) -> None:
        self.assertEqual(
            self.said_by("PUT", f"/networks/{self.network}/names/printer", {"addresses": ["10.0.0.9"]}), [("audit", "")]
        )

    def test_reading_asking_and_failing_change_nothing(self) -> None:
        policy = f"/networks/{self.network}/policy"
        self.assertEqual(self.said_by("GET", policy), [])
        self.assertEqual(self.said_by("POST", policy + "/check", {"text": ""}), [])
        self.assertEqual(self.said_by("POST", "/webhooks", {"url": "no address", "kinds": ["*"]}), [])
