"""How well an int8 model agrees with the float model that it was made from."""

from __future__ import annotations

from dataclasses import dataclass

from tabulate import tabulate

from planner.report.notation import UNKNOWN

_WORST_LAYERS = 10


@dataclass(frozen=True, slots=True)
class OutputAgreement:
    """The model's outputs over some samples. `same_top` counts samples whose largest element is the same.

    `sqnr_db`: signal to quantisation noise, in decibels; None if there is no difference at all.
    """

    samples: int
    same_top: int
    largest_error: float
    sqnr_db: float | None


@dataclass(frozen=True, slots=True)
class LayerAgreement:
    """One activation over the samples."""

    tensor: str
    largest_error: float
    sqnr_db: float | None


@dataclass(frozen=True, slots=True)
class QuantiseReport:
    """`held_back` is over samples that calibration has not seen; None if there were too few to hold any back.

    `layers` are in the order of execution.
    """

    file: str
    operators: int
    calibration: OutputAgreement
    held_back: OutputAgreement | None
    layers: tuple[LayerAgreement, ...]


def quantise_table(report: QuantiseReport) -> str:
    """The same for people: the outputs, then the layers that suffer most."""
    sets = [("calibration", report.calibration), *([("held back", report.held_back)] if report.held_back else [])]
    rows = [(name, f"{a.same_top} of {a.samples}", f"{a.largest_error:.4g}", _decibels(a.sqnr_db)) for name, a in sets]
    outputs = tabulate(rows, ("samples", "same top-1", "largest error", "SQNR"), stralign="right", colalign=("left",))
    worst = sorted(report.layers, key=lambda layer: float("inf") if layer.sqnr_db is None else layer.sqnr_db)
    layers = tabulate(
        [(layer.tensor, f"{layer.largest_error:.4g}", _decibels(layer.sqnr_db)) for layer in worst[:_WORST_LAYERS]],
        ("activation", "largest error", "SQNR"),
        stralign="right",
        colalign=("left",),
    )
    note = "" if report.held_back else "\nToo few samples to hold any back; agreement on others may be worse."
    return (
        f"{report.file}: {report.operators} int8 operators\n\nOutputs, int8 against float:\n{outputs}{note}\n\n"
        f"The {min(_WORST_LAYERS, len(worst))} activations of {len(worst)} that suffer most:\n{layers}"
    )


def _decibels(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1f} dB"
