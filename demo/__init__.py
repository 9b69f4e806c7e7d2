"""`just demo`: the engine's main job, shown and checked step by step through its API alone."""
