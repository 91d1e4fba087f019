#!/usr/bin/env python3
"""Writes quantization_cases.txt: cases of the operators on quantised data (the format is that of
tests/support/op_case.h) with expected outputs that nnopt did not compute: the standard's node tests,
and seeded random data of odd shapes through ONNX Runtime. Usage: make_quantization_cases.py OUT.txt
"""
import sys

import ml_dtypes
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

STANDARD = ("QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearConv QLinearMatMul "
            "MatMulInteger ConvInteger").split()
TYPES = {
    TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16",
    TensorProto.INT8: "int8", TensorProto.UINT8: "uint8", TensorProto.INT16: "int16",
    TensorProto.UINT16: "uint16", TensorProto.INT32: "int32", TensorProto.INT4: "int4",
    TensorProto.UINT4: "uint4", TensorProto.INT2: "int2", TensorProto.UINT2: "uint2",
}
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
LIMIT = 4000
random = np.random.default_rng(20260)
cases = []


def type_of(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def tensor_text(array):
    kind = type_of(array)
    dims = "x".join(map(str, array.shape)) if array.ndim else "scalar"
    flat = array.reshape(-1)
    values = ["%.9g" % float(v) if kind in FLOATS else str(int(v)) for v in flat]
    return " ".join([TYPES[kind], dims] + values)


def attribute_text(attribute):
    value = helper.get_attribute_value(attribute)
    kind = {onnx.AttributeProto.INT: "int", onnx.AttributeProto.FLOAT: "float",
            onnx.AttributeProto.STRING: "string", onnx.AttributeProto.INTS: "ints"}[attribute.type]
    if kind == "string":
        value = value.decode()
    if kind == "ints":
        value = " ".join(map(str, value))
    return "attr %s %s %s" % (attribute.name, kind, value)


def add(name, node, opset, inputs, outputs, tolerance=(0, 0)):
    arrays = [a for a in inputs + outputs if a is not None]
    if any(type_of(a) not in TYPES for a in arrays) or sum(a.size for a in arrays) > LIMIT:
        return False
    lines = ["case " + name, "op %s %d %s" % (node.op_type, opset, node.domain or "ai.onnx")]
    lines += [attribute_text(a) for a in node.attribute]
    lines += ["in " + ("none" if a is None else tensor_text(a)) for a in inputs]
    lines += ["out " + tensor_text(a) for a in outputs]
    lines.append("within %g %g" % tolerance)
    cases.append("\n".join(lines))
    return True


def array_of(value):
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value


def node_cases():
    for case in collect_testcases(None):
        graph = case.model.graph
        node = graph.node[0]
        if len(graph.node) != 1 or node.op_type not in STANDARD:
            continue
        opset = [o.version for o in case.model.opset_import if o.domain == node.domain][0]
        inputs, outputs = case.data_sets[0]
        by_name = dict(zip([i.name for i in graph.input], map(array_of, inputs)))
        arrays = [by_name[n] if n else None for n in node.input]
        results = [array_of(o) for o in outputs]
        if any(not isinstance(a, np.ndarray) for a in arrays + results if a is not None):
            continue
        add(case.name, node, opset, arrays, results, (1e-6, 0))


def runtime(name, op_type, inputs, output_types, opset=13, domain="", tolerance=(0, 0), **attributes):
    """Adds a case whose outputs ONNX Runtime computes."""
    names = ["" if a is None else "i%d" % i for i, a in enumerate(inputs)]
    outs = ["o%d" % i for i in range(len(output_types))]
    node = helper.make_node(op_type, names, outs, domain=domain, **attributes)
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(n, type_of(a), a.shape)
         for n, a in zip(names, inputs) if n],
        [helper.make_tensor_value_info(n, t, None) for n, t in zip(outs, output_types)])
    imports = [helper.make_opsetid("", opset)]
    if domain:
        imports.append(helper.make_opsetid(domain, 1))
    model = helper.make_model(graph, opset_imports=imports, ir_version=10)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {n: a for n, a in zip(names, inputs) if n}
    packed = {TensorProto.INT4: ml_dtypes.int4, TensorProto.UINT4: ml_dtypes.uint4}
    if any(type_of(a) in packed for a in feeds.values()) or set(output_types) & set(packed):
        raise ValueError("packed types do not pass through numpy")
    assert add(name, node, 1 if domain else opset, inputs, session.run(None, feeds), tolerance), name


def f32(*values):
    return np.array(values[0] if len(values) == 1 else values, np.float32)


