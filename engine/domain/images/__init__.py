"""Images: what is in containerd's content store, image store and snapshotter, as Docker sees it."""
