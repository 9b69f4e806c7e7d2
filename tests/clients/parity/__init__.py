"""The same docker commands on dockerd and on this engine: what dockerd answered is kept in golden.json."""
