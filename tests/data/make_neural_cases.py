#!/usr/bin/env python3
"""Writes neural_cases.txt: cases of attention, recurrent layers, losses, sampling, unusual pools and
optimisers (the format is that of tests/support/op_case.h) with expected outputs that nnopt did not
compute: ONNX Runtime's, or where it lacks the operator or the form those of the standard's reference
implementation, on seeded data of odd shapes. Usage: make_neural_cases.py OUT.txt
"""
import sys

import ml_dtypes
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

TYPES = {
    TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64", TensorProto.INT8: "int8", TensorProto.UINT8: "uint8",
    TensorProto.INT32: "int32", TensorProto.INT64: "int64", TensorProto.BOOL: "bool",
}
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
random = np.random.default_rng(20261)
cases = []


def type_of(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def tensor_text(array):
    kind = type_of(array)
    dims = "x".join(map(str, array.shape)) if array.ndim else "scalar"
    flat = array.reshape(-1)
    values = ["%.8g" % float(v) if kind in FLOATS else str(int(v)) for v in flat]
    return " ".join([TYPES[kind], dims] + values)


def attribute_text(attribute):
    value = helper.get_attribute_value(attribute)
    kind = {onnx.AttributeProto.INT: "int", onnx.AttributeProto.FLOAT: "float",
            onnx.AttributeProto.STRING: "string", onnx.AttributeProto.INTS: "ints",
            onnx.AttributeProto.FLOATS: "floats",
            onnx.AttributeProto.STRINGS: "strings"}[attribute.type]
    if kind == "string":
        value = value.decode()
    elif kind == "strings":
        value = " ".join("'" + v.decode() for v in value)
    elif kind in ("ints", "floats"):
        value = " ".join("%.9g" % v for v in value)
    return "attr %s %s %s" % (attribute.name, kind, value)


def add(name, node, opset, inputs, outputs, tolerance):
    lines = ["case " + name, "op %s %d %s" % (node.op_type, opset, node.domain or "ai.onnx")]
    lines += [attribute_text(a) for a in node.attribute]
    lines += ["in " + ("none" if a is None else tensor_text(a)) for a in inputs]
    lines += ["out " + ("none" if a is None else tensor_text(a)) for a in outputs]
    lines.append("within %g %g" % tolerance)
    cases.append("\n".join(lines))


def make_model(node, opset, inputs):
    values = [helper.make_tensor_value_info("i%d" % i, type_of(a), a.shape)
              for i, a in enumerate(inputs) if a is not None]
    outputs = [helper.make_value_info(n, onnx.TypeProto()) for n in node.output if n]
    graph = helper.make_graph([node], "case", values, outputs)
    imports = [helper.make_opsetid(node.domain, opset)]
    if node.domain:
        imports.append(helper.make_opsetid("", 22))
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


counts = {}


def case(op_type, opset, inputs, outputs=1, domain="", tolerance=(1e-4, 1e-5), by="runtime",
         expected=None, **attributes):
    """outputs: how many, or a string with x where one is wanted and - where it is absent."""
    wanted = "x" * outputs if isinstance(outputs, int) else outputs
    names = ["" if a is None else "i%d" % i for i, a in enumerate(inputs)]
    results = ["o%d" % i if w == "x" else "" for i, w in enumerate(wanted)]
    node = helper.make_node(op_type, names, results, domain=domain, **attributes)
    feeds = {n: a for n, a in zip(names, inputs) if n}
    if expected is None and by == "runtime":
        options = ort.SessionOptions()
        options.log_severity_level = 3
        session = ort.InferenceSession(make_model(node, opset, inputs).SerializeToString(), options,
                                       providers=["CPUExecutionProvider"])
        expected = session.run(None, feeds)
    elif expected is None:
        expected = ReferenceEvaluator(make_model(node, opset, inputs)).run(None, feeds)
    expected = [np.asarray(e) for e in expected]
    if domain:  # numpy widens what the standard does not
        expected = [e.astype(np.float32) for e in expected]
    left = list(expected)
    arrays = [left.pop(0) if w == "x" else None for w in wanted]
    counts[op_type] = counts.get(op_type, 0) + 1
    add("%s_%d" % (op_type.lower(), counts[op_type]), node, opset, inputs, arrays, tolerance)
    return expected


def normal(*shape, kind=np.float32, scale=1.0):
    """In steps of 1/64, which are short to write and exact in every type."""
    return (np.round(random.standard_normal(shape) * scale * 64) / 64).astype(kind)


def indices(high, *shape, kind=np.int64, low=0):
    return random.integers(low, high, shape).astype(kind)


# ---- recurrent layers ----

def layer(op_type, steps, batch, inputs, hidden, direction="forward", bias=True, lengths=None,
          states=False, peepholes=False, outputs="xxx", opset=14, kind=np.float32, **attributes):
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[op_type]
    directions = 2 if direction == "bidirectional" else 1
    arrays = [normal(steps, batch, inputs), normal(directions, gates * hidden, inputs, scale=0.4),
              normal(directions, gates * hidden, hidden, scale=0.4),
              normal(directions, 2 * gates * hidden, scale=0.3) if bias else None,
              np.array(lengths, np.int32) if lengths is not None else None,
              normal(directions, batch, hidden) if states else None]
    if op_type == "LSTM":
        arrays.append(normal(directions, batch, hidden) if states else None)
        arrays.append(normal(directions, 3 * hidden, scale=0.4) if peepholes else None)
    else:
        outputs = outputs[:2]
    while arrays[-1] is None:
        arrays.pop()
    attributes.update(hidden_size=hidden, direction=direction)
    if kind == np.float32:
        return arrays, case(op_type, opset, arrays, outputs, **attributes), attributes
    # Other types: the result for floats that those types hold.
    narrow = [a if a is None or a.dtype == np.int32 else a.astype(kind) for a in arrays]
    wide = [a if a is None or a.dtype == np.int32 else a.astype(np.float32) for a in narrow]
    expected = case(op_type, opset, wide, outputs, **attributes)
    case(op_type, opset, narrow, outputs, expected=[e.astype(kind) for e in expected],
         tolerance=(2e-2, 1e-2) if kind == ml_dtypes.bfloat16 else (2e-3, 2e-3) if kind == np.float16
         else (1e-5, 1e-6), **attributes)
    return None


def recurrent():
    for op_type in ("RNN", "GRU", "LSTM"):
        layer(op_type, 4, 3, 5, 7, "bidirectional", states=True)
        layer(op_type, 3, 1, 9, 33, "reverse", states=True, outputs="-xx")
        layer(op_type, 2, 7, 3, 17, bias=False, outputs="x--")
        layer(op_type, 1, 1, 70, 20)
        layer(op_type, 5, 3, 2, 4, "bidirectional", lengths=[5, 2, 4], states=True)
        layer(op_type, 4, 2, 3, 6, "reverse", lengths=[1, 4])
        layer(op_type, 3, 2, 4, 5, opset=7)
        layer(op_type, 3, 2, 4, 5, clip=0.3)
        layer(op_type, 2, 2, 3, 4, kind=np.float64)
        layer(op_type, 2, 2, 3, 4, kind=np.float16)
        layer(op_type, 2, 2, 3, 4, kind=ml_dtypes.bfloat16, opset=22)
        batch_first(op_type)
    for name in ("Relu", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu",
                 "Softsign", "Softplus", "Sigmoid"):
        layer("RNN", 2, 2, 3, 5, activations=[name], activation_alpha=[0.4],
              activation_beta=[0.7])
    layer("GRU", 3, 2, 4, 6, linear_before_reset=1, states=True)
    layer("GRU", 4, 3, 4, 34, "bidirectional", linear_before_reset=1, lengths=[4, 1, 3])
    layer("GRU", 3, 2, 4, 6, linear_before_reset=1, clip=0.4)
    layer("GRU", 3, 2, 4, 6, activations=["HardSigmoid", "ScaledTanh"], activation_alpha=[0.3, 0.8],
          activation_beta=[0.4, 1.2])
    layer("LSTM", 3, 2, 4, 6, peepholes=True, states=True)
    layer("LSTM", 3, 2, 4, 6, "bidirectional", peepholes=True, lengths=[2, 3])
    layer("LSTM", 3, 2, 4, 6, input_forget=1)
    layer("LSTM", 2, 2, 3, 4, "bidirectional",
          activations=["Sigmoid", "Tanh", "Softsign", "HardSigmoid", "LeakyRelu", "Tanh"],
          activation_alpha=[0.3, 0.1], activation_beta=[0.4])


def batch_first(op_type):
    """ONNX Runtime lacks layout 1: the result of layout 0, transposed."""
    arrays, expected, attributes = layer(op_type, 3, 2, 4, 5, "bidirectional", states=True)
    swapped = [a if a is None or i in (1, 2, 3, 4, 7) else a.swapaxes(0, 1)
               for i, a in enumerate(arrays)]
    outputs = [expected[0].transpose(2, 0, 1, 3)] + [e.swapaxes(0, 1) for e in expected[1:]]
    case(op_type, 14, swapped, len(outputs), expected=outputs, layout=1, **attributes)


# ---- attention ----

def attention_inputs(batch, q_heads, kv_heads, q_length, length, size, value, kind=np.float32):
    return [normal(batch, q_heads, q_length, size, kind=kind),
            normal(batch, kv_heads, length, size, kind=kind),
            normal(batch, kv_heads, length, value, kind=kind)]


def attention():
    tolerance = (1e-4, 1e-5)

    def run(inputs, outputs=1, opset=25, by="reference", **attributes):
        case("Attention", opset, inputs, outputs, by=by, tolerance=tolerance, **attributes)

    run(attention_inputs(1, 2, 1, 19, 35, 9, 7))
    run(attention_inputs(1, 1, 1, 40, 70, 5, 3), is_causal=1)
    run(attention_inputs(2, 4, 2, 1, 21, 6, 5))
    run(attention_inputs(1, 2, 2, 3, 9, 4, 4) + [normal(9)])
    run(attention_inputs(2, 2, 2, 5, 7, 4, 3) + [normal(2, 1, 5, 7) > 0], softcap=2.0, scale=0.7)
    run(attention_inputs(1, 2, 2, 6, 11, 3, 4) + [normal(2, 6, 8)])
    run(attention_inputs(1, 1, 1, 5, 6, 2, 2) + [np.zeros((5, 6), bool)], 4, qk_matmul_output_mode=3)
    past = [normal(2, 2, 6, 4), normal(2, 2, 6, 5)]
    run(attention_inputs(2, 4, 2, 5, 5, 4, 5) + [None] + past, 4, is_causal=1)
    run(attention_inputs(2, 4, 2, 1, 1, 4, 5) + [None] + past, 3, is_causal=1)
    for mode in range(4):
        # With mode 0 the reference caps what the standard's text does not.
        run(attention_inputs(1, 2, 2, 4, 9, 4, 3) + [normal(4, 9)], "x--x",
            softcap=1.5 if mode > 0 else 0.0, qk_matmul_output_mode=mode)
        run(attention_inputs(1, 2, 2, 2, 5, 4, 3) + [normal(2, 5) > 0], "x--x", is_causal=1,
            qk_matmul_output_mode=mode)
    for left, right in ((2, 1), (0, -1), (-1, 0), (3, 3)):
        run(attention_inputs(1, 1, 1, 9, 12, 4, 4), left_window_size=left, right_window_size=right)
    valid = np.array([3, 8], np.int64)
    run(attention_inputs(2, 2, 1, 4, 8, 4, 4) + [None, None, None, valid], is_causal=1)
    run(attention_inputs(2, 2, 1, 2, 8, 4, 4) + [normal(2, 8), None, None, valid])
    q, k, v = normal(2, 5, 12), normal(2, 7, 6), normal(2, 7, 8)
    run([q, k, v], 4, q_num_heads=4, kv_num_heads=2)
    case("Attention", 24, [q, k, v, normal(5, 7)], 1, by="reference", is_causal=1, q_num_heads=4,
         kv_num_heads=2)
    for kind, within in ((np.float16, (4e-3, 2e-3)), (np.float64, (1e-6, 1e-7))):
        arrays = attention_inputs(1, 2, 1, 6, 18, 8, 4, kind=kind)
        wide = [a.astype(np.float64) for a in arrays]
        expected = case("Attention", 23, wide, by="reference")
        case("Attention", 23, arrays, expected=[e.astype(kind) for e in expected], tolerance=within)


def around_attention():
    x, angle = normal(2, 3, 5, 8), random.uniform(0, 6, (2, 5, 4)).astype(np.float32)
    caches = [np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)]
    for interleaved in (0, 1):
        case("RotaryEmbedding", 23, [x] + caches, by="reference", interleaved=interleaved)
        wide = x.transpose(0, 2, 1, 3).reshape(2, 5, 24)
        table = [c.reshape(10, 4)[:, :2].copy() for c in caches]
        case("RotaryEmbedding", 23, [wide] + table + [indices(10, 2, 5)], by="reference",
             interleaved=interleaved, num_heads=3, rotary_embedding_dim=4)
    case("RMSNormalization", 23, [normal(3, 5, 33), normal(33)], by="reference")
    case("RMSNormalization", 23, [normal(2, 3, 7), normal(3, 1)], by="reference", axis=1,
         epsilon=0.1)
    case("RMSNormalization", 23, [normal(2, 3, 7), normal(2, 1, 7)], by="reference", axis=-1)
    for rule, extra in (("linear", ()), ("gated", (6,)), ("delta", (None, 2)),
                        ("gated_delta", (2, 1)), ("gated_delta", (6, 2))):
        arrays = [normal(2, 4, 12), normal(2, 4, 6, scale=0.5), normal(2, 4, 34), normal(2, 2, 3, 17)]
        arrays += [None if n is None else random.uniform(-1, 0, (2, 4, n)).astype(np.float32)
                   for n in extra]
        case("LinearAttention", 27, arrays, 2, by="reference", q_num_heads=4, kv_num_heads=2,
             update_rule=rule, scale=0.3)
    x, w = normal(2, 3, 7), normal(3, 1, 4)
    case("CausalConvWithState", 27, [x, w, normal(3), normal(2, 3, 3)], 2, by="reference",
         activation="silu")
    case("CausalConvWithState", 27, [normal(2, 3, 2), w], 2, by="reference")


