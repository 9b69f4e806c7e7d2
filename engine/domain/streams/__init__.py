"""The containers' standard streams: FIFOs, the copier, attached clients."""
