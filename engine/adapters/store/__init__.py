"""The state database: SQLite in WAL mode, one writer, group commits."""
