"""Use cases that join the edges with the core: solve, run, profile."""
