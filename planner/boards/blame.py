"""Who is at fault when a run stands still: a board that hangs makes others wait, and those are victims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from planner.data.plan import Plan


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a node has come: the last message whose transfer it began, None before the first; whether it is done."""

    begun: int | None
    finished: bool

    def has_begun(self, message: int) -> bool:
        return self.finished or (self.begun is not None and self.begun >= message)


def suspects(plan: Plan, progress: Sequence[Progress]) -> tuple[int, ...]:
    """The boards that hold up a plan which stands still: one, or both ends of a transfer that both have begun.

    Waiting nodes are followed to the one that they wait for. That ends: each node waits for one that is at a lower
    message. The host is no suspect: if it is left alone, the other end of its message is. Raises ValueError if every
    node has finished.
    """
    host = len(progress) - 1
    node = next((node for node, state in enumerate(progress) if not state.finished), None)
    if node is None:
        raise ValueError("nothing stands still: every node has finished")
    while (begun := progress[node].begun) is not None:
        message = plan.messages[begun]
        if plan.bus is not None and begun > 0 and node == message.source:
            previous = plan.messages[begun - 1].source
            if previous != node and not progress[previous].has_begun(begun):
                node = previous
                continue
        peer = message.target if node == message.source else message.source
        if progress[peer].has_begun(begun):
            ahead = progress[peer].finished or progress[peer].begun != begun
            return tuple(end for end in ((node,) if ahead else (node, peer)) if end != host) or (peer,)
        node = peer
    return (node,)


def activity(process: int) -> str:
    """State of a process as Linux names it: T if stopped, else R if any thread runs, else S; ? where it is unknown."""
    states = set()
    for file in Path(f"/proc/{process}/task").glob("*/stat"):
        try:
            states.add(file.read_text().rpartition(")")[2].split()[0])
        except OSError:
            continue
    return next((state for state in ("T", "R", "S") if state in states), "?")
