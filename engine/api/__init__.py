"""HTTP: the Engine API on unix sockets, TCP and TLS.

Routes parse (`queries`, `bodies`), ask a facade, and encode (`responses`, `versions`); errors find
their status in `problems`. `app` puts them together, `hijack` takes connections away from HTTP,
`server` serves on `listeners`, and `origin` keeps browsers out. `wire` and `connection` are what
Hypercorn lacks for that.
"""
