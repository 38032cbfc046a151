# -*- test-case-name: zerogo.test.net.test_instructions -*-
"""What this machine's processor has instructions for."""

from __future__ import annotations

from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


def has_aes(cpu_info: Path = CPU_INFO) -> bool:
    """Whether it has some for AES, without which AES-GCM is slow and its time tells of the key."""
    try:
        with cpu_info.open(encoding="ascii", errors="replace") as lines:
            return any(line.lower().startswith(("flags", "features")) and " aes" in line for line in lines)
    except OSError:
        return False
