"""Benchmarks: Trimaran and dockerd side by side on one machine. `just bench`; the outcome is RESULTS.md."""
