"""Plugins: programs beside the engine that are asked over a socket, found by name, and never waited for by those who don't need them."""
