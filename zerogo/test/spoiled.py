"""Hostile input that gets far: garbage mostly ends at a parser's first look, a good sample with a fault does not."""

from __future__ import annotations

from hypothesis import strategies as st


@st.composite
def spoiled(draw: st.DrawFn, *samples: bytes) -> bytes:
    """One of the samples with a piece of it overwritten, cut out, or put in at up to three places; or whole."""
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=4)) + data[at + draw(st.integers(0, 4)) :]
    return data
