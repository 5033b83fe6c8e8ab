"""Executes batches of commands with optimistic concurrency, and caches accounts."""
