"""The standard streams of a container's runs: FIFOs, the copier to log and clients, and stdin."""
