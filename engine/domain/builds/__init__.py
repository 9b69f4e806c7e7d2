"""Classic builds: a Dockerfile's steps on the engine's own containers and images."""
