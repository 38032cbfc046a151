"""Tests and benchmarks that need a real kernel, root, or an installation; never in the wheel."""
