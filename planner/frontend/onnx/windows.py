"""Kernel, stride, dilation and padding attributes to `Window`."""

from __future__ import annotations

from planner.data.graph import Padding, Window
from planner.frontend.onnx.model_file import Node


def window_of(node: Node, kernel: tuple[int, ...], size: tuple[int, int]) -> Window:
    """The window of a convolution or pool over an input of `size` rows and columns.

    Raises ModelError for windows that are not two-dimensional, do not fit, or have negative padding or
    padding that holds a whole window.
    """
    kernel = tuple(int(k) for k in node.attributes.get("kernel_shape", kernel))
    strides = tuple(int(s) for s in node.attributes.get("strides", (1, 1)))
    dilations = tuple(int(d) for d in node.attributes.get("dilations", (1, 1)))
    if len(kernel) != 2 or len(strides) != 2 or len(dilations) != 2:
        raise node.refuse("its window is not two-dimensional", "give a one-dimensional operator a height of 1")
    if min(*kernel, *strides, *dilations) < 1:
        raise node.refuse("kernel, stride and dilation must be positive", "correct the model")
    extents = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
    top, left, bottom, right = _padding(node, extents, strides, size)
    if node.attributes.get("ceil_mode", 0):
        if node.attributes.get("count_include_pad", 0):
            raise node.refuse("ceil_mode with count_include_pad is not supported", "set one of them to 0")
        bottom += _ceil_padding(size[0] + top + bottom, extents[0], strides[0], size[0] + top)
        right += _ceil_padding(size[1] + left + right, extents[1], strides[1], size[1] + left)
    window = Window(
        (kernel[0], kernel[1]),
        (strides[0], strides[1]),
        (dilations[0], dilations[1]),
        Padding(top, left, bottom, right),
    )
    if window.padding_holds_window:
        raise node.refuse("its padding holds a whole window", "pad the input by a Pad operator before it")
    if min(window.output_size(*size)) < 1:
        raise node.refuse(f"its window is larger than its input of {size[0]}x{size[1]}", "correct the model")
    return window


def _padding(
    node: Node, extents: tuple[int, ...], strides: tuple[int, ...], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    mode = node.attributes.get("auto_pad", b"NOTSET").decode()
    if mode == "NOTSET":
        pads = tuple(int(p) for p in node.attributes.get("pads", (0, 0, 0, 0)))
        if len(pads) != 4 or min(pads) < 0:
            raise node.refuse(f"pads {pads} are not supported", "use four pads that are not negative")
        return pads[0], pads[1], pads[2], pads[3]
    if mode == "VALID":
        return 0, 0, 0, 0
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise node.refuse(f"auto_pad {mode} is unknown", "use pads")
    totals = [
        max((-(-length // stride) - 1) * stride + extent - length, 0)
        for length, stride, extent in zip(size, strides, extents, strict=True)
    ]
    smaller = [total // 2 for total in totals]
    larger = [total - half for total, half in zip(totals, smaller, strict=True)]
    if mode == "SAME_UPPER":
        return smaller[0], smaller[1], larger[0], larger[1]
    return larger[0], larger[1], smaller[0], smaller[1]


def _ceil_padding(padded: int, extent: int, stride: int, limit: int) -> int:
    """Extra padding that makes the window round its output size up; no window may start at or after `limit`."""
    overhang = -(padded - extent) % stride
    start = padded + overhang - extent
    return overhang if start < limit else 0
