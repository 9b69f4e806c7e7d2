"""What integration and client tests share: a daemon of their own, an image, and a look at what is left."""
