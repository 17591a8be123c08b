"""What a kernel needs besides its operands: parameters records, and the constants that they point to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from planner.core import arithmetic
from planner.core.cost import kernel_of
from planner.core.executor import channel_tables
from planner.core.fast_sums import FastAddition, FastSums, fast_addition, fast_sums
from planner.core.gathering import gathered_offsets, runs
from planner.core.variants import PORTABLE, SCALAR_TILE_PIXELS
from planner.data.graph import (
    INT8_MAX,
    INT8_MIN,
    Add,
    Clamp,
    Concat,
    Conv,
    Gather,
    Graph,
    Int8Array,
    Int32Array,
    Lookup,
    Mul,
    Operator,
    Pad,
    Pool,
    PoolKind,
    Slice,
    Window,
)
from planner.data.region import Region
from planner.errors import ModelError
from planner.planfmt import dsp_packing, layout, mve_packing, scalar_packing
from planner.planfmt.image import align, code
from planner.planfmt.records import RecordValues

NO_INDEX = layout.NO_INDEX.value
_PackWeights = Callable[[FastSums, int, int], bytes]
_PackTerms = Callable[[FastAddition], bytes]
_PACK_WEIGHTS: Mapping[tuple[str, str], _PackWeights] = {
    ("dsp", "convolution"): dsp_packing.pair_stream,
    ("dsp", "pointwise"): dsp_packing.pair_stream,
    ("dsp", "depthwise"): dsp_packing.channel_stream,
    ("mve", "convolution"): mve_packing.group_stream,
    ("mve", "pointwise"): mve_packing.group_stream,
    ("mve", "fully_connected"): mve_packing.group_stream,
    ("mve", "depthwise"): mve_packing.window_stream,
    **{
        (variant, kernel): scalar_packing.group_stream
        for variant in SCALAR_TILE_PIXELS
        for kernel in ("convolution", "pointwise")
    },
    **{(variant, "depthwise"): scalar_packing.window_records for variant in SCALAR_TILE_PIXELS},
}
"""The constants of output channels [start, stop), by variant and kernel; others have plain weights."""
_PACK_TERMS: Mapping[str, _PackTerms] = {
    "dsp": dsp_packing.addition_constants,
    "mve": mve_packing.addition_constants,
    **dict.fromkeys(SCALAR_TILE_PIXELS, dsp_packing.addition_constants),
}


class Constants:
    """The constants section under construction: equal arrays are stored once."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._offsets: dict[bytes, int] = {}

    def add(self, data: bytes) -> int:
        """Offset of `data` in the section."""
        if data not in self._offsets:
            self._bytes.extend(bytes(align(len(self._bytes)) - len(self._bytes)))
            self._offsets[data] = len(self._bytes)
            self._bytes.extend(data)
        return self._offsets[data]

    def to_bytes(self) -> bytes:
        return bytes(self._bytes)