def losses():
    for shape in ((3, 5), (2, 4, 3), (2, 3, 2, 70)):
        target = indices(shape[1], shape[0], *shape[2:])
        weight = random.uniform(0.1, 2, shape[1]).astype(np.float32)
        for reduction in ("none", "sum", "mean"):
            scores = normal(*shape)
            case("NegativeLogLikelihoodLoss", 13, [scores, target, weight], reduction=reduction)
            case("SoftmaxCrossEntropyLoss", 13, [scores, target.astype(np.int32), weight], 2,
                 reduction=reduction, ignore_index=1)
    x = normal(3, 5, kind=np.float64)
    case("NegativeLogLikelihoodLoss", 22, [x, np.array([0, -7, 4])], by="reference", ignore_index=-7)
    case("SoftmaxCrossEntropyLoss", 13, [x, np.array([0, 3, 4])], 2, by="reference")


# ---- sampling ----

def sampling():
    for mode in ("nearest", "linear", "cubic"):
        for padding in ("zeros", "border", "reflection"):
            for align in (0, 1):
                grid = random.uniform(-1.6, 1.6, (2, 3, 3, 2)).astype(np.float32)
                # ONNX Runtime reads beyond the border where the standard clamps first.
                case("GridSample", 20, [normal(2, 2, 4, 5), grid], mode=mode, padding_mode=padding,
                     align_corners=align, by="reference")
    grid = random.uniform(-1.2, 1.2, (1, 2, 3, 2, 3)).astype(np.float32)
    case("GridSample", 20, [normal(1, 2, 3, 4, 2), grid], padding_mode="reflection")
    grid = random.uniform(-1.2, 1.2, (1, 9, 9, 2)).astype(np.float32)
    case("GridSample", 16, [normal(1, 3, 7, 6), grid], mode="bilinear")
    flat = random.uniform(-1.2, 1.2, (1, 5, 5, 2)).astype(np.float32)
    case("GridSample", 22, [indices(200, 1, 1, 4, 4), flat], mode="nearest", by="reference")
    for align in (0, 1):
        case("AffineGrid", 20, [normal(2, 2, 3), np.array([2, 1, 3, 4])], align_corners=align)
        case("AffineGrid", 20, [normal(1, 3, 4), np.array([1, 2, 2, 3, 4])], align_corners=align)
    for p in (1, 2, 3):
        x = normal(2, 3, 6, 7)
        case("GlobalLpPool", 2, [x], p=p)
        case("LpPool", 18, [x], p=p, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])
    case("LpPool", 18, [normal(1, 2, 9)], kernel_shape=[3], dilations=[2])
    case("LpPool", 11, [normal(1, 2, 5, 5)], kernel_shape=[2, 2], auto_pad="SAME_UPPER")
    x, taken = normal(1, 2, 2, 3), np.arange(12).reshape(1, 2, 2, 3) * 4 + 1
    case("MaxUnpool", 11, [x, taken], kernel_shape=[2, 2], strides=[2, 2])
    case("MaxUnpool", 9, [normal(1, 1, 3), np.array([[[0, 4, 5]]])], kernel_shape=[3], pads=[1, 0],
         strides=[2])
    boxes = np.array([[0.5, 1, 6, 5.5], [-2, -1, 3, 4], [2, 2, 2.2, 2.1], [4, 3, 9, 9]], np.float32)
    for opset, extra in ((10, {}), (16, {}), (16, {"coordinate_transformation_mode":
                                                   "output_half_pixel"})):
        for mode in ("avg", "max"):
            for ratio in (0, 2):
                case("RoiAlign", opset, [normal(2, 3, 6, 7), boxes, np.array([0, 1, 1, 0])],
                     output_height=3, output_width=2, sampling_ratio=ratio, spatial_scale=0.8,
                     mode=mode, **extra)
    rois = np.concatenate([np.array([[0], [1], [1], [0]], np.float32), boxes], 1)
    case("MaxRoiPool", 1, [normal(2, 3, 6, 7), rois], pooled_shape=[2, 3])
    case("MaxRoiPool", 1, [normal(2, 2, 8, 8), rois * np.array([1, 2, 2, 2, 2], np.float32)],
         pooled_shape=[3, 3], spatial_scale=0.5)


