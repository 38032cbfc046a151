"""What can go wrong in the lab."""

from __future__ import annotations

from zerogo.errors import EnvironmentFault, LocalError, ParseError


class ScenarioError(ParseError):
    """The scenario file says something that cannot be carried out."""

    code = "E-LAB-SCENARIO"


class LabFault(EnvironmentFault):
    """This machine could not build or run the lab."""

    code = "E-LAB-MACHINE"


class LabMisuse(LocalError):
    """The lab was asked for a host or a step that it does not have."""

    code = "E-LAB-MISUSE"
