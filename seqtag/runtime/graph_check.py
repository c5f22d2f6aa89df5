"""Look through an ONNX file before onnxruntime gets it: what no export of seqtag holds is not let in.

A file whose hash fits may still come from somebody who wants to do harm, and onnxruntime runs any graph: loops without
an end, zeros by the terabyte. The file is read by the field numbers of onnx.proto, because the runtime has no onnx;
weights are passed over. Knows no model, so a graph of legal operators that takes long is not found here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TypeAlias

import numpy as np

Fields: TypeAlias = Iterator[tuple[int, "int | memoryview"]]

# What the exporter writes, by domain, in this release and in those before it.
_OPERATORS = {
    "": """
        Abs Add And Cast Concat ConstantOfShape Div Exp GRU Gather GatherND Greater GreaterOrEqual Identity LSTM
        LayerNormalization Less Log Loop MatMul Max Min Mul NonZero Pad RNN Range ReduceMax ReduceSum Reshape
        ReverseSequence Scan ScatterND Shape Sigmoid Slice Split Squeeze Sub Tanh Transpose Unsqueeze Where
    """.split(),  # noqa: SIM905 - a list of words takes a line for each
    "com.microsoft": ["DynamicQuantizeLSTM"],
}
_SIZED_BY = {"ConstantOfShape": (0,), "Range": (0, 1, 2), "Pad": (1,), "Loop": (0,)}  # inputs that say how much is made
_OF_SIZES = frozenset({"Add", "Concat", "Div", "Max", "Squeeze", "Sub"})  # operators that such a number may come from
_MOST_NODES = 10_000
_MOST_SIZE = 1 << 16  # of the product of the numbers in the file that say how much is made
_MOST_STEPS = 8  # of computing such a number, and numbers in a constant that takes part in it
_MOST_WHOLE = 1 << 24  # of a number among the options of a node
_ITEM_SIZES = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1}  # bytes by data type: float32, uint8, int8, int32, int64, bool
_WHOLE = {6: "<i4", 7: "<i8"}


class ForeignGraphError(Exception):
    """A graph holds what no export of seqtag holds; the message says what."""


@dataclass(slots=True)
class _Node:
    operator: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    bodies: list[memoryview] = field(default_factory=list)


@dataclass(slots=True)
class _Graph:
    nodes: list[_Node] = field(default_factory=list)
    constants: dict[str, "np.ndarray | None"] = field(default_factory=dict)  # the values of short lists of integers


def check_graph(content: bytes) -> None:
    """Raise ForeignGraphError for a file with other parts than an export of seqtag has, or one that is no ONNX file."""
    try:
        graphs = []
        for number, value in _fields(memoryview(content)):
            if number in (20, 25):
                raise ForeignGraphError("it has functions" if number == 25 else "it has a graph for training")
            if number == 7:
                graphs.append(_bytes(value))
        if len(graphs) != 1:
            raise ForeignGraphError(f"it has {len(graphs)} graphs")
        nodes = _check(_graph(graphs[0]), is_body=False)
    except (ValueError, IndexError, TypeError) as error:
        raise ForeignGraphError(f"it is no ONNX file ({error})") from error
    if nodes > _MOST_NODES:
        raise ForeignGraphError(f"its graph has {nodes} nodes")


def _check(graph: _Graph, *, is_body: bool) -> int:
    """Check a graph and the bodies of its loops; gives the number of nodes."""
    makers = {output: node for node in graph.nodes for output in node.outputs}
    num_nodes = len(graph.nodes)
    for node in graph.nodes:
        if node.operator not in _OPERATORS.get(node.domain, ()):
            raise ForeignGraphError(f"it has the operator {node.domain}{'.' * bool(node.domain)}{node.operator[:60]!r}")
        loops = node.operator in ("Loop", "Scan")
        if len(node.bodies) != loops or (is_body and (loops or node.operator in _SIZED_BY)):
            raise ForeignGraphError(f"it has a graph within a graph at {node.operator}, or a size that a loop computes")
        num_nodes += sum(_check(_graph(body), is_body=True) for body in node.bodies)
        for place in _SIZED_BY.get(node.operator, ()):
            _check_size(node.inputs[place : place + 1], makers, graph.constants, node.operator)
    return num_nodes


def _check_size(
    names: Sequence[str], makers: Mapping[str, _Node], constants: Mapping[str, "np.ndarray | None"], operator: str
) -> None:
    """Refuse a size that is neither a small constant nor follows, in few steps, from the sizes of what is there."""
    waiting, seen, num_sums, constant = list(names) or [""], set[str](), 0, 1
    while waiting:
        name = waiting.pop()
        node, values = makers.get(name), constants.get(name)
        if name in seen or (node is not None and node.operator == "Shape"):
            continue
        seen.add(name)
        if node is None and values is not None:
            constant *= prod(max(1, abs(value)) for value in values.tolist())
        elif node is None or node.operator not in _OF_SIZES or len(seen) > _MOST_STEPS:
            constant = 0
        elif node.operator == "Concat":  # of sizes: each once, so that none is multiplied with itself
            made_by = [makers[each].operator for each in node.inputs if each in makers]
            constant *= len(node.inputs) == len(set(node.inputs)) <= 3 and set(made_by) <= {"Shape"}
            waiting += node.inputs
        else:
            num_sums += node.operator == "Add"
            waiting += node.inputs
        if num_sums > 1 or not 0 < constant <= _MOST_SIZE:
            raise ForeignGraphError(f"it has a {operator} that what goes in does not bound")


def _graph(content: memoryview) -> _Graph:
    graph = _Graph()
    for number, value in _fields(content):
        if number == 1:
            graph.nodes.append(_node(_bytes(value)))
        elif number == 5:
            name, values = _constant(_bytes(value))
            graph.constants[name] = values
        elif number == 15:
            raise ForeignGraphError("it has sparse numbers")
    return graph


def _node(content: memoryview) -> _Node:
    node = _Node()
    for number, value in _fields(content):
        if number in (1, 2):
            (node.inputs if number == 1 else node.outputs).append(_text(value))
        elif number == 4:
            node.operator = _text(value)
        elif number == 7:
            node.domain = _text(value)
        elif number == 5:
            _read_attribute(_bytes(value), node)
    return node


def _read_attribute(content: memoryview, node: _Node) -> None:
    for number, value in _fields(content):
        if number == 6:
            node.bodies.append(_bytes(value))
        elif number in (5, 10, 11, 14, 15, 22, 23):
            raise ForeignGraphError(f"its {node.operator[:60]!r} has numbers or graphs among its options")
        elif number in (3, 8):
            wholes = [value] if isinstance(value, int) else _varints(value)
            if any(_MOST_WHOLE < whole < 2**64 - _MOST_WHOLE for whole in wholes):
                raise ForeignGraphError(f"its {node.operator[:60]!r} has an option beyond {_MOST_WHOLE}")


def _constant(content: memoryview) -> tuple[str, "np.ndarray | None"]:
    """Give the name of a constant, and its values where they may be sizes; its bytes have to be all that it takes."""
    sizes: list[int] = []
    name, kind, raw = "", 0, memoryview(b"")
    for number, value in _fields(content):
        if number == 1:
            sizes += [value] if isinstance(value, int) else _varints(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 8:
            name = _text(value)
        elif number == 9:
            raw = _bytes(value)
        elif number != 12:  # a comment
            raise ForeignGraphError(
                "it has numbers outside of the file" if number in (13, 14) else "it has odd numbers"
            )
    if kind not in _ITEM_SIZES or prod(sizes) * _ITEM_SIZES[kind] != len(raw):
        raise ForeignGraphError(f"its constant {name[:60]!r} has {len(raw)} bytes, which is not what its sizes say")
    is_short = kind in _WHOLE and prod(sizes) <= _MOST_STEPS
    return name, np.frombuffer(raw, _WHOLE[kind]) if is_short else None


def _fields(content: memoryview) -> Fields:
    """Go through a message of Protocol Buffers: the number of each field, and an integer or the bytes of its value."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(content, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(content, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if size > len(content) - at:
            raise ValueError("it breaks off")
        yield key >> 3, content[at : at + size]
        at += size


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """Read an integer; gives it and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), at
    raise ValueError("an integer of more than ten bytes")


def _varints(content: memoryview) -> list[int]:
    values, at = [], 0
    while at < len(content):
        value, at = _varint(content, at)
        values.append(value)
    return values


def _bytes(value: "int | memoryview") -> memoryview:
    if isinstance(value, int):
        raise ValueError("an integer where bytes are needed")
    return value


def _text(value: "int | memoryview") -> str:
    return str(_bytes(value), "utf-8")
