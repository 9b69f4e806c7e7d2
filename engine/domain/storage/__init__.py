"""The storage room: what takes the disk under the data root, whose it is, and what may go."""
