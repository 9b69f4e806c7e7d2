"""The resolver: a process of its own that answers names inside containers, at 127.0.0.11.

It outlives the daemon, so that names go on resolving, and its load stays off the daemon's loop.
"""
