"""Root file systems from outside: mounted for a moment, and looked into without ever leaving them."""
