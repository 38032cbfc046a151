# -*- test-case-name: zerogo.test.control.test_publication -*-
"""The map of one network as the controller publishes it: signed once per revision, encoded once per base revision.

What a member needs depends only on the revision it holds: nothing, a delta, or the whole map. Deltas are computed from
the revision at which each record last changed, not from a history of maps, so their cost is what changed and not what
exists, and a restarted controller, which reads those revisions from its store, resumes its members with deltas too.

Where the network has a policy, each class of members has a sheet of filters, signed when a member of that class is
first to be sent it, and again only when it says something else.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, field, frozen

from zerogo.control.messages import Filters, MapUnchanged, WholeMap, emit_message
from zerogo.control.netmap import MemberRecord, NetworkMap, SignedMap, emit_record
from zerogo.control.policy_sheet import FilterSheet, content_digest, emit_content
from zerogo.ids import NetworkId, NodeId
from zerogo.noise.identity import Identity
from zerogo.policy.compile import ClassFilters

ENCODED_LIMIT = 256
"""Encoded deltas kept per revision; members that hold something rarer have theirs encoded for them alone."""


@frozen(kw_only=True)
class MapView:
    """A network as read from the store in one transaction."""

    network_map: NetworkMap
    changed_at: Mapping[NodeId, int]
    """Revision of the last change of each member's record."""
    removed_at: Mapping[NodeId, int] = field(factory=dict)
    """Revision at which former members went, from `complete_since` on."""
    complete_since: int = 0
    """Deltas from this revision or a later one are complete."""
    filters: Mapping[bytes, ClassFilters] = field(factory=dict)
    """By class of members, where the network has a policy."""


@frozen
class Sheet:
    """A sheet of filters, ready to be sent."""

    filters: ClassFilters = field(repr=False)
    digest: bytes
    message: bytes = field(repr=False)


class Publication:
    """What is published of one network. Messages come out encoded, ready to be sealed for each member."""

    def __init__(self, view: MapView, controller: Identity) -> None:
        self._controller = controller
        self._encoded: dict[int, bytes] = {}
        self._known: dict[NodeId, tuple[MemberRecord, bytes]] = {}
        self._sheets: dict[bytes, Sheet] = {}
        self._view = view
        self._signed = self._sign(view)

    @property
    def network(self) -> NetworkId:
        """The network's id."""
        return self._view.network_map.network

    @property
    def revision(self) -> int:
        """Of the published map."""
        return self._view.network_map.revision

    @property
    def keeps_flow_log(self) -> bool:
        """Whether members were told that the network keeps a log of what they decide by the policy."""
        return self._view.network_map.flow_log

    @property
    def signed(self) -> SignedMap:
        """The published map."""
        return self._signed

    def replace(self, view: MapView) -> bool:
        """Publish a newer view; False, and nothing changes, where it is not newer."""
        if view.network_map.revision <= self.revision:
            return False
        self._view = view
        self._signed = self._sign(view)
        self._encoded.clear()
        self._sheets = {name: sheet for name, sheet in self._sheets.items() if name in view.filters}
        return True

    def _sign(self, view: MapView) -> SignedMap:
        """Encode only those records that are not the ones of the map before."""
        members = sorted(view.network_map.members, key=lambda record: record.node_id.raw)
        known: dict[NodeId, tuple[MemberRecord, bytes]] = {}
        for record in members:
            before = self._known.get(record.node_id)
            unchanged = before is not None and (before[0] is record or before[0] == record)
            known[record.node_id] = before if unchanged and before else (record, emit_record(record))
        self._known = known
        records = {node_id: blob for node_id, (_, blob) in known.items()}
        return SignedMap.of_records(view.network_map, records, self._controller)

    def message_for(self, base: int) -> bytes:
        """The encoded message that brings a member holding revision `base` (0: none) to the published map."""
        encoded = self._encoded.get(base)
        if encoded is None:
            encoded = self._encode(base)
            if len(self._encoded) < ENCODED_LIMIT:
                self._encoded[base] = encoded
        return encoded

    def sheet_for(self, node_id: NodeId) -> Sheet | None:
        """The filters for a member of the published map; None where the network has no policy."""
        if not self._view.network_map.policy or node_id not in self._known:
            return None
        of_class = self._known[node_id][0].policy_class
        filters = self._view.filters.get(of_class, ClassFilters())
        sheet = self._sheets.get(of_class)
        if sheet is None or sheet.filters != filters:
            sheet = self._sheets[of_class] = self._make_sheet(of_class, filters, sheet)
        return sheet

    def _make_sheet(self, of_class: bytes, filters: ClassFilters, before: Sheet | None) -> Sheet:
        content = emit_content(of_class, filters)
        digest = content_digest(content)
        if before is not None and before.digest == digest:
            return evolve(before, filters=filters)
        signed = FilterSheet.sign(self.network, self.revision, content, self._controller)
        return Sheet(filters, digest, emit_message(Filters(signed.encode())))

    def _encode(self, base: int) -> bytes:
        if base == self.revision:
            return emit_message(MapUnchanged(base))
        view = self._view
        if not view.complete_since <= base < self.revision or base == 0:
            return emit_message(WholeMap(self._signed.encode()))
        changed = [node_id for node_id, revision in view.changed_at.items() if revision > base]
        removed = [node_id for node_id, revision in view.removed_at.items() if revision > base]
        if len(changed) >= len(self._known):
            return emit_message(WholeMap(self._signed.encode()))
        return emit_message(self._signed.delta_from(base, changed, removed))
