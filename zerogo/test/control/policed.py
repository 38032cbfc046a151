"""Views of a network with a policy, made without a store."""

from __future__ import annotations

from attrs import evolve

from zerogo.control.publication import MapView
from zerogo.policy.compile import class_of, compile_policy
from zerogo.policy.reader import parse_policy
from zerogo.policy.subject import Subject


def with_policy(view: MapView, text: str, revision: int = 1) -> MapView:
    """A view as the store gives it where this policy is in force; an empty text is none."""
    if not text:
        return view
    policy = parse_policy(text)
    records = view.network_map.members
    subjects = [Subject(name=each.name, addresses=each.addresses, networks=each.subnets) for each in records]
    members = tuple(
        evolve(record, policy_class=class_of(policy, subject))
        for record, subject in zip(records, subjects, strict=True)
    )
    network_map = evolve(view.network_map, members=members, policy=revision)
    return evolve(view, network_map=network_map, filters=compile_policy(policy, subjects))
