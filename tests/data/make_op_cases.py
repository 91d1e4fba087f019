#!/usr/bin/env python3
"""Writes op_cases.txt: single-node cases with expected outputs that nnopt did not compute.

The cases are the standard's own node tests (package onnx, whose expected outputs come from numpy),
and some of older versions of operators, whose outputs ONNX Runtime or numpy computes here. Usage:

    make_op_cases.py OP_TABLE.def OUT.txt [--all]

Without --all large cases are left out, so that the file stays small.
"""
import argparse
import re
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPE_NAMES = {
    TensorProto.FLOAT: "float32", TensorProto.DOUBLE: "float64", TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16", TensorProto.INT8: "int8", TensorProto.INT16: "int16",
    TensorProto.INT32: "int32", TensorProto.INT64: "int64", TensorProto.UINT8: "uint8",
    TensorProto.UINT16: "uint16", TensorProto.UINT32: "uint32", TensorProto.UINT64: "uint64",
    TensorProto.BOOL: "bool",
}
LIMIT = 100  # elements a case may hold without --all


def type_of(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def numbers(array):
    kind = type_of(array)
    flat = array.reshape(-1)
    if kind == TensorProto.DOUBLE:
        return [repr(float(v)) for v in flat]
    if kind in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16):
        return [("%.9g" % float(v)) for v in flat.astype(np.float32)]
    return [str(int(v)) for v in flat]


def tensor_text(array):
    dims = "x".join(str(d) for d in array.shape) if array.ndim else "scalar"
    return " ".join([TYPE_NAMES[type_of(array)], dims] + numbers(array))


def attribute_text(attribute):
    kind = attribute.type
    if kind == onnx.AttributeProto.FLOAT:
        return "float %.9g" % attribute.f
    if kind == onnx.AttributeProto.INT:
        return "int %d" % attribute.i
    if kind == onnx.AttributeProto.STRING:
        return "string " + attribute.s.decode()
    if kind == onnx.AttributeProto.FLOATS:
        return "floats " + " ".join("%.9g" % v for v in attribute.floats)
    if kind == onnx.AttributeProto.INTS:
        return "ints " + " ".join(str(v) for v in attribute.ints)
    if kind == onnx.AttributeProto.TENSOR:
        return "tensor " + tensor_text(numpy_helper.to_array(attribute.t))
    raise ValueError("attribute %s" % attribute.name)


def case_text(name, node, opset, inputs, outputs, rtol, atol):
    lines = ["case " + name, "op %s %d %s" % (node.op_type, opset, node.domain or "ai.onnx")]
    for attribute in node.attribute:
        lines.append("attr %s %s" % (attribute.name, attribute_text(attribute)))
    for array in inputs:
        lines.append("in " + ("none" if array is None else tensor_text(array)))
    for array in outputs:
        lines.append("out " + ("none" if array is None else tensor_text(array)))
    lines.append("within %g %g" % (rtol, atol))
    return "\n".join(lines)


def elements(arrays):
    return sum(a.size for a in arrays if a is not None)


class Writer:
    def __init__(self, table, everything):
        source = open(table).read()
        self.symbols = set(re.findall(r"^NN_OP\((\w+)\)", source, re.M))
        self.everything = everything
        self.cases = []

    def knows(self, op_type):
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", op_type).lower()
        return snake in self.symbols or op_type.lower() in self.symbols

    def add(self, name, node, opset, inputs, outputs, rtol=1e-3, atol=1e-7):
        arrays = [a for a in inputs + outputs if a is not None]
        if not self.knows(node.op_type) or not all(isinstance(a, np.ndarray) for a in arrays):
            return
        if any(type_of(a) not in TYPE_NAMES for a in arrays):
            return
        if not self.everything and elements(arrays) > LIMIT:
            return
        try:
            self.cases.append(case_text(name, node, opset, inputs, outputs, rtol, atol))
        except (ValueError, KeyError):
            pass


def array_of(value):
    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value)
    return value


