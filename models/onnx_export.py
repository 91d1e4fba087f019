"""Writes the weights of a PyTorch network as an ONNX graph, one node for each layer.

The graph is built with onnx.helper and not traced: BatchNormalization stays a node of its own, and
every node and initialiser carries the path of its module (/layer1/0/conv1/Conv).
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class GraphWriter:
    """Collects nodes; each method adds one and returns the name of its output."""

    def __init__(self):
        self.nodes = []
        self.initializers = []

    def constant(self, name, value):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op_type, path, inputs, output=None, **attributes):
        name = f"{path}/{op_type}"
        output = output or f"{name}_output_0"
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=name, **attributes))
        return output

    def parameter(self, path, name, tensor):
        full_name = f"{path.strip('/').replace('/', '.')}.{name}"
        return self.constant(full_name, tensor.detach().numpy().astype(np.float32))

    def conv(self, path, module, x, pads=None):
        """pads: all begins, then all ends, as ONNX has them; the padding of the module if None."""
        inputs = [x, self.parameter(path, "weight", module.weight)]
        if module.bias is not None:
            inputs.append(self.parameter(path, "bias", module.bias))
        return self.node(
            "Conv",
            path,
            inputs,
            kernel_shape=list(module.kernel_size),
            strides=list(module.stride),
            dilations=list(module.dilation),
            pads=pads or list(module.padding) * 2,
            group=module.groups,
        )

    def batch_norm(self, path, module, x):
        tensors = {
            "weight": module.weight,
            "bias": module.bias,
            "running_mean": module.running_mean,
            "running_var": module.running_var,
        }
        inputs = [x] + [self.parameter(path, name, tensor) for name, tensor in tensors.items()]
        return self.node("BatchNormalization", path, inputs, epsilon=module.eps)

    def relu(self, path, x):
        return self.node("Relu", path, [x])

    def add(self, path, a, b):
        return self.node("Add", path, [a, b])

    def gemm(self, path, module, x, output):
        inputs = [
            x,
            self.parameter(path, "weight", module.weight),
            self.parameter(path, "bias", module.bias),
        ]
        return self.node("Gemm", path, inputs, output, transB=1)

    def save(self, path, name, input_info, output_info, metadata):
        """input_info and output_info: (name, dimensions); a string dimension is symbolic."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(input_info[0], TensorProto.FLOAT, input_info[1])],
            [helper.make_tensor_value_info(output_info[0], TensorProto.FLOAT, output_info[1])],
            self.initializers,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="nnopt models",
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)