class KernelEncoder:
    """Encodes the parameters of the kernels that compute the operators of one graph."""

    def __init__(self, graph: Graph, constants: Constants) -> None:
        self._graph = graph
        self._constants = constants

    def compute(
        self, operator: Operator, inputs: tuple[Region | None, ...], output: Region, variant: str = PORTABLE
    ) -> RecordValues | None:
        """Parameters for computing `output` of `operator` from its `inputs`, None if the kernel has none.

        Raises TypeError for an operator of an unknown class.
        """
        match operator:
            case Conv():
                assert inputs[0] is not None
                kernel = kernel_of(self._graph, operator)
                pack = _PACK_WEIGHTS.get((variant, kernel))
                if pack is None:
                    return self._convolution(operator, inputs[0], output)
                return self._packed_convolution(operator, inputs[0], output, pack)
            case Pool():
                assert inputs[0] is not None
                return self._pool(operator, inputs[0], output)
            case Add():
                return self._add(operator) if variant == PORTABLE else self._packed_add(operator, _PACK_TERMS[variant])
            case Mul():
                return self._mul(operator)
            case Concat() | Slice():
                return None
            case Pad():
                return _pad(operator, inputs[0], output)
            case Lookup():
                return self._lookup(operator, output)
            case Gather():
                assert inputs[0] is not None
                return self._gather(operator, inputs[0], output)
        raise TypeError(f"operator {operator.name} has the unknown class {type(operator).__name__}")

    def concat_tables(self, concat: Concat) -> tuple[int, ...]:
        """The table of each input, as a constant; the identity where the quantisation is the output's."""
        identity = np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int8)
        tables = arithmetic.concat_tables(self._graph, concat)
        return tuple(self._constants.add((identity if table is None else table).tobytes()) for table in tables)

    def partial_sums(self, conv: Conv, source: Region, output: Region) -> RecordValues:
        """Parameters for int32 sums of `output` over the channels of `source`."""
        weights = conv.weights[
            output.channel_start : output.channel_stop, :, :, source.channel_start : source.channel_stop
        ]
        return _parameters(
            weights=self._constants.add(weights.tobytes()),
            group_input_channels=source.channels,
            group_output_channels=output.channels,
            input_zero_point=self._graph.tensors[conv.inputs[0]].quant.zero_point,
            other_zero_point=conv.weight_zero_point,
            **_window(conv.window, source, output),
        )

    def requantise(self, conv: Conv, output: Region) -> RecordValues:
        """Parameters for finishing complete sums of `output`."""
        bias = conv.bias[output.channel_start : output.channel_stop]
        return _parameters(
            bias=self._constants.add(bias.astype(np.int32).tobytes()), **self._requantisation(conv, output)
        )

    def _convolution(self, conv: Conv, source: Region, output: Region) -> RecordValues:
        channels = slice(output.channel_start, output.channel_stop)
        weights, bias = conv.weights[channels], conv.bias[channels]
        input_zero_point = self._graph.tensors[conv.inputs[0]].quant.zero_point
        if kernel_of(self._graph, conv) in ("pointwise", "fully_connected"):
            bias, input_zero_point = _folded_bias(weights, bias, input_zero_point), 0
        return _parameters(
            weights=self._constants.add(weights.tobytes()),
            bias=self._constants.add(bias.astype(np.int32).tobytes()),
            group_input_channels=conv.group_input_channels,
            group_output_channels=conv.group_output_channels,
            first_in_group=output.channel_start % conv.group_output_channels,
            input_zero_point=input_zero_point,
            other_zero_point=conv.weight_zero_point,
            **_window(conv.window, source, output),
            **self._requantisation(conv, output),
        )

    def _packed_convolution(self, conv: Conv, source: Region, output: Region, pack: _PackWeights) -> RecordValues:
        sums = fast_sums(self._graph, conv)
        assert sums is not None
        is_folded = kernel_of(self._graph, conv) in ("pointwise", "fully_connected")
        zero_point = self._graph.tensors[conv.inputs[0]].quant.zero_point
        return _parameters(
            weights=self._constants.add(pack(sums, output.channel_start, output.channel_stop)),
            group_input_channels=conv.group_input_channels,
            group_output_channels=conv.group_output_channels,
            first_in_group=output.channel_start % conv.group_output_channels,
            input_zero_point=0 if is_folded else zero_point,
            **_window(conv.window, source, output),
            **self._output(conv, conv.clamp),
        )

    def _packed_add(self, add: Add, pack: _PackTerms) -> RecordValues:
        addition = fast_addition(self._graph, add)
        assert addition is not None
        return _parameters(table=self._constants.add(pack(addition)), **self._output(add, add.clamp))

    def _requantisation(self, conv: Conv, output: Region) -> dict[str, int]:
        """Fields of the last stage of a convolution, with the constants of the output's channels."""
        requantisation = arithmetic.conv_requantisation(self._graph, conv)
        return {
            "quantisation": self._quantisations(
                requantisation.channels(output.channel_start, output.channel_stop),
            ),
            **self._output(conv, conv.clamp),
        }

    def _quantisations(self, requantisation: arithmetic.Requantisation) -> int:
        if isinstance(requantisation, arithmetic.FloatRequantisation):
            pairs = [arithmetic.float_factor(float(scale)) for scale in requantisation.scales]
        else:
            pairs = [
                (int(multiplier), int(shift))
                for multiplier, shift in zip(requantisation.multipliers, requantisation.shifts, strict=True)
            ]
        return self._constants.add(
            b"".join(layout.QUANTISATION.pack({"multiplier": m, "shift": shift}) for m, shift in pairs)
        )

    def _output(self, operator: Operator, clamp: Clamp) -> dict[str, int]:
        tensor = self._graph.output_tensor(operator)
        return {
            "output_zero_point": tensor.quant.zero_point,
            "clamp_minimum": clamp.minimum,
            "clamp_maximum": clamp.maximum,
        }

    def _pool(self, pool: Pool, source: Region, output: Region) -> RecordValues:
        fields = self._output(pool, pool.clamp)
        fields["input_zero_point"] = self._graph.tensors[pool.inputs[0]].quant.zero_point
        if pool.kind is PoolKind.MEAN:
            fields["quantisation"] = self._quantisations(arithmetic.mean_requantisation(self._graph, pool))
            return _parameters(**fields)
        fields |= _window(pool.window, source, output)
        if pool.kind is PoolKind.MAXIMUM:
            return _parameters(**fields)
        average = arithmetic.average_parameters(self._graph, pool)
        flags = {"COUNT_PADDING": pool.count_padding}
        if isinstance(average, arithmetic.FloatAverage):
            flags["UNSIGNED"] = average.unsigned
            scales = {"input_scale": average.input_scale, "output_scale": average.output_scale}
            fields["quantisation"] = self._constants.add(layout.FLOAT_AVERAGE.pack(scales))
        else:
            fields["quantisation"] = self._factors((average.multiplier, average.shift))
        return _parameters(flags=_flags(flags), **fields)

    def _add(self, add: Add) -> RecordValues:
        addition = arithmetic.add_parameters(self._graph, add)
        first, second = (tensor.quant.zero_point for tensor in self._graph.input_tensors(add))
        fields = self._output(add, add.clamp) | {"input_zero_point": first, "other_zero_point": second}
        if isinstance(addition, arithmetic.FloatAddition):
            ratios = {"ratio1": addition.ratio1, "ratio2": addition.ratio2, "bias": addition.bias}
            fields["quantisation"] = self._constants.add(layout.FLOAT_ADDITION.pack(ratios))
            return _parameters(flags=_flags({"UNSIGNED": addition.unsigned}), **fields)
        fields["quantisation"] = self._factors(
            (addition.multiplier1, addition.shift1),
            (addition.multiplier2, addition.shift2),
            (addition.output_multiplier, addition.output_shift),
        )
        return _parameters(flags=_flags({"SUBTRACT": addition.subtract}), **fields)

    def _mul(self, mul: Mul) -> RecordValues:
        first, second = (tensor.quant.zero_point for tensor in self._graph.input_tensors(mul))
        return _parameters(
            input_zero_point=first,
            other_zero_point=second,
            quantisation=self._quantisations(arithmetic.mul_requantisation(self._graph, mul)),
            **self._output(mul, mul.clamp),
        )

    def _lookup(self, lookup: Lookup, output: Region) -> RecordValues:
        tables = channel_tables(lookup, output).astype(np.int8)
        flags = _flags({"CHANNEL_TABLES": tables.ndim == 2})
        return _parameters(table=self._constants.add(tables.tobytes()), flags=flags)

    def _gather(self, gather: Gather, source: Region, output: Region) -> RecordValues:
        shape = self._graph.tensors[gather.inputs[0]].shape
        rows, columns, channels = gathered_offsets(gather, shape, source, output)
        copied = runs(channels)
        words = [*rows, *columns, len(copied), *(word for run in copied for word in run)]
        return _parameters(table=self._constants.add(np.array(words, "<u4").tobytes()))

    def _factors(self, *pairs: tuple[int, int]) -> int:
        multipliers, shifts = (np.array(column, np.int32) for column in zip(*pairs, strict=True))
        return self._quantisations(arithmetic.FixedRequantisation(multipliers, shifts))


