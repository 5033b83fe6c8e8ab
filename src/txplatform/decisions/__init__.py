"""The hot path: many requests, one commit."""
