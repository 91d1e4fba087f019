#!/usr/bin/env python3
"""Writes type_cases.txt: operators on the element types that other cases do not reach, with expected
outputs from numpy, ml_dtypes and the package onnx. Usage:

    make_type_cases.py OUT.txt
"""
import sys
import warnings

import ml_dtypes
import numpy as np
from onnx import TensorProto, numpy_helper

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
    return next(name for name, dtype in TYPES.items() if array.dtype == np.dtype(dtype))


def tensor_text(array):
    name = name_of(array)
    dims = "x".join(str(d) for d in array.shape) if array.ndim else "scalar"
    if name in INTEGERS or name == "bool":
        values = [str(int(v)) for v in array.reshape(-1)]
    else:
        values = ["%.17g" % float(v) for v in array.reshape(-1)]
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


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip().splitlines()[-1])
    warnings.simplefilter("ignore")
    cases = Cases()
    casts(cases)
    with open(sys.argv[1], "w") as out:
        out.write("\n\n".join(cases.texts) + "\n")
    print("%d cases" % len(cases.texts))


if __name__ == "__main__":
    main()
