"""What can be said to a person about reaching others: of one pair of members, and of this machine's network. Pure.

- `pair`: why a pair is connected the way it is, or not at all; what the person could change.
- `survey`: a core that asks STUN servers from several sockets what the NAT does (RFC 5780, RFC 4787).
- `network`: what was found of this machine's network, and the sentences that follow from it.

Nothing here decides anything: facts go in, sentences come out, so that each can be tested.
"""
