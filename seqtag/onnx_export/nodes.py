"""Collect the nodes and constants of an ONNX graph, each value known by its name. Knows no network."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtag.errors import ModelError, UsageError

if TYPE_CHECKING:
    import onnx

# The oldest sets of operators that hold what is needed here, so that older releases of onnxruntime (from 1.14 on) read
# an export too; the newest one that onnx can write is ahead of what onnxruntime reads.
OPSET, IR_VERSION = 18, 8
CONTRIBUTED = "com.microsoft"  # the domain of onnxruntime's own operators
_MOST_BYTES = 2**31 - 2**20  # what one file of Protocol Buffers can hold, less some room for the nodes


class Nodes:
    """A graph in the making. Methods give the names of the values that they add.

    With `outer` it is the body of a loop in that graph: it sees the values there, its constants are kept there, and
    `name` begins the names of its own values. Raises UsageError where onnx is not installed.
    """

    def __init__(self, outer: "Nodes | None" = None, name: str = "") -> None:
        try:
            import onnx
        except ModuleNotFoundError:
            raise UsageError('an export needs onnx, which is not installed; run: pip install "seqtag[onnx]"') from None
        self._onnx = onnx
        self._outer, self._prefix = outer, name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {} if outer is None else outer._constants

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one value; an empty name leaves an optional input out."""
        return self.add_several(operator, inputs, 1, **attributes)[0]

    def add_several(self, operator: str, inputs: Sequence[str], count: int, /, **attributes: Any) -> list[str]:
        """Add a node with several values."""
        name = f"{self._prefix}{operator}_{len(self._nodes)}"
        outputs = [f"{name}_{i}" for i in range(count)]
        node = self._onnx.helper.make_node(operator, list(inputs), outputs, name=name, **attributes)
        self._nodes.append(node)
        return outputs

    def constant(self, name: str, values: np.ndarray) -> str:
        """Add numbers that the graph carries with it; float64 becomes float32."""
        assert name not in self._constants, name
        values = np.ascontiguousarray(values, np.float32 if values.dtype == np.float64 else values.dtype)
        self._constants[name] = self._onnx.numpy_helper.from_array(values, name)
        return name

    def whole(self, *numbers: int, dtype: Any = np.int64, scalar: bool = False) -> str:
        """Give a constant of whole numbers, such as axes: a list, or one number without an axis."""
        name = f"{np.dtype(dtype).name}{'_scalar' if scalar else ''}_{'_'.join(map(str, numbers))}"
        if name not in self._constants:
            values = np.array(numbers[0] if scalar else numbers, dtype)
            self._constants[name] = self._onnx.numpy_helper.from_array(values, name)
        return name

    def counted(self, values: str) -> str:
        """Number what lies along the first axis of a value, from 0 on."""
        length = self.add("Squeeze", self.add("Shape", values, start=0, end=1))
        return self.add("Range", self.whole(0, scalar=True), length, self.whole(1, scalar=True))

    def cast(self, value: str, dtype: Any) -> str:
        """Change the type of a value."""
        return self.add("Cast", value, to=self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def name(self, value: str, name: str) -> None:
        """Give a value the name that it has outside."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name], name=name))

    def value_info(self, name: str, dtype: Any, shape: Sequence[str | int]) -> "onnx.ValueInfoProto":
        """Describe a value that goes in or comes out; an axis that is a word may have any length."""
        return self._onnx.helper.make_tensor_value_info(
            name, self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape)
        )

    def graph(
        self, name: str, inputs: Sequence["onnx.ValueInfoProto"], outputs: Sequence["onnx.ValueInfoProto"]
    ) -> "onnx.GraphProto":
        """Give all that was added as a graph."""
        constants = [] if self._outer else list(self._constants.values())
        return self._onnx.helper.make_graph(self._nodes, name, inputs, outputs, constants)

    def model(self, graph: "onnx.GraphProto", *, metadata: Mapping[str, str]) -> "onnx.ModelProto":
        """Make a graph a model; ModelError where its constants are more than one file can hold."""
        size = sum(len(constant.raw_data) for constant in self._constants.values())
        if size > _MOST_BYTES:
            raise ModelError(
                f"the weights take {size / 2**30:.1f} GiB, and an ONNX file holds less than 2; train with fewer "
                "pretrained vectors (vectors_keep='corpus'), keep them in int8 (vectors_precision='int8'), or export "
                "with int8"
            )
        helper = self._onnx.helper
        sets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, 1)]
        model: onnx.ModelProto = helper.make_model(
            graph, opset_imports=sets, ir_version=IR_VERSION, producer_name="seqtag"
        )
        helper.set_model_props(model, dict(metadata))
        self._onnx.checker.check_model(model)
        return model
