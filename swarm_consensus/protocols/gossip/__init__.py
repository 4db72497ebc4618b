"""Protocols of the level fused: what robots tell each other with no leader and no quorum."""
