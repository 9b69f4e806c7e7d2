"""A buildkitd of the machine, as a child of the daemon, and the passing of its clients to it."""
