"""ZeroGo: a self-hosted private network of encrypted Ethernet segments, smart routing and exits."""

__version__ = "0.1.0"