def node_cases(writer):
    from onnx.backend.test.case.node import collect_testcases
    for case in collect_testcases(None):
        model = case.model
        if len(model.graph.node) != 1 or case.name.endswith("_expanded"):
            continue
        node = model.graph.node[0]
        opset = [o.version for o in model.opset_import if o.domain == node.domain][0]
        names = [i.name for i in model.graph.input]
        for inputs, outputs in case.data_sets:
            by_name = dict(zip(names, [array_of(v) for v in inputs]))
            if any(n and n not in by_name for n in node.input):
                continue
            given = [by_name[n] if n else None for n in node.input]
            results = dict(zip([o.name for o in model.graph.output],
                               [array_of(v) for v in outputs]))
            wanted = [results.get(n) for n in node.output]
            writer.add(case.name, node, opset, given, wanted, case.rtol, case.atol)


# ---- cases of older versions, and shapes that the standard's cases leave out ----


def sequence(*shape, kind=np.float32, step=0.37, start=-2.0):
    """Values that differ, of both signs, exactly the same everywhere."""
    count = int(np.prod(shape)) if shape else 1
    values = start + step * ((np.arange(count) * 7) % 29)
    return values.astype(kind).reshape(shape)


class Extra:
    """Adds one case: expected outputs are given, or come from ONNX Runtime."""

    def __init__(self, writer):
        self.writer = writer
        self.count = {}

    def add(self, op_type, opset, inputs, expected=None, outputs=1, rtol=1e-4, atol=1e-6, **attrs):
        number = self.count[op_type] = self.count.get(op_type, 0) + 1
        names = ["in%d" % i if a is not None else "" for i, a in enumerate(inputs)]
        results = ["out%d" % i for i in range(outputs if expected is None else len(expected))]
        node = helper.make_node(op_type, names, results, name="node", **attrs)
        if expected is None:
            expected = run_in_runtime(node, opset, names, inputs, results)
        name = "%s_%d_version_%d" % (op_type.lower(), number, opset)
        self.writer.add(name, node, opset, inputs, list(expected), rtol, atol)


