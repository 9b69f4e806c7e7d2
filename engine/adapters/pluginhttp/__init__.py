"""The plugin protocol's outside: where plugins say that they are, and HTTP to them."""
