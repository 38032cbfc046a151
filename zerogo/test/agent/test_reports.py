"""Tests for zerogo.agent.reports."""

import msgspec
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from zerogo.agent.reports import PeerReport, peer_reports, plane_report
from zerogo.dataplane.interface import Counter, PeerCounters, PlaneCounters
from zerogo.ice.candidate import Candidate
from zerogo.ice.nature import NatBehaviour, NatMapping, PortPattern
from zerogo.ids import NodeId, SocketAddress
from zerogo.mesh.events import PathKind, PeerState
from zerogo.mesh.signal import Offer, Relayed
from zerogo.mesh.status import PathStatus, PeerStatus
from zerogo.routing.score import Score, Term

PATH = PathStatus(
    destination=SocketAddress("192.0.2.7", 9993),
    kind=PathKind.DIRECT,
    relay="",
    local_candidate="host",
    remote_candidate="srflx",
    is_active=True,
    is_alive=True,
    rtt=0.0123456,
    rtt_min=0.01,
    jitter=0.001,
    loss=0.25,
    mtu=1472,
    score=Score(89.5, (Term("base", 100.0), Term("latency", -10.5)), 89.5),
)
PEER = PeerStatus(
    peer=3,
    node_id=NodeId(b"0123456789"),
    name="bob",
    addresses=("10.1.0.3",),
    state=PeerState.CONNECTED,
    reason="",
    path=PATH,
    paths=(PATH,),
    handshake_age=4.0,
    seconds_to_direct=0.2,
    next_try_in=None,
)
LOST = evolve(PEER, peer=4, name="anna", state=PeerState.UNREACHABLE, reason="no answer", path=None, paths=())


class ReportTests(SynchronousTestCase):
    def test_relays_and_what_a_peer_offers_are_named(self) -> None:
        address = SocketAddress("203.0.113.5", 40000)
        offer = Offer(
            candidates=(Candidate.host(SocketAddress("2001:db8::7", 9993)), Candidate.port_mapped(address, address)),
            nat=NatBehaviour(mapping=NatMapping.PER_DESTINATION, ports=PortPattern.RANDOM),
            relayed=(Relayed(relay="fra", address=address),),
        )
        path = evolve(PATH, kind=PathKind.RELAY, relay="fra")
        report = peer_reports([evolve(PEER, path=path, theirs=offer)], PlaneCounters())[0]
        assert report.path is not None
        self.assertEqual(report.path.score, "89.5 = base 100 - latency 10.5")
        self.assertEqual((report.path.kind, report.path.relay), ("relay", "fra"))
        self.assertEqual(report.offer.candidates, ["host [2001:db8::7]:9993", "mapped 203.0.113.5:40000"])
        self.assertEqual(report.offer.relayed, ["fra 203.0.113.5:40000"])
        self.assertEqual((report.offer.mapping, report.offer.ports), ("per-destination", "random"))

    def test_peers_come_by_name_with_what_the_plane_counted(self) -> None:
        counters = PlaneCounters(peers={3: PeerCounters(bytes_in=10, bytes_out=20)})
        anna, bob = peer_reports([PEER, LOST], counters)
        self.assertEqual((anna.name, anna.reason, anna.path, anna.bytes_in), ("anna", "no answer", None, 0))
        self.assertEqual((bob.bytes_in, bob.bytes_out, bob.path.rtt_ms), (10, 20, 12.346))

    def test_how_long_a_peer_is_known_is_said(self) -> None:
        anna, bob = peer_reports([PEER, LOST], PlaneCounters(), {3: 1.23456})
        self.assertEqual((anna.known_seconds, bob.known_seconds), (None, 1.235))

    def test_a_report_is_read_back_from_its_json(self) -> None:
        report = peer_reports([PEER], PlaneCounters())[0]
        self.assertEqual(msgspec.json.decode(msgspec.json.encode(report), type=PeerReport), report)

    def test_the_plane_tells_counters_and_offloads_by_name(self) -> None:
        report = plane_report("reference", PlaneCounters(plane={Counter.FLOODED: 7}))
        self.assertEqual((report.counters, report.offloads["udp_gso"]), ({"flooded": 7}, True))
