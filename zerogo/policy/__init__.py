"""Who may talk to whom, and to where.

Theory of operation. A network has one policy, a text (docs/POLICY.md). `text` and `reader` make a `document.Policy` of
it; `subject` are members as rules speak of them. `compile` makes a filter (`filter`) of it for each pair of classes of
members, and that is what members are told and planes enforce: nobody else has to know names, tags and groups. `judge`
answers questions of people with the same compiled rules that planes hold, so an explanation cannot differ from what is
enforced.

- `text`, `reader`, `document`, `errors`: the text and what it means, with places for what is wrong.
- `subject`, `compile`, `filter`: from members and rules to what a plane holds one peer against.
- `words`: filters as people are told of them.
- `judge`, `lint`: one packet, the policy's own tests, the difference of two policies; what is worth a look.
- `addresses`: what address a spelling of an address really leads to, which ranges are not the public internet, and the
  rule that a relay or an exit holds its destinations against.
"""
