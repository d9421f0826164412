"""Draws the pictures of the demo users: flat faces, each of a look."""
