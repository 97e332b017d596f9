"""What a graph says of itself: from which weights, by which versions, under which licence."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

import onnx

# Those that decide what the graph looks like.
TOOLS = ("vivant", "torch", "onnx", "onnxsim")


def stamp(model: onnx.ModelProto, facts: Mapping[str, str]) -> None:
    """Put `facts` into a graph's metadata, in place of what the tools on the way left there. Changes the model."""
    del model.metadata_props[:]
    model.producer_name, model.producer_version = "vivant", version("vivant")
    for key, value in sorted(facts.items()):
        model.metadata_props.add(key=key, value=value)


def tool_versions() -> dict[str, str]:
    """`tool.NAME` → version of everything that takes part in an export."""
    return {f"tool.{name}": version(name) for name in TOOLS}
