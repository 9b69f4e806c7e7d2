"""The logs room: what containers print, kept in json-file logs and read back."""
