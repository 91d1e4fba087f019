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
LIMIT = 150  # elements a case may hold without --all


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


def standard_cases(writer):
    from onnx.backend.test.loader import load_model_tests
    for case in load_model_tests(kind="node"):
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("out")
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    writer = Writer(arguments.table, arguments.all)
    node_cases(writer)
    with open(arguments.out, "w") as out:
        out.write("\n\n".join(writer.cases) + "\n")
    print("%d cases" % len(writer.cases), file=sys.stderr)


if __name__ == "__main__":
    main()