def shaped():
    """Col2Im and DeformConv."""
    case("Col2Im", 18, [normal(1, 12, 9), np.array([4, 5]), np.array([2, 3])])
    case("Col2Im", 18, [normal(2, 18, 9), np.array([5, 5]), np.array([3, 3])], strides=[2, 2],
         pads=[1, 1, 1, 1])
    case("Col2Im", 18, [normal(1, 4, 9), np.array([5, 5]), np.array([2, 2])], dilations=[2, 2])
    case("Col2Im", 18, [normal(1, 16, 6), np.array([2, 3, 4]), np.array([2, 2, 2])])
    w, bias = normal(4, 3, 3, 2), normal(4)
    for group, offsets in ((1, 1), (1, 3), (2, 2)):
        channels = 6 if group == 2 else 3
        offset = normal(2, offsets * 12, 4, 4, scale=1.5)
        mask = random.uniform(0, 1, (2, offsets * 6, 4, 4)).astype(np.float32)
        x = normal(2, channels, 6, 5)
        case("DeformConv", 19, [x, w, offset, bias, mask], by="reference", group=group,
             offset_group=offsets)
        case("DeformConv", 19, [x, w, normal(2, offsets * 12, 3, 6, scale=1.5)], by="reference",
             group=group, offset_group=offsets, kernel_shape=[3, 2], strides=[2, 1],
             pads=[1, 1, 0, 1])


