"""Searches for the best split. The only package that imports a solver library."""
