"""Requests, responses, problems and messages as other teams see them."""
