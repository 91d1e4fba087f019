#!/usr/bin/env python3
"""Writes type_cases.txt: operators on the element types that other cases do not reach, with expected
outputs from numpy, ml_dtypes and the package onnx. Usage:

    make_type_cases.py OUT.txt
"""
import sys
import warnings

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

FLOAT8 = ["float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"]
TYPES = {
    "float32": np.float32, "float64": np.float64, "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16, "float8e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8e4m3fnuz": ml_dtypes.float8_e4m3fnuz, "float8e5m2": ml_dtypes.float8_e5m2,
    "float8e5m2fnuz": ml_dtypes.float8_e5m2fnuz, "float8e8m0": ml_dtypes.float8_e8m0fnu,
    "float4e2m1": ml_dtypes.float4_e2m1fn, "float6e2m3": ml_dtypes.float6_e2m3fn,
    "float6e3m2": ml_dtypes.float6_e3m2fn, "int8": np.int8, "int16": np.int16, "int32": np.int32,
    "int64": np.int64, "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32,
    "uint64": np.uint64, "int4": ml_dtypes.int4, "uint4": ml_dtypes.uint4, "int2": ml_dtypes.int2,
    "uint2": ml_dtypes.uint2, "bool": np.bool_,
}
INTEGERS = [name for name in TYPES if "int" in name]
NUMBER = {
    name: getattr(TensorProto, {"float32": "FLOAT", "float64": "DOUBLE"}.get(name, name.upper()))
    for name in TYPES
}


def name_of(array):
    if array.dtype == object:
        return "string"
    if array.dtype.kind == "c":
        return array.dtype.name
    return next(name for name, dtype in TYPES.items() if array.dtype == np.dtype(dtype))


def text_word(text):
    return "'" + "".join(c if c.isalnum() and c.isascii() else
                         "".join("%%%02x" % b for b in c.encode()) for c in text)


def tensor_text(array):
    name = name_of(array)
    dims = "x".join(str(d) for d in array.shape) if array.ndim else "scalar"
    if name in INTEGERS or name == "bool":
        values = [str(int(v)) for v in array.reshape(-1)]
    elif name == "string":
        values = [text_word(v) for v in array.reshape(-1)]
    elif name.startswith("complex"):
        values = ["%.17g %.17g" % (v.real, v.imag) for v in array.reshape(-1)]
    else:
        form = "%.17g" if name == "float64" else "%.9g"
        values = [form % float(v) for v in array.reshape(-1)]
    return " ".join([name, dims] + values)


class Cases:
    def __init__(self):
        self.texts = []

    def add(self, name, op, opset, attributes, inputs, outputs, rtol=0.0, atol=0.0):
        lines = ["case " + name, "op %s %d ai.onnx" % (op, opset)]
        lines += ["attr %s %s" % item for item in attributes.items()]
        lines += ["in " + ("none" if a is None else tensor_text(a)) for a in inputs]
        lines += ["out " + tensor_text(a) for a in outputs]
        self.texts.append("\n".join(lines + ["within %g %g" % (rtol, atol)]))


