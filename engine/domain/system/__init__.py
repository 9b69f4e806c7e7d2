"""The system room: what the engine and its machine are."""
