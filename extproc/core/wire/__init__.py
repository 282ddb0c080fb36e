"""Bytes, blind to dialects."""
