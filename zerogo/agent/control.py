# -*- test-case-name: zerogo.test.agent.test_service -*-
"""The member core and the control connection, glued: what the role knows as "the controller".

The connection is dialled for ever, except after a final refusal. Until the controller has welcomed us, one with other
keys than the join token's is a final refusal too: a person waits for the answer. It must not be one of several that the
token names by chance, as a private address does in another house, so it counts when its turn comes a second time; an
address that failed comes last. Nothing here fails when there is no connection: verbs
say that they went nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from zerogo.agent.host import Host
from zerogo.agent.record import Membership
from zerogo.control.channel import FRAME_LIMIT
from zerogo.control.member import ChannelFailed, Member, MemberEvent, MemberState, Refused, Registered
from zerogo.control.messages import FlowsReport, LinksReport
from zerogo.control.token import split_host_port
from zerogo.ids import NodeId
from zerogo.net.control_client import ConnectionStatus, ControlClient
from zerogo.net.dial import ControllerAddress
from zerogo.net.onion import is_onion
from zerogo.net.pump import Pump
from zerogo.noise.identity import Identity

FOREIGN = "foreign"
"""The code of a refusal that is ours: who answers is not the controller of the join token."""

_log = Logger(namespace="zerogo.agent.control")


def controller_addresses(
    membership: Membership, url: str | None, *, leads_to: Callable[[str, int], bool] = lambda host, port: False
) -> list[ControllerAddress]:
    """Where the controller is dialled: the configured URL, else where the controller said the last time, and after
    that the join token's addresses, which a person wrote down. Raises `ParseError`.

    Those to which the HTTP proxy leads are dialled through it too, after the straight ways: it may know no way inside.
    """
    if url is not None:
        straight = [ControllerAddress.parse(url)]
    else:
        places = dict.fromkeys((*membership.told, *membership.controllers))
        straight = [ControllerAddress(*split_host_port(text)) for text in places]
    key = membership.onion_key or b""
    straight = [evolve(address, onion_key=key) if is_onion(address.host) else address for address in straight]
    proxied = [one for one in straight if not is_onion(one.host) and leads_to(one.host, one.port)]
    return straight + [evolve(address, is_proxied=True) for address in proxied]


class Controller:
    """The controller as an agent sees it. `on_event` is given the member's events, after what they mean here is done.

    :param wanted_name: what we would like to be called.
    """

    def __init__(
        self,
        membership: Membership,
        identity: Identity,
        host: Host,
        *,
        addresses: Sequence[ControllerAddress],
        wanted_name: str,
        on_event: Callable[[MemberEvent], object],
    ) -> None:
        self.addresses = tuple(addresses)
        self._is_joining = membership.secret is not None
        self._foreign: list[str] = []
        self._on_event = on_event
        self.member = Member(
            identity=identity,
            key_hash=membership.key_hash,
            network=membership.network,
            name=membership.name or wanted_name,
            rng=host.rng,
        )
        if membership.secret is not None:
            self.member.use_token(membership.secret, membership.token_psk)
        self._client = ControlClient(
            host.reactor, self, addresses, endpoint_of=host.endpoint_of, rng=host.rng, frame_limit=FRAME_LIMIT
        )
        self._pump: Pump[MemberEvent, bytes] = Pump(
            self.member, host.reactor, outputs=self.member.outgoing, send=self._client.send, on_event=self._happened
        )

    @property
    def hosts(self) -> list[str]:
        """Hosts under which the controller is dialled, the one in use first; an onion service has no other servers."""
        in_use = self._client.status().address
        ordered = sorted(
            (one for one in self.addresses if not is_onion(one.host)), key=lambda address: str(address) != in_use
        )
        return list(dict.fromkeys(address.host for address in ordered))

    @property
    def is_member(self) -> bool:
        """Whether the controller has welcomed us on the connection that is open."""
        return self.member.state is MemberState.MEMBER

    def start(self) -> None:
        """Dial."""
        self._client.start()

    def stop(self) -> Deferred[None]:
        """Close the connection; fires when it is closed."""
        return self._client.stop()

    def use_addresses(self, addresses: Sequence[ControllerAddress]) -> None:
        """Dial these from the next time on."""
        self.addresses = tuple(addresses)
        self._client.use_addresses(addresses)

    def look(self, gone: Sequence[str] = ()) -> None:
        """The network changed, and perhaps addresses are gone: find out whether the connection lives."""
        self._client.look(gone)

    def status(self) -> ConnectionStatus:
        """The connection, for people."""
        return self._client.status()

    # Verbs of the member core; they drain it

    def publish(self, capabilities: Sequence[str], subnets: Sequence[str]) -> None:
        """Tell our capabilities and the networks behind us, now or at the next registration."""
        self._pump.call(self.member.publish, capabilities, subnets)

    def signal(self, to: NodeId, blob: bytes) -> None:
        """Pass a blob to a member, if we are connected."""
        self._pump.call(self.member.signal, to, blob)

    def request_punch(self, to: NodeId) -> None:
        """Ask for a common moment with a member, if we are connected."""
        self._pump.call(self.member.request_punch, to)

    def report(self, report: LinksReport | FlowsReport) -> bool:
        """Tell what changed of our links, or what was decided by the policy; False if we are not connected."""
        was_member = self.is_member
        self._pump.call(self.member.report, report)
        return was_member

    def leave(self) -> bool:
        """Leave the network for good; False if the controller cannot be told."""
        was_member = self.is_member
        self._pump.call(self.member.leave)
        return was_member

    # What the connection tells

    def connected(self) -> None:
        self._pump.call(self.member.connected)

    def receive_message(self, data: bytes) -> None:
        self._pump.call(self.member.receive_message, data)

    def disconnected(self, reason: str) -> None:
        self._pump.call(self.member.disconnected)

    def _happened(self, event: MemberEvent) -> None:
        match event:
            case Registered():
                self._is_joining = False
                self._client.settled()
            case ChannelFailed(reason, is_foreign):
                _log.warn("The control connection is of no use: {reason}", reason=reason)
                if is_foreign and self._is_joining and self._is_foreign_for_good():
                    self._happened(Refused(FOREIGN, self._foreign_sentence(), is_final=True))
                    return
                self._client.drop(reason)
            case Refused(_, sentence, is_final):
                if is_final:
                    self._client.stop(sentence)
                else:
                    self._client.drop(sentence)
            case _:
                pass
        self._on_event(event)

    def _is_foreign_for_good(self) -> bool:
        address = self._client.status().address
        was_foreign = address in self._foreign
        self._foreign.append(address)
        return was_foreign or len(self.hosts) == 1

    def _foreign_sentence(self) -> str:
        host = self.hosts[0]
        return (
            f"the controller at {host} has other keys than the join token says: "
            "it is another controller, or someone in between"
        )
