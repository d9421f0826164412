"""Measurements, not tests: `python -m bench` lists them, `bench/README.md` keeps what they said and how to read it."""
