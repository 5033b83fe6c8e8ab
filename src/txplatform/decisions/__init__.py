"""The hot path: decide many requests in one commit."""
