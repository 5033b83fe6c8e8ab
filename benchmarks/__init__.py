"""Measure the platform, and the limits of the same machine in the same run."""
