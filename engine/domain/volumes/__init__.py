"""The volumes room: directories that outlive containers, and the host paths that are bound into them."""
