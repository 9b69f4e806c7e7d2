"""The events room: the journal that makes changes and events true together, and the bus that tells them."""
