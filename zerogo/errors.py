"""The three error families; every room's own errors descend from one of them.

Who is at fault decides the family: our caller (a bug), the other side (count it, close, carry on), or the machine
we run on (retry with back-off). The first line of a subclass' docstring is the sentence an operator reads.
"""


class ZeroGoError(Exception):
    """Something went wrong."""

    code = "E-ZEROGO"


class LocalError(ZeroGoError):
    """A caller inside this program broke a rule."""

    code = "E-LOCAL"


class RemoteError(ZeroGoError):
    """The other side broke the protocol, or did not prove who it is."""

    code = "E-REMOTE"


class EnvironmentFault(ZeroGoError):
    """The disk, the kernel or the network of this machine failed."""

    code = "E-ENVIRONMENT"


class ParseError(RemoteError):
    """Bytes or text from outside do not have the form they must have."""

    code = "E-PARSE"
