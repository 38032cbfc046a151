"""ICE (RFC 8445, 8838, 7675): finding the address pairs on which two nodes reach each other, and keeping them true.

One data socket per address family serves all peers, so what other agents call a base is here just the family, and a
candidate pair is told by the remote address alone. There is one `IceAgent` per peer; whose a message is, is decided
before it gets to an agent: a request by the ufrag it is addressed to (`binding.addressed_ufrag`), an answer by its
transaction id (`IceAgent.owns_transaction`). Never by the address it came from.

How an agent differs from the letter of RFC 8445, and why:

- The first pair that works is used at once by both sides, and nomination never ends: the controlling side goes on
  comparing, and nominates again whenever another pair is better. The controlled side follows the last nomination.
- Retransmissions begin at 50 ms (the RFC: 500), since the first datagrams open the NATs and are meant to be lost.
- Pairs that failed are tried again in rounds, for ever; both agents compute the same times for them.

- `credentials`: ufrag and password.
- `candidate`: kinds, priorities, foundations, the text form of RFC 8839.
- `binding`: checks and their answers as STUN messages.
- `checklist`: pairs, their states, and which is to be checked next.
- `consent`: when a working pair has to prove itself again, and when it counts as lost.
- `selection`: which of the working pairs is the best, with hysteresis.
- `rounds`: when everything that failed is tried again.
- `agent`: the core that ties these together.
- `gather`: the core that learns our own server-reflexive addresses.
"""
