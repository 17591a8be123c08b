"""Boards: firmware built on demand, emulated or local processes that run it, and the host's end of the protocol."""
