"""The configuration of trimarand: schema, flags, file, validation, reload. Knows no engine.

`flags.parse(argv)` reads the command line, `load.load(line)` makes the settings of it and of
daemon.json, and `reload.diff(old, new)` says what a reload changes.
"""
