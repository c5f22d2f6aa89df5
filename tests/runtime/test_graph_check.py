"""Graphs that seqtag does not export are refused before onnxruntime sees them, and those that it exports are not."""

import hashlib
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from seqtag import ModelError
from seqtag.runtime.graph_check import ForeignGraphError, check_graph
from seqtag.runtime.onnx_session import open_export

UNBOUNDED = "it has a {} that what goes in does not bound"
FIXTURES = Path(__file__).parents[1] / "fixtures"


def whole(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def number(name, value):
    return numpy_helper.from_array(np.array(value, np.int64), name)


def model(nodes, constants=(), *, domain="", **parts):
    """Make a model that takes x and gives y."""
    x = helper.make_tensor_value_info("x", TensorProto.INT64, ["n"])
    y = helper.make_tensor_value_info("y", TensorProto.INT64, None)
    graph = helper.make_graph(nodes, "g", [x], [y], list(constants), **parts)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(domain or "z", 1)])


def loop(*, rounds):
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.INT64, ["n"]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.INT64, ["n"]),
        ],
    )
    return helper.make_node("Loop", [rounds, "", "x"], ["y"], body=body)


def external():
    tensor = whole("c", 1)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/hostname"
    return model([helper.make_node("Add", ["x", "c"], ["y"])], [tensor])


def function():
    with_function = model([helper.make_node("Twice", ["x"], ["y"], domain="own")], domain="own")
    double = helper.make_node("Add", ["a", "a"], ["b"])
    with_function.functions.append(
        helper.make_function("own", "Twice", ["a"], ["b"], [double], [helper.make_opsetid("", 18)])
    )
    return with_function


def sparse():
    values = helper.make_tensor("c", TensorProto.INT64, [1], [3])
    numbers = helper.make_sparse_tensor(values, whole("", 2**30), [2**40])
    return model([helper.make_node("Add", ["x", "c"], ["y"])], sparse_initializer=[numbers])


def sized(operator, *inputs, **options):
    return helper.make_node(operator, list(inputs), ["y"], **options)


def doubled(count):
    """Add a size to itself again and again."""
    names = ["s0", *(f"s{at}" for at in range(1, count + 1))]
    nodes = [helper.make_node("Add", [before, before], [after]) for before, after in pairwise(names)]
    shape = helper.make_node("Shape", ["x"], ["s0"])
    return [shape, *nodes, helper.make_node("ConstantOfShape", [names[-1]], ["y"])]


SHAPE = helper.make_node("Shape", ["x"], ["s"])
HUGE = {
    "loop": (model([loop(rounds="c")], [number("c", 2**60)]), UNBOUNDED.format("Loop")),
    "endless": (model([loop(rounds="")]), UNBOUNDED.format("Loop")),
    "asked": (model([sized("ConstantOfShape", "x")]), UNBOUNDED.format("ConstantOfShape")),
    "zeros": (model([sized("ConstantOfShape", "c")], [whole("c", 2**40)]), UNBOUNDED.format("ConstantOfShape")),
    "product": (
        model([sized("ConstantOfShape", "c")], [whole("c", 2**16, 2**16)]),
        UNBOUNDED.format("ConstantOfShape"),
    ),
    "twice": (
        model([SHAPE, helper.make_node("Concat", ["s", "s"], ["t"], axis=0), sized("ConstantOfShape", "t")]),
        UNBOUNDED.format("ConstantOfShape"),
    ),
    "doubled": (model(doubled(5)), UNBOUNDED.format("ConstantOfShape")),
    "range": (
        model([sized("Range", "a", "b", "d")], [number("a", 0), number("b", 2**50), number("d", 1)]),
        UNBOUNDED.format("Range"),
    ),
    "pad": (model([sized("Pad", "x", "c")], [whole("c", 0, 2**40)]), UNBOUNDED.format("Pad")),
    "expand": (model([sized("Expand", "x", "c")], [whole("c", 2**40)]), "the operator 'Expand'"),
    "tile": (model([sized("Tile", "x", "c")], [whole("c", 2**40)]), "the operator 'Tile'"),
    "constant": (model([sized("Constant", value=whole("c", 1))]), "'Constant'"),
    "zeros of one kind": (
        model([SHAPE, sized("ConstantOfShape", "s", value=whole("c", 1))]),
        "has numbers or graphs among its options",
    ),
    "split": (model([sized("Split", "x", num_outputs=2**40)]), "'Split' has an option beyond"),
    "other domain": (model([sized("Gather", "x", "x", domain="ai.onnx.ml")], domain="ai.onnx.ml"), "ai.onnx.ml.'Gath"),
    "external": (external(), "numbers outside of the file"),
    "function": (function(), "it has functions"),
    "sparse": (sparse(), "it has sparse numbers"),
    "claimed": (
        model([sized("Identity", "c")], [TensorProto(dims=[2**40], data_type=7, raw_data=b"12345678", name="c")]),
        "its constant 'c' has 8 bytes",
    ),
    "many": (model([helper.make_node("Identity", ["x"], [f"y{n}"]) for n in range(10_001)]), "has 10001 nodes"),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_graph_that_would_hang_or_eat_memory_is_refused_at_once(name, tmp_path):
    graph, message = HUGE[name]
    path = tmp_path / "model.onnx"
    content = graph.SerializeToString()
    path.write_bytes(content)
    start = time.perf_counter()
    with pytest.raises(ModelError, match=r"model\.onnx: damaged, or not an export of seqtag: it") as caught:
        open_export(path, weights_sha256="", threads=1, sha256=hashlib.sha256(content).hexdigest())
    assert time.perf_counter() - start < 1
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_exports_of_this_and_earlier_releases_are_let_in_quickly(exported_tagger, exported_classifier):
    paths = [*exported_tagger.glob("*.onnx"), *exported_classifier.glob("*.onnx"), *FIXTURES.rglob("*.onnx")]
    assert len(paths) >= 6
    for path in paths:
        content = path.read_bytes()
        times = []
        for _ in range(5):
            start = time.perf_counter()
            check_graph(content)
            times.append(time.perf_counter() - start)
        assert min(times) < 0.02  # a millisecond or two where nothing else runs


@given(st.data())
def test_a_damaged_file_is_refused_in_words_or_read(data):
    content = bytearray((FIXTURES / "models-b235350" / "tagger" / "model.onnx").read_bytes())
    head = len(onnx.load_from_string(bytes(content)).graph.node[0].SerializeToString()) + 200
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, head))] = data.draw(st.integers(0, 255))
    with suppress(ForeignGraphError):
        check_graph(bytes(content[: data.draw(st.integers(0, len(content)))]))
