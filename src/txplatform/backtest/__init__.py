"""Tries a rule set on the past: what would be different had it decided from some day on."""
