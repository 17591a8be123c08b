"""Fused segments: which operators to fuse, how each segment rolls, and what that costs."""