# ---- optimisers ----

def optimisers():
    domain = "ai.onnx.preview.training"
    rate, first, later = np.array(0.1, np.float32), np.array(0), np.array(3)
    a = [normal(2, 3) for _ in range(3)]
    b = [normal(4) for _ in range(3)]
    mixed = [array for pair in zip(a, b) for array in pair]
    for updates in (first, later):
        for mode in ("standard", "nesterov"):
            case("Momentum", 1, [rate, updates] + mixed, 4, domain, by="reference", alpha=0.9,
                 beta=0.3, norm_coefficient=0.01, mode=mode)
        squares = [rate, updates] + a[:2] + [np.abs(a[2])]
        case("Adagrad", 1, squares, 2, domain, by="reference", decay_factor=0.1, epsilon=1e-3,
             norm_coefficient=0.02)
        case("Adam", 1, [rate, updates] + a + [np.abs(a[0])], 3, domain, by="reference", alpha=0.8,
             beta=0.95, norm_coefficient=0.01, norm_coefficient_post=0.02)


def main():
    for make in (recurrent, attention, around_attention, losses, sampling, shaped, optimisers):
        make()
    with open(sys.argv[1], "w") as out:
        out.write("\n\n".join(cases) + "\n")
    print("%d cases" % len(cases), file=sys.stderr)


if __name__ == "__main__":
    main()
