"""Benchmarks. `python -m bench --help` lists them; `bench/README.md` has their results and how to read them."""
