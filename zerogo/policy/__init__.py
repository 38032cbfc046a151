"""Who may talk to whom, and to where.

- `filter`: the rules that a plane holds one peer against.
- `addresses`: what address a spelling of an address really leads to, which ranges are not the public internet, and the
  rule that a relay or an exit holds its destinations against.
"""
