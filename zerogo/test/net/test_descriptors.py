"""Tests for zerogo.net.descriptors."""

import resource

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from zerogo.net.descriptors import ask_for_descriptors


class AskTests(SynchronousTestCase):
    def setUp(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        self.hard = before[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, self.hard))

    def soft(self) -> int:
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def test_more_are_asked_for_and_fewer_never(self) -> None:
        self.assertEqual((ask_for_descriptors(700), self.soft()), (700, 700))
        self.assertEqual((ask_for_descriptors(100), self.soft()), (700, 700))

    def test_the_limit_of_the_system_stays(self) -> None:
        if self.hard == resource.RLIM_INFINITY:
            raise SkipTest("there is none")
        self.assertEqual((ask_for_descriptors(self.hard + 1), self.soft()), (self.hard, self.hard))
