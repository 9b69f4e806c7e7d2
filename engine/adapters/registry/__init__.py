"""The distribution API of registries: pull, push, login, search, over httpx."""
