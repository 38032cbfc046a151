"""What an open port asks of the system."""

from __future__ import annotations

import resource

from twisted.trial.unittest import SynchronousTestCase

from zerogo.net.peer_listener import STREAMS_LIMIT
from zerogo.net.peer_streams import PeerStreams
from zerogo.test.net.peer_fakes import ANN, BOB, Reactor, find_for


class PeerStreamsTests(SynchronousTestCase):
    def test_an_open_port_comes_with_descriptors_for_all_that_it_may_take(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, before[1]))
        streams = PeerStreams(
            Reactor().tools("ours"),
            find_for(BOB, ANN),
            None,
            opened=lambda peer, stream: None,
            closed=lambda peer, address: None,
        )
        self.addCleanup(streams.stop)
        streams.open(0)
        wanted = 2 * STREAMS_LIMIT
        hard = wanted if before[1] == resource.RLIM_INFINITY else before[1]
        self.assertGreaterEqual(resource.getrlimit(resource.RLIMIT_NOFILE)[0], min(wanted, hard))
