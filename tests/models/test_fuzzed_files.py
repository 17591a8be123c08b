"""Damaged model files, read in processes of bounded memory and time: an error or a model, never a crash."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.builders.graphs import random_graph
from tests.builders.onnx_models import write_qdq
from tests.builders.tflite_models import random_network

MEMORY_BYTES = 2**31
SECONDS = 240
FILES = 300
READER = """
import sys
from planner.errors import ModelError
from planner.frontend import read_model
for path in sys.argv[1:]:
    try:
        read_model(path)
    except ModelError as error:
        assert str(error).strip(), path
"""


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Flipped, replaced, removed, repeated or exchanged bytes."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        start = int(rng.integers(len(data)))
        stop = min(len(data), start + int(rng.integers(1, 17)))
        match int(rng.integers(5)):
            case 0:
                data[start] ^= 1 << int(rng.integers(8))
            case 1:
                data[start:stop] = rng.choice([0, 1, 127, 128, 255], stop - start).astype(np.uint8).tobytes()
            case 2 if len(data) > 64:
                del data[start:stop]
            case 3:
                data[start:start] = data[start:stop]
            case _:
                other = int(rng.integers(max(1, len(data) - (stop - start))))
                data[start:stop] = data[other : other + stop - start]
    return bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "tflite"])
@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_are_bad_input(kind: str, seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    if kind == "onnx":
        content = write_qdq(random_graph(seed, 6, all_kinds=False)).SerializeToString()
    else:
        builder, outputs = random_network(seed, 6)
        content = builder.model(*outputs)
    paths = [tmp_path / f"{number}.{kind}" for number in range(FILES)]
    for path in paths:
        path.write_bytes(_damaged(content, rng))
    ran = subprocess.run(
        [sys.executable, "-c", READER, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        preexec_fn=_limit_memory,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
