"""From what an instance calls its model to the graph."""

from __future__ import annotations

from pathlib import Path

from planner import frontend
from planner.core.arithmetic import with_rule
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.errors import ModelError
from planner.files.instance_file import ZOO_PREFIX
from planner.report.model_report import KindSummary, RefusedModel
from planner.zoo import zoo_model


def read_model(instance: Instance, override: Path | None = None) -> Graph:
    """The graph of the instance's model, or of the file `override`, under the arithmetic that the instance asks for.

    Raises ModelError if there is no such model or it cannot be read.
    """
    graph = read_named_model(instance.model if override is None else str(override))
    return graph if instance.arithmetic is None else with_rule(graph, instance.arithmetic)


def survey_refused_model(name: str) -> RefusedModel | None:
    """The kinds of operators of a model file that was refused; None if not even those can be told."""
    try:
        kinds = frontend.survey(Path(name))
    except ModelError:
        return None
    return RefusedModel(tuple(KindSummary(kind.kind, kind.count, kind.readable) for kind in kinds))


def read_named_model(name: str) -> Graph:
    """The graph of `zoo:NAME`, or of an ONNX or TFLite file. Raises ModelError as `read_model` does."""
    return zoo_model(name.removeprefix(ZOO_PREFIX)) if name.startswith(ZOO_PREFIX) else frontend.read_model(Path(name))
