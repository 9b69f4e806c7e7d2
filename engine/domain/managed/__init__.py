"""Managed plugins: installed from a tar or a registry, run by containerd in a namespace of their own, kept up while enabled."""
