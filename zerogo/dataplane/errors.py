"""What can go wrong with the machine when a data plane is set up."""

from zerogo.errors import EnvironmentFault


class TapNotOpened(EnvironmentFault):
    """The virtual network interface could not be made."""

    code = "E-TAP"


class SocketNotOpened(EnvironmentFault):
    """The data socket could not be opened."""

    code = "E-DATA-SOCKET"


class PlaneNotStarted(EnvironmentFault):
    """The data plane could not be started."""

    code = "E-PLANE"
