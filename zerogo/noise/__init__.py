"""Noise sessions between nodes."""
