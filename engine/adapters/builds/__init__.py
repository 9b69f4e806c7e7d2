"""Build contexts on disk: taken in, hashed, and copied into images' layers."""
