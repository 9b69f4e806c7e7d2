"""The data root as the host has it: what takes how much, and how much is left."""