def q(dtype, shape, full=True):
    info = np.iinfo(dtype)
    data = random.integers(info.min, info.max + 1, shape).astype(dtype)
    if full and data.size > 3:  # the ends of the range occur
        data.reshape(-1)[:4] = [info.min, info.max, info.min, info.max]
    return data


def zero(dtype, value):
    return np.array(value, dtype)


MS = "com.microsoft"
TYPE8 = {np.uint8: TensorProto.UINT8, np.int8: TensorProto.INT8}


def quantize_cases():
    x = (random.standard_normal((3, 5, 7)) * 40).astype(np.float32)
    x.reshape(-1)[:6] = [np.inf, -np.inf, 0.5, 1.5, -2.5, 1e30]
    for dtype in (np.uint8, np.int8, np.uint16, np.int16):
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        name = np.dtype(dtype).name
        runtime("quantize_%s" % name, "QuantizeLinear", [x, f32(0.37), zero(dtype, 3)], [kind], 21)
        scale = random.uniform(0.1, 0.9, 5).astype(np.float32)
        runtime("quantize_axis_%s" % name, "QuantizeLinear", [x, scale, q(dtype, 5) // 2], [kind],
                21, axis=-2)
        blocks = random.uniform(0.1, 0.9, (3, 5, 3)).astype(np.float32)
        runtime("quantize_blocked_%s" % name, "QuantizeLinear", [x, blocks, q(dtype, (3, 5, 3)) // 2],
                [kind], 21, axis=2, block_size=3)
        data = q(dtype, (3, 5, 7))
        runtime("dequantize_%s" % name, "DequantizeLinear", [data, f32(0.37), zero(dtype, 3)],
                [TensorProto.FLOAT], 21)
        runtime("dequantize_axis_%s" % name, "DequantizeLinear", [data, scale, q(dtype, 5)],
                [TensorProto.FLOAT], 21)
        runtime("dequantize_blocked_%s" % name, "DequantizeLinear", [data, blocks, q(dtype, (3, 5, 3))],
                [TensorProto.FLOAT], 21, axis=2, block_size=3)
    runtime("quantize_default_type", "QuantizeLinear", [x, f32(0.37)], [TensorProto.UINT8], 10)
    half = (random.standard_normal((4, 9)) * 20).astype(np.float16)
    runtime("quantize_half", "QuantizeLinear", [half, np.array(0.37, np.float16), zero(np.uint8, 120)],
            [TensorProto.UINT8], 19)
    runtime("dequantize_half", "DequantizeLinear",
            [q(np.int8, (4, 9)), np.array(0.37, np.float16), zero(np.int8, 12)],
            [TensorProto.FLOAT16], 19)
    runtime("dequantize_int32", "DequantizeLinear",
            [random.integers(-10**9, 10**9, (5, 3)).astype(np.int32), f32(1e-7)],
            [TensorProto.FLOAT], 13)
    for name, data in (("mixed", x[0]), ("positive", np.abs(x[1])), ("negative", -np.abs(x[1])),
                       ("zero", np.zeros((3, 3), np.float32))):
        data = np.clip(data, -500, 500)
        runtime("dynamic_quantize_" + name, "DynamicQuantizeLinear", [data],
                [TensorProto.UINT8, TensorProto.FLOAT, TensorProto.UINT8], 11)


def conv_inputs(x_type, w_type, x_shape, w_shape, per_channel=False, bias=True, w_zero=None):
    channels = w_shape[0]
    fan_in = int(np.prod(w_shape[1:]))
    scales = random.uniform(0.003, 0.02, channels if per_channel else ()).astype(np.float32)
    if w_zero is None:
        w_zero = 0 if w_type == np.int8 else 128
    zeros = np.full(channels if per_channel else (), w_zero, w_type)
    info = np.iinfo(x_type)
    x_zero = int(random.integers(info.min + 40, info.max - 40))
    y_scale = f32(0.02 * 0.01 * 70 * 74 * np.sqrt(fan_in) / 100)
    return [q(x_type, x_shape), f32(0.02), zero(x_type, x_zero), q(w_type, w_shape), scales, zeros,
            y_scale, zero(x_type, x_zero // 2 + 10)] + (
                [random.integers(-3000, 3000, channels).astype(np.int32)] if bias else [])


def conv_cases():
    shapes = [
        ("3x3", (1, 5, 9, 7), (6, 5, 3, 3), dict(pads=[1, 1, 1, 1])),
        ("3x3_stride", (2, 4, 9, 11), (5, 4, 3, 3), dict(pads=[1, 0, 1, 2], strides=[2, 3])),
        ("5x3_dilated", (1, 3, 13, 9), (7, 3, 5, 3), dict(pads=[2, 1, 3, 0], dilations=[2, 3])),
        ("1x1", (1, 17, 5, 3), (19, 17, 1, 1), {}),
        ("1x1_stride", (1, 8, 7, 6), (3, 8, 1, 1), dict(strides=[2, 2])),
        ("depthwise", (1, 19, 8, 7), (19, 1, 3, 3), dict(group=19, pads=[1, 1, 1, 1])),
        ("depthwise_5x5", (1, 10, 9, 7), (10, 1, 5, 5), dict(group=10, pads=[2, 2, 2, 2], strides=[2, 1])),
        ("depthwise_twice", (1, 6, 5, 6), (12, 1, 3, 3), dict(group=6, pads=[0, 1, 2, 1])),
        ("grouped", (1, 12, 6, 5), (8, 3, 3, 3), dict(group=4, pads=[1, 1, 1, 1])),
        ("1d", (2, 6, 23), (5, 6, 4), dict(pads=[3, 0], dilations=[2])),
        ("same_upper", (1, 3, 8, 9), (4, 3, 4, 3), dict(auto_pad="SAME_UPPER", strides=[2, 2])),
        ("3d", (1, 2, 4, 5, 3), (3, 2, 2, 3, 2), dict(pads=[1, 1, 0, 0, 1, 1])),
    ]
    for name, x_shape, w_shape, attributes in shapes:
        for x_type, w_type in ((np.uint8, np.int8), (np.int8, np.int8), (np.uint8, np.uint8)):
            tag = "%s_%s_%s" % (name, np.dtype(x_type).name, np.dtype(w_type).name)
            per_channel = x_type == np.int8 or name == "3x3"
            inputs = conv_inputs(x_type, w_type, x_shape, w_shape, per_channel and w_type == np.int8,
                                 bias=name != "1x1_stride")
            runtime("qlinear_conv_" + tag, "QLinearConv", inputs, [TYPE8[x_type]], 10, **attributes)
            if len(x_shape) == 4 and x_type == np.uint8:
                runtime("conv_integer_" + tag, "ConvInteger",
                        [inputs[0], inputs[3], inputs[2], inputs[5].reshape(-1)[:1].reshape(())], [TensorProto.INT32], 10,
                        **attributes)
    inputs = conv_inputs(np.uint8, np.uint8, (1, 5, 6, 7), (4, 5, 3, 3), w_zero=97)
    runtime("qlinear_conv_weight_zero", "QLinearConv", inputs, [TensorProto.UINT8], 10)
    inputs = conv_inputs(np.uint8, np.int8, (1, 5, 6, 7), (4, 5, 3, 3))
    inputs[6] = f32(1e-6)
    runtime("qlinear_conv_saturated", "QLinearConv", inputs, [TensorProto.UINT8], 10)


def matmul_cases():
    for a_type, b_type in ((np.uint8, np.int8), (np.int8, np.int8), (np.uint8, np.uint8)):
        tag = "_%s_%s" % (np.dtype(a_type).name, np.dtype(b_type).name)
        b_zero = 0 if b_type == np.int8 else 121
        for name, a_shape, b_shape in (("2d", (5, 13), (13, 9)), ("batch", (3, 2, 5, 7), (3, 2, 7, 4)),
                                       ("broadcast", (2, 3, 5), (5, 6)), ("row", (1, 33), (33, 17))):
            a, b = q(a_type, a_shape), q(b_type, b_shape)
            params = [f32(0.03), zero(a_type, 5), b, f32(0.011), zero(b_type, b_zero), f32(0.31),
                      zero(a_type, 17)]
            runtime("qlinear_matmul_%s%s" % (name, tag), "QLinearMatMul", [a] + params,
                    [TYPE8[a_type]], 10)
            if a_type == np.uint8:
                runtime("matmul_integer_%s%s" % (name, tag), "MatMulInteger",
                        [a, b, zero(a_type, 5), zero(b_type, b_zero)], [TensorProto.INT32], 10)
    columns = random.uniform(0.003, 0.02, 9).astype(np.float32)
    runtime("qlinear_matmul_columns", "QLinearMatMul",
            [q(np.uint8, (5, 13)), f32(0.03), zero(np.uint8, 5), q(np.int8, (13, 9)), columns,
             np.zeros(9, np.int8), f32(0.31), zero(np.uint8, 17)], [TensorProto.UINT8], 10)
    for trans_a, trans_b in ((0, 0), (0, 1), (1, 0)):
        a, b = q(np.uint8, (13, 5) if trans_a else (5, 13)), q(np.int8, (9, 13) if trans_b else (13, 9))
        c = random.integers(-3000, 3000, 9).astype(np.int32)
        params = [f32(0.03), zero(np.uint8, 5), b, columns, np.zeros(9, np.int8), c]
        attributes = dict(transA=trans_a, transB=trans_b, alpha=1.0)
        runtime("qgemm_%d%d" % (trans_a, trans_b), "QGemm",
                [a] + params + [f32(0.31), zero(np.uint8, 17)], [TensorProto.UINT8], 13, MS, **attributes)
        runtime("qgemm_float_%d%d" % (trans_a, trans_b), "QGemm", [a] + params, [TensorProto.FLOAT], 13,
                MS, tolerance=(1e-6, 1e-6), **attributes)


def elementwise_cases():
    for dtype in (np.uint8, np.int8):
        tag = "_" + np.dtype(dtype).name
        base = 0 if dtype == np.int8 else 128
        params = [f32(0.051), zero(dtype, base + 3)]
        other = [f32(0.023), zero(dtype, base - 9)]
        out = [f32(0.0613), zero(dtype, base + 11)]
        for name, a_shape, b_shape in (("same", (2, 5, 7, 3), (2, 5, 7, 3)), ("scalar", (3, 11), ()),
                                       ("channel", (1, 7, 4, 5), (7, 1, 1)),
                                       ("outer", (5, 1), (1, 67))):
            for kind in ("Add", "Mul"):
                inputs = [q(dtype, a_shape)] + params + [q(dtype, b_shape, False)] + other + out
                if kind == "Mul":
                    inputs[6] = f32(0.0913)
                runtime("qlinear_%s_%s%s" % (kind.lower(), name, tag), "QLinear" + kind, inputs,
                        [TYPE8[dtype]], 13, MS)
        every = np.arange(256).astype(np.uint8).view(dtype).reshape(4, 4, 4, 4)
        runtime("qlinear_sigmoid" + tag, "QLinearSigmoid",
                [every] + params + [f32(1 / 256), zero(dtype, np.iinfo(dtype).min)], [TYPE8[dtype]], 13, MS)
        runtime("qlinear_leaky_relu" + tag, "QLinearLeakyRelu", [every] + params + out,
                [TYPE8[dtype]], 13, MS, alpha=0.13)
        runtime("qlinear_global_average_pool" + tag, "QLinearGlobalAveragePool",
                [q(dtype, (2, 19, 7, 5))] + params + [f32(0.011)] + out[1:], [TYPE8[dtype]], 13, MS)
        runtime("qlinear_global_average_pool_last" + tag, "QLinearGlobalAveragePool",
                [q(dtype, (2, 7, 5, 19))] + params + [f32(0.011)] + out[1:], [TYPE8[dtype]], 13, MS,
                channels_last=1)
        for name, shape, attributes in (
                ("3x3", (1, 5, 9, 7), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
                ("included", (1, 5, 9, 7), dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
                                                count_include_pad=1)),
                ("2x3", (2, 3, 8, 8), dict(kernel_shape=[2, 3])),
                ("ceil", (1, 3, 8, 9), dict(kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)),
                ("1d", (2, 3, 17), dict(kernel_shape=[5], strides=[3], pads=[2, 1]))):
            runtime("qlinear_average_pool_%s%s" % (name, tag), "QLinearAveragePool",
                    [q(dtype, shape)] + params + [f32(0.0271834)] + out[1:], [TYPE8[dtype]], 13, MS,
                    **attributes)
        parts = [q(dtype, (2, 3, 4, 5))] + params + [q(dtype, (2, 6, 4, 5))] + other + [
            q(dtype, (2, 2, 4, 5))] + out
        runtime("qlinear_concat" + tag, "QLinearConcat", out + parts, [TYPE8[dtype]], 13, MS, axis=1)
        parts = [q(dtype, (3, 4))] + params + [q(dtype, (3, 2))] + params
        runtime("qlinear_concat_last" + tag, "QLinearConcat", out + parts, [TYPE8[dtype]], 13, MS, axis=-1)


def main():
    node_cases()
    quantize_cases()
    conv_cases()
    matmul_cases()
    elementwise_cases()
    with open(sys.argv[1], "w") as out:
        out.write("\n\n".join(cases) + "\n")
    print("%d cases" % len(cases), file=sys.stderr)


if __name__ == "__main__":
    main()
