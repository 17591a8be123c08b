"""Rough estimates of clock cycles from counts of instructions; nothing here is measured on silicon.

M3 and M4: the timings of their technical reference manuals (DDI 0337, DDI 0439), with no wait states: a single load or
store takes 2 cycles, 1 right after another; N registers 1 + N; a taken branch 3. M7: two instructions a cycle, but one
multiplication, one store or 64 bits of loads; branches predicted. M55: scalar instructions one a cycle, vector ones two
cycles each, where a load, store or other instruction overlaps the vector arithmetic beside it; scattered and gathered
elements one a cycle. M7's and M55's are assumptions from public descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

_LOAD = re.compile(r"ldr|ldm|pop|vld|l[bhw]u?$|c\.lw|flw")
_STORE = re.compile(r"str|stm|push|vst|s[bhw]$|c\.sw|fsw")
_MULTIPLY = re.compile(r"mul|ml[as]|[su]ml?[lu][al]|sm[mlu]|vmul|vmla|vfma|vqr?dm|vrmul")
_CONDITIONS = "eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le"
_BRANCH = re.compile(
    rf"(b|bl|bx|blx|b({_CONDITIONS})|cbz|cbnz|tbb|tbh|le|letp|lctp|[wd]lst?p?|j|jal|jalr|jr|ret"
    r"|b(eq|ne|le|ge|lt|gt)z|b(lt|ge|gt|le)u)(\.[nw])?$"
)


class Kind(Enum):
    """What an instruction does."""

    LOAD = "loads"
    STORE = "stores"
    MULTIPLY = "multiplies"
    BRANCH = "branches"
    OTHER = "others"


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction of a function, how often it ran, and how often a branch was taken."""

    mnemonic: str
    operands: str
    count: int
    taken: int

    @property
    def is_vector(self) -> bool:
        """An instruction of the M-profile vector extension."""
        return self.mnemonic.startswith("v") and re.search(r"\bq\d", self.operands) is not None

    @property
    def kind(self) -> Kind:
        """Loads move memory to registers, whatever their number; multiplications may add."""
        patterns = {Kind.LOAD: _LOAD, Kind.STORE: _STORE, Kind.MULTIPLY: _MULTIPLY, Kind.BRANCH: _BRANCH}
        for kind, pattern in patterns.items():
            if pattern.match(self.mnemonic):
                return kind
        return Kind.OTHER

    @property
    def registers(self) -> int:
        """Words that a load or a store moves."""
        if self.mnemonic.startswith(("ldrd", "strd")):
            return 2
        listed = re.search(r"\{([^}]*)\}", self.operands)
        if listed is None:
            return 1
        count = 0
        for part in listed[1].split(","):
            ends = re.findall(r"\d+", part.replace("lr", "r14").replace("pc", "r15").replace("ip", "r12"))
            count += int(ends[1]) - int(ends[0]) + 1 if len(ends) == 2 else 1
        return count


def m3_cycles(code: Sequence[Instruction]) -> float:
    """Multiplications: MUL 1, MLA 2, 64-bit products 4 and sums of them 5.5 (between 3 to 5 and 4 to 7)."""
    return _in_order(code, {"mla": 2.0, "mls": 2.0, "smull": 4.0, "umull": 4.0, "smlal": 5.5, "umlal": 5.5})


def m4_cycles(code: Sequence[Instruction]) -> float:
    """Multiplications of every kind 1."""
    return _in_order(code, {})


def m7_cycles(code: Sequence[Instruction]) -> float:
    """The scarcest of: two instructions a cycle, one multiplication, one store, two words of loads."""
    total = sum(i.count for i in code) / 2
    multiplies = sum(i.count for i in code if i.kind is Kind.MULTIPLY)
    moved = sum(i.count * max(1.0, i.registers / 2) for i in code if i.kind is Kind.STORE)
    moved += sum(i.count * max(0.5, i.registers / 2) for i in code if i.kind is Kind.LOAD)
    return max(total, multiplies, moved)


def m55_cycles(code: Sequence[Instruction]) -> float:
    """Scalar instructions, and the larger of vector loads and stores and of vector arithmetic."""
    scalar = _in_order([i for i in code if not i.is_vector], {}, load=1.0)
    vectors = [i for i in code if i.is_vector]
    moved = sum(i.count * _vector_cycles(i) for i in vectors if i.kind in (Kind.LOAD, Kind.STORE))
    computed = sum(2.0 * i.count for i in vectors if i.kind not in (Kind.LOAD, Kind.STORE))
    return scalar + max(moved, computed)


CORES = {"m3": m3_cycles, "m4": m4_cycles, "m7": m7_cycles, "m55": m55_cycles}
"""By board."""


def _vector_cycles(instruction: Instruction) -> float:
    """A vector load or store: of scattered elements as many cycles as elements."""
    is_scattered = re.search(r"\[(\w+, )?q\d", instruction.operands) is not None
    if not is_scattered:
        return 2.0
    return {"8": 16.0, "16": 8.0, "32": 4.0}.get(re.findall(r"\d+", instruction.mnemonic)[-1], 4.0)


def _in_order(code: Sequence[Instruction], multiplications: dict[str, float], load: float = 2.0) -> float:
    """Cycles of a core that issues one instruction at a time; `load` is what a single load or store takes alone."""
    cycles = 0.0
    follows_memory = False
    for instruction in code:
        kind = instruction.kind
        is_memory = kind in (Kind.LOAD, Kind.STORE)
        cost = 1.0
        if is_memory:
            words = instruction.registers
            cost = (1.0 if follows_memory else load) if words == 1 else 1.0 + words
        elif kind is Kind.MULTIPLY:
            cost = multiplications.get(instruction.mnemonic.split(".")[0], 1.0)
        elif re.match(r"[su]div", instruction.mnemonic):
            cost = 7.0
        cycles += instruction.count * cost + 2.0 * instruction.taken
        follows_memory = is_memory
    return cycles
