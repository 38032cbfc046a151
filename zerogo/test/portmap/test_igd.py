"""Descriptions and actions of UPnP gateways."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from zerogo.errors import ParseError
from zerogo.portmap import igd
from zerogo.portmap.http import Url
from zerogo.portmap.lease import Transport
from zerogo.portmap.xmltree import Element, parse_xml
from zerogo.test.portmap.gateways import DESCRIPTION, ENVELOPE, FAULT, INNER, SITE

LOCATION = Url.parse("http://192.168.7.1:5000/dir/rootDesc.xml")


def description(control: str, base: str = "") -> bytes:
    """A device with one service."""
    text = DESCRIPTION.format(control=control)
    return text.replace("<device><deviceList>", f"<URLBase>{base}</URLBase><device><deviceList>", 1).encode()


class DescriptionTests(SynchronousTestCase):
    """Where actions are called."""

    def test_control_urls_may_be_relative(self) -> None:
        for control, base, path in (
            ("/ctl", "", "/ctl"),
            ("ctl", "", "/dir/ctl"),
            ("ctl", "http://192.168.7.1:5000/", "/ctl"),
            ("http://192.168.7.1:5000/x", "", "/x"),
        ):
            (service,) = igd.parse_description(description(control, base), LOCATION)
            self.assertEqual((service.control.server, service.control.path), (LOCATION.server, path))
            self.assertEqual(service.kind, igd.SERVICES[1])

    def test_services_elsewhere_do_not_count(self) -> None:
        for control, base in (("http://10.0.0.1/ctl", ""), ("ctl", "http://10.0.0.1/"), ("//10.0.0.1/ctl", "")):
            self.assertRaises(ParseError, igd.parse_description, description(control, base), LOCATION)

    def test_the_best_service_comes_first(self) -> None:
        one = "<service><serviceType>{}</serviceType><controlURL>/c</controlURL></service>"
        text = "<root>" + "".join(one.format(kind) for kind in reversed(igd.SERVICES)) + "</root>"
        found = igd.parse_description(text.encode(), LOCATION)
        self.assertEqual([each.kind for each in found], list(igd.SERVICES))

    @settings(deadline=None, max_examples=100)
    @given(st.text(max_size=40))
    def test_control_urls_of_any_kind_raise_parse_errors_only(self, control: str) -> None:
        text = control.replace("&", "").replace("<", "")
        try:
            found = igd.parse_description(description(text), LOCATION)
        except ParseError:
            return
        self.assertEqual(found[0].control.server.host, "192.168.7.1")


class ActionTests(SynchronousTestCase):
    """SOAP there and back."""

    service = igd.Service(igd.SERVICES[1], Url.parse("http://192.168.7.1:5000/ctl"))

    def test_calls_are_whole_http_requests_with_xml(self) -> None:
        for request in (
            igd.emit_add_call(self.service, SITE, 40000, 1200),
            igd.emit_remove_call(self.service, 40000, Transport.TCP),
            igd.emit_outer_address_call(self.service),
        ):
            head, _, body = request.partition(b"\r\n\r\n")
            self.assertIn(f"Content-Length: {len(body)}".encode(), head)
            self.assertIn(f'SOAPAction: "{self.service.kind}#'.encode(), head)
            self.assertEqual(parse_xml(body).name, "Envelope")
        for transport in Transport:
            site = evolve(SITE, transport=transport)
            root = parse_xml(igd.emit_add_call(self.service, site, 40000, 1200).partition(b"\r\n\r\n")[2])
            self.assertEqual(root.find_text("NewInternalClient"), INNER.host)
            self.assertEqual(root.find_text("NewExternalPort"), "40000")
            self.assertEqual(root.find_text("NewProtocol"), transport.value)
            root = parse_xml(igd.emit_remove_call(self.service, 40000, transport).partition(b"\r\n\r\n")[2])
            self.assertEqual(root.find_text("NewProtocol"), transport.value)

    def test_faults_are_read(self) -> None:
        for code in (718, 725, 501, 999):
            fault = igd.parse_call_answer(500, ENVELOPE.format(FAULT.format(code)).encode())
            self.assertEqual(fault, igd.SoapFault(code))
            assert isinstance(fault, igd.SoapFault)
            self.assertTrue(fault.reason)

    def test_what_is_no_answer_is_refused(self) -> None:
        for status, body in (
            (404, b"<a/>"),
            (200, b"<a/>"),
            (500, ENVELOPE.format("").encode()),
            (500, ENVELOPE.format(FAULT.format("x")).encode()),
            (200, b""),
        ):
            self.assertRaises(ParseError, igd.parse_call_answer, status, body)

    def test_outer_address_must_be_one(self) -> None:
        for text in ("", "0.0.0.0", "::1", "router"):
            answer = Element("Envelope", children=[Element("NewExternalIPAddress", text)])
            self.assertRaises(ParseError, igd.parse_outer_host, answer)
