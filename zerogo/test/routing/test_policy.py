"""Founding names, founding defaults, hard constraints."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from zerogo.routing.policy import Constraint, RoutingPolicy, verdict
from zerogo.routing.score import Facts, PathType

DIRECT = Facts(type=PathType.DIRECT, latency=0.02)
PEER = Facts(type=PathType.PEER, latency=0.04, carriers=1)
FAR = Facts(type=PathType.PEER, latency=0.06, carriers=2)
SERVER = Facts(type=PathType.SERVER, latency=0.05)


class PolicyTests(SynchronousTestCase):
    """What is allowed."""

    def assert_broken(self, policy: RoutingPolicy, *expected: Constraint | None) -> None:
        """For a direct path, routes through one and two members, and a relay."""
        self.assertEqual(tuple(policy.broken_by(facts) for facts in (DIRECT, PEER, FAR, SERVER)), expected)

    def test_founding_defaults(self) -> None:
        policy = RoutingPolicy()
        self.assertEqual(
            (policy.p2p_enabled, policy.p2p_port, policy.enable_mesh_routing, policy.max_hops),
            (True, 0, True, 3),
        )
        self.assertEqual((policy.route_update_interval, policy.p2p_timeout), (30, 5))
        self.assertEqual(policy.carriers_limit, 2)
        self.assert_broken(policy, None, None, None, None)

    def test_without_p2p_there_is_the_server(self) -> None:
        off = Constraint.P2P_DISABLED
        self.assert_broken(RoutingPolicy(p2p_enabled=False), off, off, off, None)
        self.assertEqual(RoutingPolicy(p2p_enabled=False).carriers_limit, 0)

    def test_without_mesh_routing_no_member_carries(self) -> None:
        off = Constraint.MESH_ROUTING_DISABLED
        self.assert_broken(RoutingPolicy(enable_mesh_routing=False), None, off, off, None)
        self.assertEqual(RoutingPolicy(enable_mesh_routing=False).carriers_limit, 0)

    def test_disabling_the_relay_leaves_direct_paths(self) -> None:
        off = Constraint.RELAY_DISABLED
        self.assert_broken(RoutingPolicy(disable_relay=True), None, off, off, off)

    def test_relay_fallback_is_about_servers(self) -> None:
        self.assert_broken(RoutingPolicy(relay_fallback=False), None, None, None, Constraint.NO_RELAY_FALLBACK)

    def test_limits_of_hops_and_carriers(self) -> None:
        self.assert_broken(RoutingPolicy(max_hops=2), None, None, Constraint.TOO_MANY_HOPS, None)
        self.assert_broken(RoutingPolicy(max_relay_hops=1), None, None, Constraint.TOO_MANY_CARRIERS, None)
        self.assertEqual(RoutingPolicy(max_hops=2).carriers_limit, 1)
        self.assertEqual(RoutingPolicy(max_hops=1).carriers_limit, 0)

    def test_latency(self) -> None:
        slow = Constraint.TOO_SLOW
        self.assert_broken(RoutingPolicy(max_latency=0.045), None, None, slow, slow)
        self.assertIsNone(RoutingPolicy(max_latency=0.01).broken_by(Facts(type=PathType.DIRECT, latency=None)))

    def test_the_verdict_is_one_sentence(self) -> None:
        self.assertEqual(verdict([]), "")
        self.assertEqual(verdict([Constraint.RELAY_DISABLED, Constraint.RELAY_DISABLED]), "unreachable: relay disabled")
        self.assertEqual(
            verdict([Constraint.P2P_DISABLED, Constraint.NO_RELAY_FALLBACK]),
            "unreachable: p2p disabled; relay fallback is off",
        )
