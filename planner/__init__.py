"""planner: split a quantised CNN over networked microcontrollers, with a proven bound."""

__version__ = "0.1.0"
