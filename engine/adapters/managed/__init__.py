"""Managed plugins on the host: their blobs, root file systems and tasks."""
