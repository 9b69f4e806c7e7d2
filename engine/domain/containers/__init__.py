"""The containers room: their records, their life cycle, and what is passed to the runtime."""
