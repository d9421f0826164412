"""Follows, blocks and visits, and which users see each other."""
