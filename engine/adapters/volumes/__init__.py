"""Volumes on the host: their directories, their mounts, and copy-up into them."""
