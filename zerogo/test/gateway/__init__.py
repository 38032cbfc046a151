"""Tests of `zerogo.gateway`."""
