"""The daemon's configuration in the terms of its parts: the only place that knows both."""
