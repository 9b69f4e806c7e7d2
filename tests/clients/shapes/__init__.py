"""The shape of each answer about containers and execs: recorded from dockerd, and read from the API's description."""
