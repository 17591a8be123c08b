"""Frozen data: what is split (graph), over what (hardware, instance), how (split, plan), and the outcome (result)."""
