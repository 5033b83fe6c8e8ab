"""HTTP: one module a resource; errors are RFC 9457 problems, wherever they come from."""
