"""The parts of a server: one async context manager per subject. It yields a ready part, and stops it on exit."""