def _parameters(**fields: int) -> RecordValues:
    """A parameters record: what is not given is unused."""
    unused: dict[str, Any] = {field.name: 0 for field in layout.PARAMETERS.fields}
    unused |= {"weights": NO_INDEX, "bias": NO_INDEX, "quantisation": NO_INDEX, "table": NO_INDEX}
    return unused | fields


def _window(window: Window, source: Region, output: Region) -> dict[str, int]:
    """Fields of a window, with the padding that `output` meets above and left of `source`."""
    if window.kernel[0] > layout.KERNEL_ROWS_MAX.value:
        raise ModelError(f"a window of {window.kernel[0]} rows is higher than {layout.KERNEL_ROWS_MAX.value}")
    return {
        "kernel_rows": window.kernel[0],
        "kernel_columns": window.kernel[1],
        "stride_rows": window.stride[0],
        "stride_columns": window.stride[1],
        "dilation_rows": window.dilation[0],
        "dilation_columns": window.dilation[1],
        "pad_top": source.row_start - (output.row_start * window.stride[0] - window.padding.top),
        "pad_left": source.column_start - (output.column_start * window.stride[1] - window.padding.left),
    }


def _pad(pad: Pad, source: Region | None, output: Region) -> RecordValues:
    if source is None:
        return _parameters(output_zero_point=pad.value)
    return _parameters(
        output_zero_point=pad.value,
        pad_top=source.row_start + pad.padding.top - output.row_start,
        pad_left=source.column_start + pad.padding.left - output.column_start,
    )


def _folded_bias(weights: Int8Array, bias: Int32Array, input_zero_point: int) -> Int32Array:
    """Bias of sums of x * w that equals `bias` of sums of (x - input_zero_point) * w, modulo 2^32."""
    sums = weights.astype(np.int64).sum(axis=(1, 2, 3))
    folded: Int32Array = (bias.astype(np.int64) - input_zero_point * sums).astype(np.int32)
    return folded


def _flags(flags: dict[str, bool]) -> int:
    return sum(code("parameters_flag", name) for name, given in flags.items() if given)