def reference(op, opset, attributes, inputs, output_types):
    """What the reference implementation of the package onnx gives for one node."""
    names = ["x%d" % i if a is not None else "" for i, a in enumerate(inputs)]
    outputs = ["y%d" % i for i in range(len(output_types))]
    node = helper.make_node(op, names, outputs, **attributes)
    given = [(n, a) for n, a in zip(names, inputs) if a is not None]
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(n, NUMBER[name_of(a)], a.shape) for n, a in given],
        [helper.make_tensor_value_info(n, NUMBER[t], None) for n, t in zip(outputs, output_types)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    return ReferenceEvaluator(model).run(None, dict(given))


def attribute_texts(attributes):
    kind = {int: "int %d", str: "string %s"}
    return {key: kind[type(value)] % value for key, value in attributes.items()}


# ---- Cast ----

VALUES = [0, 1, 2, 3, -1, -2, 7, -8, 0.5, 1.5, 2.5, -0.75, 6, 10, 15, 100, -100, 127, 200, 448, 1000,
          0.1, -3.3, 30000, 70000, -1e6, 3e9, 1e-3, 1e-9, 5e18]
SPECIAL = [float("nan"), float("inf"), float("-inf")]


def saturated(values, dtype):
    """The standard's rule for float8: beyond the largest is the largest."""
    info = ml_dtypes.finfo(dtype)
    return np.clip(values, float(info.min), float(info.max)).astype(dtype)


def source_of(name):
    """Values that the type holds without doubt about how they got there."""
    values = np.array(VALUES, np.float64)
    if name == "bool":
        return np.array([True, False, True])
    if name in INTEGERS:
        info = ml_dtypes.iinfo(TYPES[name])
        whole = values[values == np.floor(values)]
        kept = whole[(whole >= int(info.min)) & (whole <= int(info.max))]
        return kept.astype(np.int64 if kept.min() < 0 else np.uint64).astype(TYPES[name])
    if name == "float8e8m0":
        return np.array([2.0**e for e in (-20, -2, 0, 1, 5, 16)], np.float32).astype(TYPES[name])
    if name in ("float4e2m1", "float6e2m3", "float6e3m2"):
        return values[np.abs(values) < 4].astype(np.float32).astype(TYPES[name])
    special = SPECIAL if not name.startswith("float8") else SPECIAL[:1]
    info = ml_dtypes.finfo(TYPES[name])
    return np.array([v for v in VALUES if abs(v) <= float(info.max)] + special, np.float64).astype(
        TYPES[name])


def is_integer(name):
    return name in INTEGERS


def wide(array):
    return array.astype(np.int64 if array.dtype != np.uint64 else np.uint64) \
        if is_integer(name_of(array)) or name_of(array) == "bool" else array.astype(np.float64)


def cast(array, to):
    """Returns what was defined of the array, and it as type `to`."""
    values = wide(array)
    if to == "bool":
        return array, values != 0
    if is_integer(to):
        info = ml_dtypes.iinfo(TYPES[to])
        if values.dtype == np.float64:
            kept = np.isfinite(values) & (np.trunc(values) >= int(info.min)) \
                & (np.trunc(values) <= int(info.max))
            return array[kept], np.trunc(values[kept]).astype(
                np.uint64 if to == "uint64" else np.int64).astype(TYPES[to])
        bits = int(info.bits)
        low = [(int(v) & (2**bits - 1)) for v in values]
        signed = [v - 2**bits if int(info.min) < 0 and v >= 2**(bits - 1) else v for v in low]
        return array, np.array(signed, np.uint64 if to == "uint64" else np.int64).astype(TYPES[to])
    if to == "float8e8m0":
        kept = (values > 1e-6) & np.isfinite(values)
        return array[kept], numpy_helper.to_float8e8m0(values[kept].astype(np.float32))
    if to in FLOAT8:
        return array, saturated(values, TYPES[to])
    if to in ("float4e2m1", "float6e2m3", "float6e3m2"):
        kept = ~np.isnan(values.astype(np.float64))
        return array[kept], values[kept].astype(np.float32).astype(TYPES[to])
    return array, values.astype(TYPES[to])


def casts(cases):
    for source in TYPES:
        for target in TYPES:
            if source == target:
                continue
            inputs, outputs = cast(source_of(source), target)
            cases.add("cast_%s_to_%s" % (source, target), "Cast", 28,
                      {"to": "int %d" % NUMBER[target]}, [inputs], [outputs])
    # more elements than one block of the conversion, an odd number of them
    long = np.arange(1201) % 16 - 8
    for source, target in (("int4", "float32"), ("int8", "int4"), ("float32", "float4e2m1"),
                           ("float6e2m3", "float16"), ("float32", "float6e3m2"), ("int4", "int2")):
        inputs, outputs = cast(long.astype(np.float32).astype(TYPES[source]), target)
        cases.add("cast_long_%s_to_%s" % (source, target), "Cast", 28,
                  {"to": "int %d" % NUMBER[target]}, [inputs], [outputs])
    values = np.array(VALUES + SPECIAL, np.float32)
    for target in FLOAT8:
        like = np.zeros(1, np.float32).astype(TYPES[target])
        cases.add("cast_overflow_" + target, "Cast", 19,
                  {"to": "int %d" % NUMBER[target], "saturate": "int 0"}, [values],
                  [values.astype(TYPES[target])])
        cases.add("cast_like_overflow_" + target, "CastLike", 19, {"saturate": "int 0"},
                  [values, like], [values.astype(TYPES[target])])
    powers = np.array([1, 1.25, 1.5, 1.75, 3, 5.9, 6, 6.1, 1e-3, 100], np.float32)
    for mode in ("up", "down", "nearest"):
        expected = numpy_helper.to_float8e8m0(powers, True, mode)
        cases.add("cast_e8m0_" + mode, "Cast", 24,
                  {"to": "int %d" % NUMBER["float8e8m0"], "round_mode": "string " + mode},
                  [powers], [expected])


# ---- QuantizeLinear, DequantizeLinear ----

QUANTIZED = {"uint8": 10, "int8": 10, "float8e4m3fn": 19, "float8e4m3fnuz": 19, "float8e5m2": 19,
             "float8e5m2fnuz": 19, "uint16": 21, "int16": 21, "uint4": 21, "int4": 21,
             "float4e2m1": 23, "uint2": 25, "int2": 25, "float6e2m3": 28, "float6e3m2": 28}


def quantizations(cases):
    random = np.random.default_rng(7)
    x = (random.standard_normal((3, 5, 7)) * 20).astype(np.float32)
    grains = {"tensor": (np.array(0.73, np.float32), {}),
              "axis": (np.array([0.3, 1.1, 2.7, 0.9, 5.0], np.float32), {"axis": -2}),
              "blocked": ((random.random((3, 2, 7)) + 0.25).astype(np.float32),
                          {"axis": 1, "block_size": 3})}
    for target, since in QUANTIZED.items():
        for grain, (scale, attributes) in grains.items():
            opset = max(since, {"tensor": 10, "axis": 13, "blocked": 21}[grain])
            offsets = np.arange(scale.size).reshape(scale.shape) % 3
            if "uint" in target:
                offsets = offsets + 1
            if is_integer(target):
                zero = offsets.astype(np.int64).astype(TYPES[target]) if target != "int2" else \
                    (offsets % 2).astype(np.int64).astype(TYPES[target])
            else:
                zero = np.zeros(scale.shape, np.float32).astype(TYPES[target])
            quantized, = reference("QuantizeLinear", opset, attributes, [x, scale, zero], [target])
            texts = attribute_texts(attributes)
            cases.add("quantize_%s_%s" % (grain, target), "QuantizeLinear", opset, texts,
                      [x, scale, zero], [quantized])
            back, = reference("DequantizeLinear", max(opset, 19), attributes,
                              [quantized, scale, zero], ["float32"])
            cases.add("dequantize_%s_%s" % (grain, target), "DequantizeLinear", opset, texts,
                      [quantized, scale, zero], [back])
    for kind in ("float16", "bfloat16"):
        data, scale = x.astype(TYPES[kind]), np.array([0.3, 1.1, 2.7], np.float32).astype(TYPES[kind])
        zero = np.array([1, -2, 3], np.int8)
        quantized, = reference("QuantizeLinear", 21, {"axis": 0}, [data, scale, zero], ["int8"])
        cases.add("quantize_" + kind, "QuantizeLinear", 21, {"axis": "int 0"}, [data, scale, zero],
                  [quantized])
        back, = reference("DequantizeLinear", 21, {"axis": 0}, [quantized, scale, zero], [kind])
        cases.add("dequantize_" + kind, "DequantizeLinear", 21, {"axis": "int 0"},
                  [quantized, scale, zero], [back])
        attributes = {"precision": NUMBER[kind], "output_dtype": NUMBER["uint8"]}
        single = np.array(0.37, np.float32)
        quantized, = reference("QuantizeLinear", 23, attributes, [x, single], ["uint8"])
        cases.add("quantize_in_" + kind, "QuantizeLinear", 23, attribute_texts(attributes),
                  [x, single], [quantized])
        attributes = {"output_dtype": NUMBER[kind]}
        back, = reference("DequantizeLinear", 23, attributes, [quantized, single], [kind])
        cases.add("dequantize_to_" + kind, "DequantizeLinear", 23, attribute_texts(attributes),
                  [quantized, single], [back])
    scale = np.array([[0.5, 4], [1, 0.25]], np.float32).astype(TYPES["float8e8m0"])
    data = (random.standard_normal((2, 64)) * 4).astype(np.float32)
    attributes = {"axis": 1, "block_size": 32, "output_dtype": NUMBER["float4e2m1"],
                  "precision": NUMBER["float32"]}
    quantized, = reference("QuantizeLinear", 24, attributes, [data, scale], ["float4e2m1"])
    cases.add("quantize_microscaling", "QuantizeLinear", 24, attribute_texts(attributes),
              [data, scale], [quantized])
    attributes = {"axis": 1, "block_size": 32, "output_dtype": NUMBER["float32"]}
    back, = reference("DequantizeLinear", 24, attributes, [quantized, scale], ["float32"])
    cases.add("dequantize_microscaling", "DequantizeLinear", 24, attribute_texts(attributes),
              [quantized, scale], [back])
    extreme = np.array([0, -0.0, 1e30, -1e30, np.inf, -np.inf, np.nan, 3], np.float32)
    for target in FLOAT8:
        zero = np.zeros((), np.float32).astype(TYPES[target])
        for saturate in (0, 1):
            attributes = {"saturate": saturate}
            one = np.array(1, np.float32)
            quantized, = reference("QuantizeLinear", 19, attributes, [extreme, one, zero], [target])
            cases.add("quantize_saturate_%d_%s" % (saturate, target), "QuantizeLinear", 19,
                      attribute_texts(attributes), [extreme, one, zero], [quantized])
    numbers = np.array([0, 5, -7, 1000, -100000], np.int32)
    scale = np.array(2, np.float32)
    quantized, = reference("QuantizeLinear", 10, {}, [numbers, scale, np.array(3, np.int8)], ["int8"])
    cases.add("quantize_int32", "QuantizeLinear", 10, {}, [numbers, scale, np.array(3, np.int8)],
              [quantized])
    back, = reference("DequantizeLinear", 19, {}, [numbers, scale], ["float32"])
    cases.add("dequantize_int32", "DequantizeLinear", 10, {}, [numbers, scale], [back])


# ---- text ----

def texts(cases):
    """Numbers as the shortest decimals; what ONNX Runtime reads from text."""
    written = {
        "float32": [("0.47892547", 0.47892547), ("0.1", 0.1), ("1", 1), ("-2.5", -2.5), ("1e-07", 1e-7),
                    ("1e+10", 1e10), ("16777216", 16777216), ("314.15927", 314.15926),
                    ("3.1415927", 3.14159265), ("NaN", float("nan")), ("INF", float("inf")),
                    ("-INF", float("-inf")), ("-0", -0.0), ("1e-05", 1e-5), ("100", 100), ("1200.5", 1200.5)],
        "float64": [("0.1", 0.1), ("314.15926", 314.15926), ("3.141592653589793", np.pi),
                    ("123456789", 123456789), ("1e-300", 1e-300), ("-INF", float("-inf"))],
        "float16": [("0.479", 0.479), ("1", 1), ("-2.5", -2.5), ("65504", 65504), ("100", 100), ("NaN", float("nan"))],
        "bfloat16": [("0.48", 0.48), ("3.14", 3.14), ("1", 1)],
        "float8e5m2": [("0.5", 0.5), ("-3", -3), ("INF", float("inf"))],
        "float4e2m1": [("0.5", 0.5), ("-3", -3), ("6", 6)],
        "int64": [("0", 0), ("-9223372036854775808", -2**63)], "int4": [("-8", -8), ("7", 7), ("0", 0)],
        "uint64": [("18446744073709551615", 2**64 - 1)], "uint8": [("200", 200)],
        "bool": [("1", True), ("0", False)],
    }
    for name, pairs in written.items():
        words = np.array([p[0] for p in pairs], object)
        kind = np.uint64 if name == "uint64" else np.int64 if is_integer(name) else np.float64
        values = np.array([p[1] for p in pairs], kind).astype(TYPES[name])
        cases.add("cast_%s_to_string" % name, "Cast", 13, {"to": "int 8"}, [values], [words])
        if name == "float8e5m2":  # reading saturates
            words, values = words[:2], values[:2]
        cases.add("cast_string_to_%s" % name, "Cast", 13, {"to": "int %d" % NUMBER[name]}, [words],
                  [values])
    more = {"float32": [(" 2", 2), ("2 ", 2), ("1e-5", 1e-5), ("1E8", 1e8), ("+inf", float("inf")),
                        ("nan", float("nan")), ("+5", 5), ("-InF", float("-inf")), ("1e400", float("inf"))],
            "int32": [("1.5", 1), ("3.7", 3), ("-3.7", -3), ("100.5", 100), (" 7 ", 7), ("1e3", 1000)],
            "uint8": [("300", 44), ("-3", 253)], "int8": [("300", 44)], "bool": [("1.5", True), ("0.0", False)]}
    for name, pairs in more.items():
        words = np.array([p[0] for p in pairs], object)
        values = np.array([p[1] for p in pairs], np.float64).astype(TYPES[name])
        cases.add("read_" + name, "Cast", 21, {"to": "int %d" % NUMBER[name]}, [words], [values])
    like = np.array(["x"], object)
    cases.add("cast_like_string", "CastLike", 15, {}, [np.array([1.5, 2], np.float32), like],
              [np.array(["1.5", "2"], object)])
    a = np.array([["a", "bc", ""], ["\u00e9", "x y", "bc"]], object)
    b = np.array(["a", "", "bc"], object)
    cases.add("equal_string", "Equal", 19, {}, [a, b], [a == b])
    cases.add("constant_string", "Constant", 13, {"value_string": "string hello"}, [],
              [np.array("hello", object)])
    cases.add("constant_strings", "Constant", 13, {"value_strings": "strings 'a '%20 ' 'z%25"}, [],
              [np.array(["a", " ", "", "z%"], object)])


# ---- moving ----

def elements(name, shape):
    """Distinct values as far as the type has them."""
    count = int(np.prod(shape))
    if name == "string":
        return np.array(["s%d" % i if i % 5 else "" for i in range(count)], object).reshape(shape)
    if name.startswith("complex"):
        return (np.arange(count) - 1j * np.arange(count)[::-1]).astype(name).reshape(shape)
    if name == "bool":
        return (np.arange(count) % 3 == 0).reshape(shape)
    bits = {"4": 8, "6": 16}.get("".join(c for c in name if c in "46")[:1], 4)
    if is_integer(name):
        info = ml_dtypes.iinfo(TYPES[name])
        return (np.arange(count) % min(int(info.max) - int(info.min) + 1, 100) + max(int(info.min), -50)) \
            .astype(np.int64).astype(TYPES[name]).reshape(shape)
    if name == "float8e8m0":
        return (2.0 ** (np.arange(count) % 16)).astype(np.float32).astype(TYPES[name]).reshape(shape)
    return (np.arange(count) % bits - bits // 2).astype(np.float32).astype(TYPES[name]).reshape(shape)


def movements(cases):
    integers = lambda *values: np.array(values, np.int64)
    plain = [n for n in TYPES if not any(c in n for c in ("int4", "int2", "4e2m1", "6e"))]
    every = list(TYPES) + ["string", "complex64", "complex128"]
    whole = plain + ["string", "complex64", "complex128"]
    for name in every:
        x = elements(name, (3, 5, 3))
        cases.add("transpose_" + name, "Transpose", 28, {"perm": "ints 2 0 1"}, [x],
                  [x.transpose(2, 0, 1)])
        fill = elements(name, (2,))[1:].reshape(())
        padded = np.full((4, 6, 4), fill, x.dtype)
        padded[1:, :5, 1:] = x
        cases.add("pad_" + name, "Pad", 28, {}, [x, integers(1, 0, 1, 0, 1, 0), fill], [padded])
        zero = np.full((5,), "" if name == "string" else 0, np.float64 if name != "string" else object)
        if name != "float8e8m0":  # has no zero
            zero = zero.astype(x.dtype)
            zero[1:4] = x[0, 0]
            cases.add("pad_default_" + name, "Pad", 28, {}, [x[0, 0], integers(1, 1)], [zero])
        cases.add("reshape_" + name, "Reshape", 28, {}, [x, integers(5, 9)], [x.reshape(5, 9)])
        cases.add("unsqueeze_" + name, "Unsqueeze", 28, {}, [x, integers(0)], [x[None]])
        cases.add("identity_" + name, "Identity", 28, {}, [x], [x])
        cases.add("constant_of_shape_" + name, "ConstantOfShape", 28,
                  {"value": "tensor " + tensor_text(fill.reshape(1))}, [integers(3, 7)],
                  [np.full((3, 7), fill, x.dtype)])
    for name in whole:
        x = elements(name, (4, 6))
        y = x[::-1].copy()
        row = np.array([True, False, True, True, False, False])
        cases.add("concat_" + name, "Concat", 13, {"axis": "int 1"}, [x, y],
                  [np.concatenate([x, y], 1)])
        cases.add("slice_" + name, "Slice", 13, {}, [x, integers(1, 5), integers(4, -7), integers(0, 1),
                                                     integers(1, -2)], [x[1:4, 5::-2]])
        cases.add("split_" + name, "Split", 13, {"axis": "int 1"}, [x, integers(2, 4)],
                  [x[:, :2].copy(), x[:, 2:].copy()])
        cases.add("gather_" + name, "Gather", 13, {"axis": "int 1"}, [x, integers(5, 0, -1)],
                  [x[:, [5, 0, 5]]])
        cases.add("gather_elements_" + name, "GatherElements", 13, {"axis": "int 0"},
                  [x, np.array([[3, 1, 0, 2, 1, 0]], np.int64)],
                  [x[[3, 1, 0, 2, 1, 0], range(6)][None]])
        cases.add("gather_nd_" + name, "GatherND", 13, {}, [x, np.array([[1, 2], [3, 5]], np.int64)],
                  [x[[1, 3], [2, 5]]])
        cases.add("tile_" + name, "Tile", 13, {}, [x, integers(2, 1)], [np.tile(x, (2, 1))])
        cases.add("expand_" + name, "Expand", 13, {}, [x[:, :1].copy(), integers(4, 3)],
                  [np.broadcast_to(x[:, :1], (4, 3)).copy()])
        cases.add("where_" + name, "Where", 16, {}, [row, x, y], [np.where(row, x, y)])
        cases.add("squeeze_" + name, "Squeeze", 13, {}, [x[:1].copy(), integers(0)], [x[0]])
        cases.add("flatten_" + name, "Flatten", 13, {"axis": "int 0"}, [x], [x.reshape(1, 24)])
        block = elements(name, (1, 4, 2, 3))
        cases.add("depth_to_space_" + name, "DepthToSpace", 13, {"blocksize": "int 2"}, [block],
                  [block.reshape(1, 2, 2, 1, 2, 3).transpose(0, 3, 4, 1, 5, 2).reshape(1, 1, 4, 6)])


def further(cases):
    for name in ("string", "complex64", "bool", "float16"):
        x = elements(name, (3, 4))
        zero = "" if name == "string" else 0
        upper, crop = x.copy(), np.full((3, 6), zero, x.dtype)
        upper[np.tril_indices(3, -1, 4)] = zero
        crop[:, 1:5] = x
        cases.add("trilu_" + name, "Trilu", 14, {}, [x], [upper])
        cases.add("center_crop_pad_" + name, "CenterCropPad", 18, {},
                  [x, np.array([3, 6], np.int64)], [crop])
    for name in ("int4", "uint4", "float4e2m1", "int8"):
        past, update = elements(name, (2, 1, 4, 5)), elements(name, (2, 1, 1, 5))[:, :, :, ::-1].copy()
        present = past.copy()
        present[0, 0, 1], present[1, 0, 3] = update[0, 0, 0], update[1, 0, 0]
        cases.add("tensor_scatter_" + name, "TensorScatter", 24, {},
                  [past, update, np.array([1, 3], np.int64)], [present])
    for name in FLOAT8:
        x = elements(name, (2, 3))
        cases.add("dropout_" + name, "Dropout", 22, {}, [x], [x])
        # A sum of products of small whole numbers, exact in every format on the way.
        a, b = np.array([[1, 2, -1], [0, 3, 2]], np.float32), np.array([[2, 1], [1, -2], [4, 0]], np.float32)
        one, zero = np.array(0.5, np.float32), np.zeros((), np.float32).astype(TYPES[name])
        product = saturated((a @ b) * 0.5 * 0.5 / 0.5, TYPES[name])
        cases.add("qlinear_matmul_" + name, "QLinearMatMul", 21, {},
                  [a.astype(TYPES[name]), one, zero, b.astype(TYPES[name]), one, zero, one, zero],
                  [product])
    cases.add("bit_cast_int4", "BitCast", 26, {"to": "int %d" % NUMBER["uint4"]},
              [np.arange(-4, 4).astype(TYPES["int4"])],
              [np.array([12, 13, 14, 15, 0, 1, 2, 3]).astype(TYPES["uint4"])])
    cases.add("resize_nearest_string", "Resize", 19, {"mode": "string nearest",
              "nearest_mode": "string floor", "coordinate_transformation_mode": "string asymmetric"},
              [elements("string", (1, 1, 2, 2)), None, np.array([1, 1, 2, 1], np.float32)],
              [elements("string", (1, 1, 2, 2)).repeat(2, 2)])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip().splitlines()[-1])
    warnings.simplefilter("ignore")
    cases = Cases()
    casts(cases)
    quantizations(cases)
    texts(cases)
    movements(cases)
    further(cases)
    with open(sys.argv[1], "w") as out:
        out.write("\n\n".join(cases.texts) + "\n")
    print("%d cases" % len(cases.texts))


if __name__ == "__main__":
    main()
