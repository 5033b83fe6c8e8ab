"""The hot path: decides many requests in one commit."""