def run_in_runtime(node, opset, names, inputs, results):
    import onnxruntime
    values = [helper.make_tensor_value_info(n, type_of(a), a.shape)
              for n, a in zip(names, inputs) if a is not None]
    outputs = [helper.make_value_info(r, onnx.TypeProto()) for r in results]
    graph = helper.make_graph([node], "case", values, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    return session.run(None, {n: a for n, a in zip(names, inputs) if a is not None})


def legacy_broadcast(extra):
    a = sequence(2, 4, 3)
    for op_type, function in (("Add", np.add), ("Sub", np.subtract), ("Mul", np.multiply),
                              ("Div", np.divide)):
        middle, last, single = sequence(4), sequence(3), sequence(1)
        extra.add(op_type, 6, [a, middle], [function(a, middle.reshape(4, 1))], broadcast=1, axis=1)
        extra.add(op_type, 6, [a, last], [function(a, last)], broadcast=1)
        extra.add(op_type, 6, [a, single], [function(a, single)], broadcast=1)
        extra.add(op_type, 6, [a, a], [function(a, a)])
    first = sequence(2, 4)
    extra.add("Add", 6, [a, first], [a + first.reshape(2, 4, 1)], broadcast=1, axis=0)
    extra.add("Add", 6, [sequence(2, 3, 2, 2), last], [sequence(2, 3, 2, 2) + last.reshape(3, 1, 1)],
              broadcast=1, axis=1)
    positive = np.abs(a) + np.float32(0.5)
    extra.add("Pow", 6, [positive, last], [np.power(positive, last)], broadcast=1)
    flags = a > 0
    extra.add("And", 6, [flags, flags[0, :, 0]], [flags & flags[0, :, 0].reshape(4, 1)],
              broadcast=1, axis=1)
    extra.add("Equal", 6, [a.astype(np.int32), a.astype(np.int32)[0]],
              [a.astype(np.int32) == a.astype(np.int32)[0]], broadcast=1)
    extra.add("Less", 6, [a, last], [a < last], broadcast=1)
    slopes = sequence(4, start=0.1, step=0.2)
    extra.add("PRelu", 6, [a, slopes], [np.where(a < 0, a * slopes.reshape(4, 1), a)])
    extra.add("PRelu", 6, [a, slopes[:1]], [np.where(a < 0, a * slopes[0], a)])


def first_versions(extra):
    a = sequence(2, 4, 3)
    extra.add("Reshape", 4, [a], [a.reshape(2, 12)], shape=[0, -1])
    extra.add("Concat", 3, [a, a], [np.concatenate([a, a], 1)])
    extra.add("Split", 1, [a, np.array([1, 3], np.float32).astype(np.int64)],
              [a[:, :1], a[:, 1:]], axis=1)
    extra.add("Split", 2, [a], [a[:1], a[1:]])
    extra.add("Split", 11, [a], [a[:, :, :1], a[:, :, 1:]], axis=-1, split=[1, 2])
    extra.add("Tile", 1, [a, np.array(2, np.int64), np.array(1, np.int64)], [np.tile(a, (1, 2, 1))])
    extra.add("Pad", 1, [a], [np.pad(a, [(0, 0), (1, 2), (0, 1)], constant_values=1.5)],
              paddings=[0, 1, 0, 0, 2, 1], value=1.5)
    extra.add("Pad", 2, [a], [np.pad(a, [(0, 0), (2, 1), (1, 0)], mode="reflect")],
              pads=[0, 2, 1, 0, 1, 0], mode="reflect")
    image = sequence(1, 2, 2, 3)
    doubled = image.repeat(2, 2).repeat(3, 3)
    extra.add("Upsample", 1, [image], [doubled], height_scale=2.0, width_scale=3.0)
    selu = np.where(a > 0, 1.0507 * a, 1.0507 * 1.6732 * (np.exp(a) - 1)).astype(np.float32)
    extra.add("Selu", 1, [a], [selu])
    extra.add("Cast", 1, [a], [a.astype(np.int32)], to="INT32")
    extra.add("Cast", 5, [a > 0], [(a > 0).astype(np.float64)], to="DOUBLE")
    extra.add("Sum", 6, [a, a, a], [a + a + a])
    extra.add("Max", 6, [a, -a], [np.maximum(a, -a)])
    extra.add("Dropout", 6, [a], [a, np.ones_like(a)], is_test=1)
    extra.add("Dropout", 7, [a], [a], ratio=0.3)
    one = np.float32(1)
    scale, bias, mean, variance = (sequence(4), sequence(4, start=1), sequence(4, start=0.5),
                                   np.abs(sequence(4)) + one)
    column = (4, 1)
    expected = ((a - mean.reshape(column)) / np.sqrt(variance.reshape(column) + np.float32(1e-3)) *
                scale.reshape(column) + bias.reshape(column))
    extra.add("BatchNormalization", 6, [a, scale, bias, mean, variance], [expected], is_test=1,
              epsilon=1e-3)
    wide = [sequence(4, 3, start=s) for s in (0.5, 1, -1)] + [np.abs(sequence(4, 3)) + one]
    expected = (a - wide[2]) / np.sqrt(wide[3] + np.float32(1e-5)) * wide[0] + wide[1]
    extra.add("BatchNormalization", 7, [a] + wide, [expected], spatial=0)


def attribute_versions(extra):
    a = sequence(2, 3, 4)
    for axis in (0, 1, 2, -1):
        extra.add("Softmax", 11, [a], axis=axis)
        extra.add("LogSoftmax", 11, [a], axis=axis)
        extra.add("Softmax", 13, [a], axis=axis)
    extra.add("Softmax", 13, [a.astype(np.float64)], axis=1)
    extra.add("Softmax", 13, [a.astype(np.float16)], axis=2, rtol=2e-3)
    extra.add("Clip", 6, [a], min=-1.0, max=2.5)
    extra.add("Clip", 7, [a], min=0.25)
    extra.add("Clip", 11, [a, np.array(-1, np.float32), None])
    extra.add("Clip", 12, [a.astype(np.int8), None, np.array(3, np.int8)])
    extra.add("Clip", 12, [a.astype(np.uint64), np.array(1, np.uint64), np.array(4, np.uint64)])
    extra.add("Slice", 7, [a], starts=[1, -2], ends=[1000, -1], axes=[1, 2])
    extra.add("Slice", 10, [a] + [np.array(v, np.int64) for v in ([3, -1], [-1000, 0], [2, 1],
                                                                 [-2, -1])])
    extra.add("Slice", 13, [a] + [np.array(v, np.int32) for v in ([0], [3], [-1], [2])])
    extra.add("Squeeze", 11, [sequence(1, 3, 1, 2)], axes=[0, -2])
    extra.add("Squeeze", 11, [sequence(1, 3, 1, 2)])
    extra.add("Unsqueeze", 11, [a], axes=[-1, 0])
    for name in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp"):
        extra.add("Reduce" + name, 11, [a], axes=[-2], keepdims=0)
        extra.add("Reduce" + name, 12, [a], axes=[0, 2], keepdims=1)
        extra.add("Reduce" + name, 12, [a.astype(np.int32)], keepdims=0)
    extra.add("ReduceMean", 13, [sequence(3, 40)], axes=[1])
    extra.add("ReduceMax", 13, [sequence(40, kind=np.int64)], axes=[0], keepdims=0)
    extra.add("ArgMax", 12, [a], axis=-1, select_last_index=1)
    extra.add("ArgMin", 11, [a], axis=1, keepdims=0)
    extra.add("Flatten", 11, [a], axis=-1)
    extra.add("Flatten", 9, [a], axis=3)
    extra.add("Gather", 11, [a, np.array([[-1, 0], [1, 1]], np.int32)], axis=1)
    extra.add("GatherElements", 11, [a, np.array([[[-1, 0, 2, 2]]], np.int64)], axis=1)
    extra.add("DepthToSpace", 1, [sequence(1, 8, 1, 2)], blocksize=2)
    extra.add("Transpose", 1, [sequence(2, 1, 3, 2, 2)], perm=[4, 2, 0, 1, 3])
    extra.add("Transpose", 13, [sequence(6, 7)])
    extra.add("Transpose", 13, [sequence(2, 5, 6)], perm=[0, 2, 1])


def resizes(extra):
    image = sequence(1, 2, 3, 4)
    scales = np.array([1, 1, 2, 1.5], np.float32)
    for mode in ("nearest", "linear"):
        extra.add("Upsample", 7, [image], mode=mode, scales=[1.0, 1.0, 2.0, 2.0])
        extra.add("Upsample", 9, [image, scales], mode=mode)
        extra.add("Resize", 10, [image, scales], mode=mode)
        extra.add("Resize", 10, [image, np.array([1, 1, 0.6, 0.6], np.float32)], mode=mode)
    empty = np.array([], np.float32)
    for mode in ("linear", "cubic", "nearest"):
        for transform in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
            extra.add("Resize", 11, [image, empty, scales], mode=mode,
                      coordinate_transformation_mode=transform)
    sizes = np.array([1, 2, 5, 3], np.int64)
    extra.add("Resize", 13, [image, None, None, sizes], mode="linear")
    extra.add("Resize", 13, [image.astype(np.uint8), None, None, sizes], mode="nearest")
    extra.add("Resize", 18, [image, None, np.array([0.5, 0.5], np.float32)], mode="linear",
              antialias=1, axes=[2, 3])


def types_and_shapes(extra):
    half = sequence(2, 1, 3, kind=np.float16)
    extra.add("Add", 13, [half, sequence(4, 1, kind=np.float16)],
              [half + sequence(4, 1, kind=np.float16)], rtol=1e-3)
    extra.add("Mul", 13, [half, np.array(0.5, np.float16)], [half * np.float16(0.5)])
    extra.add("Relu", 14, [half], [np.maximum(half, np.float16(0))])
    extra.add("Sum", 13, [sequence(2, 3), sequence(3), sequence(2, 1)])
    extra.add("Mean", 13, [sequence(2, 3), sequence(3), sequence(2, 1)])
    extra.add("Max", 13, [sequence(2, 1, kind=np.int64), sequence(3, kind=np.int64),
                          np.array(1, np.int64)])
    extra.add("Min", 13, [sequence(1), sequence(1), sequence(2, 3)])
    extra.add("Where", 16, [sequence(3, 1) > 0, sequence(2, 1, 4), np.array(9, np.float32)])
    extra.add("Pow", 13, [sequence(5), np.array(2, np.int64)])
    extra.add("Pow", 13, [sequence(5, kind=np.int64), np.array(3, np.int64)])
    extra.add("Pow", 15, [np.abs(sequence(2, 3)), np.array([0.5, 2, -1], np.float32)])
    extra.add("Mod", 13, [sequence(6, kind=np.int64, step=1.0, start=-9),
                          np.array([4, -4, 3, -3, 1, -1], np.int64)])
    extra.add("Mod", 13, [sequence(4), np.array(0.7, np.float32)], fmod=1)
    extra.add("Div", 14, [np.array([-7, 7, -7, 7], np.int32), np.array([2, -2, -2, 2], np.int32)])
    extra.add("Equal", 13, [sequence(2, 3, kind=np.int64), np.array(-1, np.int64)])
    extra.add("Add", 14, [sequence(0, 3), sequence(3)])
    extra.add("Concat", 13, [sequence(2, 0), sequence(2, 2), sequence(2, 1)], axis=-1)
    extra.add("ReduceSum", 13, [sequence(2, 0), np.array([1], np.int64)])
    extra.add("Expand", 13, [sequence(3, 1), np.array([2, 1, 4], np.int64)])
    extra.add("Tile", 13, [sequence(2, 3), np.array([2, 2], np.int64)])
    extra.add("Tile", 13, [sequence(2, 3), np.array([0, 2], np.int64)])
    for mode in ("reflect", "edge", "constant"):
        extra.add("Pad", 13, [sequence(2, 3, 4), np.array([0, 1, 2, 0, 2, 1], np.int64),
                              np.array(-3, np.float32) if mode == "constant" else None], mode=mode)
    extra.add("Pad", 13, [sequence(2, 4), np.array([0, -1, 1, -1], np.int64), None])
    extra.add("Pad", 18, [sequence(2, 4), np.array([1, 2], np.int64), None,
                          np.array([-1], np.int64)])
    extra.add("LRN", 13, [sequence(1, 5, 2, 2)], size=3, alpha=0.1, beta=0.6, bias=1.5)
    extra.add("InstanceNormalization", 6, [sequence(2, 3, 4), sequence(3), sequence(3, start=0)])
    extra.add("LayerNormalization", 17, [sequence(2, 3, 4), sequence(4), sequence(4, start=0)])
    extra.add("LayerNormalization", 17, [sequence(2, 3, 4), sequence(3, 4)], axis=1, outputs=2)
    extra.add("GroupNormalization", 21, [sequence(2, 4, 3), sequence(4), sequence(4, start=0)],
              num_groups=2)
    extra.add("BatchNormalization", 9, [sequence(2, 3, 2, 2), sequence(3), sequence(3, start=1),
                                        sequence(3, start=0), np.abs(sequence(3)) + 1])
    extra.add("Erf", 13, [sequence(29, step=0.3, start=-4)])
    extra.add("Tanh", 13, [sequence(29, step=0.8, start=-11)])
    extra.add("Sigmoid", 13, [sequence(29, step=4, start=-60)])
    extra.add("Exp", 13, [sequence(29, step=6, start=-90)])
    extra.add("Range", 11, [np.array(5, np.int64), np.array(-4, np.int64), np.array(-2, np.int64)])
    extra.add("Cast", 13, [np.array([1.5, -1.5, 0, 250], np.float32)], to=TensorProto.INT32)
    extra.add("Cast", 13, [np.array([300, -1, 0, 7], np.int64)], to=TensorProto.UINT8)
    extra.add("Cast", 13, [np.array([0.5, 0, -2], np.float64)], to=TensorProto.BOOL)
    extra.add("Shape", 15, [sequence(2, 3, 4)], start=-2)
    extra.add("Size", 13, [sequence(2, 3, 4)])
    extra.add("ConstantOfShape", 9, [np.array([2, 3], np.int64)],
              value=numpy_helper.from_array(np.array([7], np.int32)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("out")
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    writer = Writer(arguments.table, arguments.all)
    node_cases(writer)
    extra = Extra(writer)
    for add_cases in (legacy_broadcast, first_versions, attribute_versions, resizes,
                      types_and_shapes):
        add_cases(extra)
    with open(arguments.out, "w") as out:
        out.write("\n\n".join(writer.cases) + "\n")
    print("%d cases" % len(writer.cases), file=sys.stderr)


if __name__ == "__main__":
    main()
