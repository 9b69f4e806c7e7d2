"""The execs room: further processes in running containers."""
