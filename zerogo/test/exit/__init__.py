"""Tests of `zerogo.exit`."""
