"""The supervision tree: services, mailboxes, restarts, on trio alone."""


class Refusal(Exception):
    """An error that is an answer: it reaches the asker and spares the service that raised it."""
