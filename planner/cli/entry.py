"""Entry point of the program.

The commands are imported inside, since that takes a second in which Ctrl-C must end the program as quietly as later.
"""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; exits with its code."""
    try:
        from planner.cli.main import run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
