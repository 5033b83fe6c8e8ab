"""Measures the platform beside the limits of the same machine, in the same run."""
