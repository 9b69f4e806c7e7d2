"""The machine: what its kernel, cgroups and processor are."""
