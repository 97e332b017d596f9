"""The table placement_rules.toml: what onnxruntime-web runs on WebGPU; asked of a graph, and checked in a browser."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import onnx
from onnx import TensorProto, checker, parser, shape_inference

from .browser import Browser, BrowserError
from .surgery import constants_of

TABLE: Final = Path(__file__).with_name("placement_rules.toml")
TYPES: Final = ("float", "float16", "int32", "int64", "uint8", "int8", "bool")
LAST_OPSET: Final = {"GridSample": 19}  # whose newer version has no kernel
READ_ON_CPU: Final = {"Clip": (1, 2), "Resize": (2, 3)}  # inputs that the host must know before it starts the node
_ANY: Final = "whatever its type"


@dataclass(frozen=True)
class Rule:
    """types: element types of the first data input with a WebGPU kernel. instead: what to write otherwise."""

    operator: str
    types: frozenset[str]
    example: str
    instead: str


@dataclass(frozen=True)
class Fallback:
    """A node that will not stay on the GPU: what it is, why, and what would."""

    node: str
    operator: str
    why: str
    instead: str


@dataclass(frozen=True)
class Table:
    """runtime: the version of onnxruntime-web that the rules are of. opset: of the examples."""

    runtime: str
    opset: int
    rules: Mapping[str, Rule]


@cache
def load_table() -> Table:
    """The rules as they stand in the file."""
    data = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    rules = {
        name: Rule(name, frozenset(entry["types"]), entry["example"], entry.get("instead", ""))
        for name, entry in data["operators"].items()
    }
    return Table(data["runtime"], data["opset"], rules)


def predict_fallbacks(model: onnx.ModelProto) -> list[Fallback]:
    """The nodes that onnxruntime-web will not run on WebGPU, by the rules alone.

    What is computed from weights only is folded before it is placed, and is not counted.
    """
    table = load_table()
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    kinds = _element_types(model)
    folded = set(constants_of(model))
    found: list[Fallback] = []
    for node in model.graph.node:
        if node.op_type == "Constant" or all(not name or name in folded for name in node.input):
            folded |= set(node.output)
            continue
        rule = table.rules.get(node.op_type)
        kind = kinds.get(node.input[1 if node.op_type == "Where" else 0], "float")
        name, instead = node.name or node.output[0], rule.instead if rule else ""
        computed = [i for i in READ_ON_CPU.get(node.op_type, ()) if len(node.input) > i and node.input[i]]
        if rule is None:
            found.append(Fallback(name, node.op_type, "not in the table of rules", "an operator that is"))
        elif kind not in rule.types:
            why = f"no kernel for {kind if rule.types else _ANY}"
            found.append(Fallback(name, node.op_type, why, instead))
        elif opset > LAST_OPSET.get(node.op_type, opset):
            found.append(Fallback(name, node.op_type, f"no kernel for opset {opset}", instead))
        elif any(node.input[i] not in folded for i in computed):
            found.append(Fallback(name, node.op_type, "its bounds or sizes are computed, and read on the CPU", instead))
    return found


def check_rules(browser: Browser) -> list[str]:
    """Where the table and the browser's onnxruntime-web disagree, a sentence each; empty if the table is right."""
    table = load_table()
    if browser.version != table.runtime:
        return [f"The rules are of onnxruntime-web {table.runtime}; this is {browser.version}."]
    tried = [(rule, kind, model) for rule in table.rules.values() for kind, model in _examples(rule, table.opset)]
    disagreements = []
    placed = browser.placements([model.SerializeToString() for _, _, model in tried])
    for (rule, kind, _), placement in zip(tried, placed, strict=True):
        on_gpu = not isinstance(placement, BrowserError) and not placement.cpu and placement.gpu > 0
        if on_gpu != (kind in rule.types):
            disagreements.append(f"{rule.operator} of {kind} is {'on' if on_gpu else 'not on'} the GPU.")
    return disagreements


def _examples(rule: Rule, opset: int) -> list[tuple[str, onnx.ModelProto]]:
    """The rule's example with every type that ONNX allows for it."""
    examples = []
    for kind in TYPES if re.search(r"\bT\b", rule.example) else ("bool",):
        text = re.sub(r"\bT\b", kind, rule.example)
        model = parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> example {text}')
        try:
            checker.check_model(model, full_check=True)
        except (checker.ValidationError, shape_inference.InferenceError):
            continue
        examples.append((kind, model))
    return examples


def _element_types(model: onnx.ModelProto) -> dict[str, str]:
    graph = shape_inference.infer_shapes(model).graph
    values = [*graph.value_info, *graph.input, *graph.output]
    kinds = {value.name: value.type.tensor_type.elem_type for value in values}
    kinds |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    return {name: TensorProto.DataType.Name(kind).lower() for name, kind in kinds.items()}
