"""Tests of rbridge.wire."""
