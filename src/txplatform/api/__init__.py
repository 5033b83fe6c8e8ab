"""The HTTP API: one module for each resource. All errors are RFC 9457 problems."""
