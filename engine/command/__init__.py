"""`trimaran`, the operator's command: a client of the daemon's status socket, and nothing of the daemon."""
