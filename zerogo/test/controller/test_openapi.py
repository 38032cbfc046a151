import json
import re

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from zerogo.controller.desk import IfMatch
from zerogo.controller.openapi import openapi_document, problem_codes
from zerogo.controller.problems import CODES
from zerogo.controller.routes import ROUTES
from zerogo.test.controller.stock import ApiCase


class OpenApiTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.document = json.loads(msgspec.json.encode(openapi_document(ROUTES)))

    def test_it_holds_every_route_and_no_other(self) -> None:
        documented = {(method, path) for path, item in self.document["paths"].items() for method in item}
        routes = {(route.method.lower(), re.sub(r"<string:(\w+)>", r"{\1}", route.path)) for route in ROUTES}
        self.assertEqual(documented, routes)
        self.assertEqual(len(routes), len(ROUTES))

    def test_operations_have_names_of_their_own_and_a_sentence(self) -> None:
        operations = [one for item in self.document["paths"].values() for one in item.values()]
        self.assertEqual(len({one["operationId"] for one in operations}), len(operations))
        for one in operations:
            self.assertTrue(one["summary"].endswith("."), one["operationId"])

    def test_every_reference_leads_somewhere(self) -> None:
        text = json.dumps(self.document)
        for name in re.findall(r"#/components/schemas/([\w.]+)", text):
            self.assertIn(name, self.document["components"]["schemas"])

    def test_the_secrets_of_the_store_are_in_no_schema(self) -> None:
        for name, schema in self.document["components"]["schemas"].items():
            if not name.endswith(("Request", "Change")):
                self.assertFalse(
                    {"psk", "password", "password_hash", "secret_hash"} & set(schema.get("properties", ()))
                )

    def test_changes_of_settings_require_if_match(self) -> None:
        required = {route.endpoint for route in ROUTES if route.if_match is IfMatch.REQUIRED}
        self.assertIn("PATCH /networks/<string:network>", required)
        operation = self.document["paths"]["/networks/{network}"]["patch"]
        self.assertTrue(next(one for one in operation["parameters"] if one["name"] == "If-Match")["required"])
        self.assertIn("428", operation["responses"])

    def test_every_code_of_a_route_is_a_known_one(self) -> None:
        for route in ROUTES:
            self.assertLessEqual(set(problem_codes(route)), set(CODES), route.endpoint)


class ServedTests(ApiCase):
    def test_it_is_served_to_everybody(self) -> None:
        reply = self.call("GET", "/openapi.json", token=None)
        self.assertEqual((reply.status, reply.json["openapi"]), (200, "3.1.0"))
        self.assertEqual(reply.header("Content-Type"), "application/json")
