"""The architectures, as their papers and MLPerf Tiny have them; weights are random."""

from __future__ import annotations

from planner.zoo.float_network import FloatNetwork

IMAGENET_CLASSES = 1000

_MOBILENET_V2_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, repeats, stride of the first repeat."""
_MOBILENET_V1_BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
"""Channels and stride."""


def mobilenet_v2(network: FloatNetwork, width: float) -> None:
    """Inverted residuals with linear bottlenecks (Sandler et al., 2018)."""
    network.conv(_scaled(32, width), (3, 3), (2, 2), activation="Relu6")
    for expansion, channels, repeats, first_stride in _MOBILENET_V2_STAGES:
        for repeat in range(repeats):
            _inverted_residual(network, expansion, _scaled(channels, width), first_stride if repeat == 0 else 1)
    network.conv(_scaled(1280, max(1.0, width)), (1, 1), activation="Relu6")
    network.global_average()
    network.classifier(IMAGENET_CLASSES)


def mobilenet_v1(network: FloatNetwork, width: float) -> None:
    """Depthwise separable convolutions (Howard et al., 2017)."""
    network.conv(_scaled(32, width), (3, 3), (2, 2), activation="Relu6")
    for channels, stride in _MOBILENET_V1_BLOCKS:
        network.depthwise((3, 3), (stride, stride), activation="Relu6")
        network.conv(_scaled(channels, width), (1, 1), activation="Relu6")
    network.global_average()
    network.classifier(IMAGENET_CLASSES)


def ds_cnn(network: FloatNetwork) -> None:
    """Keyword spotting on 49 x 10 features (MLPerf Tiny)."""
    network.conv(64, (10, 4), (2, 2))
    for _ in range(4):
        network.depthwise((3, 3), (1, 1))
        network.conv(64, (1, 1))
    network.global_average()
    network.classifier(12)


def resnet8(network: FloatNetwork) -> None:
    """Image classification on 32 x 32 (MLPerf Tiny)."""
    network.conv(16, (3, 3))
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        start = network.branch()
        network.conv(channels, (3, 3), (stride, stride))
        network.conv(channels, (3, 3), activation=None)
        end = network.branch()
        network.resume(start)
        if stride != 1:
            network.conv(channels, (1, 1), (stride, stride), activation=None)
        network.add(end, activation="Relu")
    network.global_average()
    network.classifier(10)


def shufflenet_v2(network: FloatNetwork, width: float) -> None:
    """Halves of the channels, one of which is convolved, joined and shuffled (Ma et al., 2018)."""
    network.conv(24, (3, 3), (2, 2))
    network.maximum_pool((3, 3), (2, 2))
    for channels, repeats in ((116, 4), (232, 8), (464, 4)):
        for repeat in range(repeats):
            _shuffled_unit(network, _scaled(channels, width), downsample=repeat == 0)
    network.conv(1024, (1, 1))
    network.global_average()
    network.classifier(IMAGENET_CLASSES)


def face_detector(network: FloatNetwork) -> None:
    """Anchors on two scales with a pyramid of features: outputs scores [anchors, 2] and boxes [anchors, 4].

    In the manner of light face detectors (Linzaer, Ultra-Light-Fast-Generic-Face-Detector, 2019) and of feature
    pyramids (Lin et al., 2017).
    """
    network.conv(16, (3, 3), (2, 2))
    for channels, stride in ((32, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
        network.depthwise((3, 3), (stride, stride))
        network.conv(channels, (1, 1))
    fine = network.branch()
    network.depthwise((3, 3), (2, 2))
    network.conv(64, (1, 1))
    coarse = network.branch()
    network.enlarge()
    network.add(fine)
    merged = network.branch()
    for values, anchors in ((2, 3), (4, 3)):
        heads = []
        for scale in (merged, coarse):
            network.resume(scale)
            network.depthwise((3, 3), (1, 1))
            network.conv(anchors * values, (1, 1), activation=None)
            network.rows_of(values)
            heads.append(network.branch())
        network.concat(*heads)
        network.output()


def _shuffled_unit(network: FloatNetwork, channels: int, downsample: bool) -> None:
    half, start = channels // 2, network.branch()
    if downsample:
        network.depthwise((3, 3), (2, 2), activation=None)
        network.conv(half, (1, 1))
        kept = network.branch()
        network.resume(start)
    else:
        network.part(0, half)
        kept = network.branch()
        network.resume(start)
        network.part(half, channels)
    network.conv(half, (1, 1))
    network.depthwise((3, 3), (2, 2) if downsample else (1, 1), activation=None)
    network.conv(half, (1, 1))
    network.concat(kept, network.branch())
    network.shuffle(2)


def _inverted_residual(network: FloatNetwork, expansion: int, channels: int, stride: int) -> None:
    start = network.branch()
    depth = network.channels
    if expansion != 1:
        network.conv(depth * expansion, (1, 1), activation="Relu6")
    network.depthwise((3, 3), (stride, stride), activation="Relu6")
    network.conv(channels, (1, 1), activation=None)
    if stride == 1 and depth == channels:
        network.add(start)


def _scaled(channels: int, width: float) -> int:
    """Channels times the width multiplier, to a multiple of 8 that is not more than a tenth too small."""
    rounded = max(8, int(channels * width + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels * width else rounded + 8
