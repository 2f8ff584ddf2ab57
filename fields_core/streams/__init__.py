"""Streams: what the tracker sees, sent to other programs while it happens."""
