#!/usr/bin/env python3
"""Writes microsoft_cases.txt: nodes of domain com.microsoft with the outputs of ONNX Runtime.

    make_microsoft_cases.py OUT.txt
"""
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from make_op_cases import case_text, sequence, type_of


def noise(*shape, seed=1, scale=1.0, kind=np.float32):
    return (np.random.RandomState(seed).randn(*shape) * scale).astype(kind)


def integers(*shape, seed=1, low=0, high=255, kind=np.uint8):
    return np.random.RandomState(seed).randint(low, high + 1, shape).astype(kind)


def scalar(value, kind=np.float32):
    return np.array(value, kind)


def run(node, names, inputs, results, opset):
    """The node alone, with the inputs after the first as constants."""
    given = [(n, a) for n, a in zip(names, inputs) if a is not None]
    first = given[:1]
    graph = helper.make_graph(
        [node], "case",
        [helper.make_tensor_value_info(n, type_of(a), a.shape) for n, a in first],
        [helper.make_value_info(r, onnx.TypeProto()) for r in results],
        [onnx.numpy_helper.from_array(a, n) for n, a in given[1:]])
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1  # DynamicQuantizeLSTM depends on it
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    return session.run(None, dict(first))


class Cases:
    def __init__(self):
        self.texts = []
        self.count = {}

    def add(self, op_type, inputs, outputs=1, rtol=1e-4, atol=2e-6, domain="com.microsoft",
            version=17, **attributes):
        """`outputs` is how many, or a list of those wanted."""
        number = self.count[op_type] = self.count.get(op_type, 0) + 1
        wanted = list(range(outputs)) if isinstance(outputs, int) else outputs
        names = ["in%d" % i if a is not None else "" for i, a in enumerate(inputs)]
        results = ["out%d" % i if i in wanted else "" for i in range(max(wanted) + 1)]
        node = helper.make_node(op_type, names, results, name="node", domain=domain, **attributes)
        given = run(node, names, inputs, [r for r in results if r], version)
        values = dict(zip([r for r in results if r], given))
        name = "%s_%d" % (op_type.lower(), number)
        version = 1 if domain else version
        self.texts.append(case_text(name, node, version, inputs, [values.get(r) for r in results],
                                    rtol, atol))


def gelus(cases):
    x = noise(3, 5, scale=2)
    half = dict(rtol=2e-3, atol=1e-3)
    cases.add("Gelu", [x])
    cases.add("QuickGelu", [x])
    cases.add("QuickGelu", [x], alpha=0.7)
    cases.add("FastGelu", [x])
    cases.add("FastGelu", [x.reshape(1, 3, 5), noise(5, seed=2)])
    cases.add("BiasGelu", [x, noise(5, seed=2)])


def fused_products(cases):
    image, kernel, bias = noise(1, 3, 5, 4), noise(4, 3, 3, 3, seed=2, scale=0.3), noise(4, seed=3)
    cases.add("FusedConv", [image, kernel, bias], activation="Relu", pads=[1, 1, 1, 1])
    cases.add("FusedConv", [image, kernel, bias, noise(1, 4, 3, 2, seed=4)], activation="Relu")
    cases.add("FusedConv", [image, kernel], activation="Clip", activation_params=[-0.5, 0.75],
              strides=[2, 1])
    cases.add("FusedConv", [image, noise(3, 1, 3, 3, seed=2)], activation="LeakyRelu", group=3,
              activation_params=[0.2], auto_pad="SAME_UPPER")
    cases.add("FusedConv", [image, kernel, bias], activation="HardSigmoid",
              activation_params=[0.3, 0.4])
    cases.add("FusedConv", [image, kernel, bias], activation="Sigmoid")
    cases.add("FusedConv", [image, kernel, bias], activation="Tanh", dilations=[2, 1])
    a, b, c = noise(3, 7), noise(7, 5, seed=2), noise(5, seed=3)
    cases.add("FusedGemm", [a, b, c], activation="Relu")
    cases.add("FusedGemm", [a, b], activation="Tanh", alpha=0.5)
    cases.add("FusedGemm", [a.T.copy(), b.T.copy(), noise(3, 1, seed=4)], activation="LeakyRelu",
              activation_alpha=0.1, transA=1, transB=1, beta=0.5)
    cases.add("FusedGemm", [a, b, c], activation="HardSigmoid", activation_alpha=0.3,
              activation_beta=0.25)
    for trans_a, trans_b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        left, right = noise(2, 3, 5), noise(2, 5, 4, seed=2)
        cases.add("FusedMatMul", [left.swapaxes(1, 2).copy() if trans_a else left,
                                  right.swapaxes(1, 2).copy() if trans_b else right],
                  alpha=0.25, transA=trans_a, transB=trans_b)
    cases.add("FusedMatMul", [noise(3, 2, 5), noise(5, 2, 4, seed=2)], transBatchA=1, transBatchB=1)
    cases.add("FusedMatMul", [noise(5, 2, 3), noise(4, 2, 5, seed=2)], transBatchA=1, transA=1,
              transBatchB=1, transB=1, alpha=3.0)
    cases.add("FusedMatMul", [noise(3, 5), noise(4, 5, seed=2)], transB=1)
    cases.add("FusedMatMul", [noise(2, 1, 3, 5), noise(5, seed=2)])


def normalizations(cases):
    x, skip = noise(2, 3, 8), noise(2, 3, 8, seed=2)
    gamma, beta, bias = (noise(8, seed=s) for s in (3, 4, 5))
    cases.add("SkipLayerNormalization", [x, skip, gamma, beta, bias], outputs=[0, 3])
    cases.add("SkipLayerNormalization", [x, skip, gamma], epsilon=1e-3)
    cases.add("SkipLayerNormalization", [x, skip[:1].copy(), gamma, beta], epsilon=1e-5)
    cases.add("SkipLayerNormalization", [x, skip[0].copy(), gamma, None, bias], epsilon=1e-5)


    cases.add("SkipSimplifiedLayerNormalization", [x, skip, gamma, bias], outputs=[0, 3],
              epsilon=1e-5)
    cases.add("SkipSimplifiedLayerNormalization", [x, skip, gamma], epsilon=1e-3)
    cases.add("SimplifiedLayerNormalization", [x, gamma], domain="", axis=-1, epsilon=1e-4)
    cases.add("SimplifiedLayerNormalization", [x, gamma], outputs=2, domain="")
    cases.add("LayerNormalization", [x, gamma, beta], domain="", version=12)
    words = integers(2, 5, low=0, high=6, kind=np.int32)
    tables = [noise(7, 8), noise(9, 8, seed=2), noise(3, 8, seed=3)]
    segments = integers(2, 5, seed=4, low=0, high=2, kind=np.int32)
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], np.int32)
    cases.add("EmbedLayerNormalization", [words, segments] + tables + [gamma, beta, mask],
              outputs=3)
    cases.add("EmbedLayerNormalization", [words, None] + tables[:2] + [None, gamma, beta],
              outputs=2, epsilon=1e-4)
    cases.add("EmbedLayerNormalization", [words, segments] + tables + [
        gamma, beta, None, integers(2, 5, seed=6, low=0, high=8, kind=np.int32)], outputs=2)


def quantized_pair(kind, seed):
    low, high = (0, 255) if kind == np.uint8 else (-128, 127)
    return integers(2, 3, 5, 4, seed=seed, low=low, high=high, kind=kind), low


def quantized_elementwise(cases):
    for kind in (np.uint8, np.int8):
        a, low = quantized_pair(kind, 1)
        b, _ = quantized_pair(kind, 2)
        for scales in ((0.02, 0.01, 0.04), (0.5, 0.25, 0.5), (0.031, 0.017, 0.023)):
            parameters = [scalar(scales[0]), scalar(low + 131, kind)]
            other = [scalar(scales[1]), scalar(low + 7, kind)]
            result = [scalar(scales[2]), scalar(low + 101, kind)]
            cases.add("QLinearAdd", [a] + parameters + [b] + other + result)
            cases.add("QLinearAdd", [a[0, 0]] + parameters + [b[0, 0, :, :1].copy()] + other +
                      result)
        cases.add("QLinearMul", [a, scalar(0.5), scalar(low + 131, kind), b, scalar(0.25),
                                 scalar(low + 120, kind), scalar(16.0), scalar(low + 101, kind)])
        cases.add("QLinearMul", [a, scalar(0.02), scalar(low + 131, kind), b[:1, :1, 0].copy(),
                                 scalar(0.03), scalar(low + 7, kind), scalar(0.04),
                                 scalar(low + 128, kind)])
        cases.add("QLinearAveragePool", [a, scalar(0.5), scalar(low + 131, kind), scalar(0.25),
                                         scalar(low + 101, kind)], kernel_shape=[2, 2])
        cases.add("QLinearAveragePool", [a, scalar(0.02), scalar(low + 131, kind), scalar(0.011),
                                         scalar(low + 101, kind)], kernel_shape=[3, 3],
                  pads=[1, 1, 1, 1], strides=[2, 1], count_include_pad=1)
        cases.add("QLinearGlobalAveragePool", [a, scalar(0.5), scalar(low + 131, kind),
                                               scalar(0.25), scalar(low + 101, kind)])
        cases.add("QLinearLeakyRelu", [a[0], scalar(0.5), scalar(low + 131, kind), scalar(0.25),
                                       scalar(low + 101, kind)], alpha=0.25)
        cases.add("QLinearSigmoid", [a[0], scalar(0.03), scalar(low + 131, kind),
                                     scalar(1 / 256), scalar(low, kind)])
        cases.add("QLinearSoftmax", [a, scalar(0.03), scalar(low + 131, kind), scalar(1 / 256),
                                     scalar(low, kind)], axis=1, opset=13)
        cases.add("QLinearSoftmax", [a, scalar(0.1), scalar(low + 131, kind), scalar(0.0021),
                                     scalar(low, kind)], axis=-1, opset=13)
        cases.add("QLinearSoftmax", [a, scalar(0.05), scalar(low + 131, kind), scalar(0.0013),
                                     scalar(low, kind)], axis=2, opset=12)
        cases.add("QLinearWhere", [a[0, 0] > low + 99, a[0, 0], scalar(0.5),
                                   scalar(low + 131, kind), b[0, 0, :1].copy(), scalar(0.25),
                                   scalar(low + 7, kind), scalar(0.5), scalar(low + 101, kind)])
        cases.add("NhwcMaxPool", [a], kernel_shape=[2, 3], strides=[1, 2], pads=[0, 1, 1, 0])
        for axis in (1, -1):
            cases.add("QLinearConcat", [scalar(0.5), scalar(low + 101, kind), a, scalar(0.25),
                                        scalar(low + 3, kind), b, scalar(0.5),
                                        scalar(low + 101, kind)], axis=axis)


def conversions(cases):
    x = noise(3, 4, 5, scale=2)
    scales = np.array([0.02, 0.5, 0.01, 0.03], np.float32)
    for kind in (np.uint8, np.int8, np.uint16, np.int16):
        zero = 3 if kind in (np.uint8, np.uint16) else -3
        cases.add("QuantizeLinear", [x, scalar(0.03), scalar(zero, kind)])
        cases.add("QuantizeLinear", [x, scales, np.full(4, zero, kind)], axis=1)
        limits = np.iinfo(kind)
        q = integers(3, 4, 5, low=limits.min, high=limits.max, kind=kind)
        cases.add("DequantizeLinear", [q, scalar(0.03), scalar(zero, kind)])
        cases.add("DequantizeLinear", [q, scales, np.full(4, zero, kind)], axis=-2)


def quantized_products(cases):
    for a_kind, b_kind in ((np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8)):
        a = integers(3, 2, 7, low=np.iinfo(a_kind).min, high=np.iinfo(a_kind).max, kind=a_kind)
        b = integers(7, 5, seed=2, low=np.iinfo(b_kind).min, high=np.iinfo(b_kind).max, kind=b_kind)
        zeros = [scalar(3, a_kind), scalar(5, b_kind)]
        columns = np.array([0.01, 0.02, 0.03, 0.04, 0.05], np.float32)
        bias = noise(5, seed=3)
        cases.add("MatMulIntegerToFloat", [a, b, scalar(0.02), scalar(0.03)] + zeros)
        cases.add("MatMulIntegerToFloat", [a, b, scalar(0.02), columns, zeros[0],
                                           np.array([1, 2, 0, 3, 4], b_kind), bias])
        cases.add("MatMulIntegerToFloat", [a[0], b, scalar(0.02), columns, None, None, bias])
        if a_kind == np.uint8:
            x = noise(3, 2, 7)
            cases.add("DynamicQuantizeMatMul", [x, b, scalar(0.03)])
            cases.add("DynamicQuantizeMatMul", [x, b, columns, np.array([1, 2, 0, 3, 4], b_kind),
                                                bias])
            cases.add("QGemm", [a[0], scalar(0.02), zeros[0], b, columns,
                                np.array([1, 2, 0, 3, 4], b_kind),
                                integers(5, low=-900, high=900, kind=np.int32), scalar(0.3),
                                scalar(7, np.uint8)])


def attention(cases):
    x, weights, bias = noise(2, 3, 8), noise(8, 24, seed=2, scale=0.4), noise(24, seed=3)
    cases.add("Attention", [x, weights, bias], num_heads=2)
    cases.add("Attention", [x, weights, bias, np.array([2, 3], np.int32)], num_heads=2)
    cases.add("Attention", [x, weights, bias, np.array([3, 2, 1, 0], np.int32)], num_heads=4)
    cases.add("Attention", [x, weights, bias, np.array([[1, 1, 0], [0, 1, 1]], np.int32)],
              num_heads=2, scale=0.3)
    cases.add("Attention", [x, weights, bias, integers(2, 3, 3, high=1, kind=np.int32)],
              num_heads=2, mask_filter_value=-3.0)
    cases.add("Attention", [x, weights, bias], num_heads=2, unidirectional=1)
    cases.add("Attention", [x, weights, bias, None, noise(2, 2, 2, 5, 4, seed=4)], outputs=2,
              num_heads=2, unidirectional=1)
    cases.add("Attention", [x, weights, bias, np.ones((2, 8), np.int32),
                            noise(2, 2, 2, 5, 4, seed=4)], outputs=2, num_heads=2)
    cases.add("Attention", [x, weights, bias, np.array([2, 3], np.int32), None,
                            noise(2, 2, 3, 3, seed=5)], num_heads=2)
    cases.add("Attention", [x, noise(8, 20, seed=2, scale=0.4), noise(20, seed=3)], num_heads=2,
              qkv_hidden_sizes=[8, 8, 4])
    q, k, v = noise(2, 3, 8), noise(2, 5, 8, seed=2), noise(2, 5, 12, seed=3)
    cases.add("MultiHeadAttention", [q, k, v], num_heads=2)
    cases.add("MultiHeadAttention", [q, k, v, noise(28, seed=4)], num_heads=2, scale=0.7)
    cases.add("MultiHeadAttention", [q, k, v, None, np.array([[1, 1, 1, 0, 0], [1, 0, 1, 1, 1]],
                                                             np.int32)], num_heads=4)
    cases.add("MultiHeadAttention", [q, k, v, None, np.array([4, 2], np.int32),
                                     noise(1, 2, 3, 5, seed=5)], num_heads=2)
    by_head = [noise(2, 2, 5, 4, seed=s) for s in (2, 3)]
    cases.add("MultiHeadAttention", [q] + by_head, num_heads=2)
    cases.add("MultiHeadAttention", [q] + by_head + [noise(24, seed=4)], num_heads=2)
    past = [noise(2, 2, 4, 4, seed=s) for s in (7, 8)]
    cases.add("MultiHeadAttention", [q, noise(2, 3, 8, seed=2), noise(2, 3, 8, seed=3), None, None,
                                     None] + past, outputs=3, num_heads=2, unidirectional=1)
    wide, table = noise(2, 3, 16), noise(9, 4, seed=2)
    positions = integers(2, 3, high=8, kind=np.int64)
    cases.add("RotaryEmbedding", [wide, positions, table, noise(9, 4, seed=3)])
    cases.add("RotaryEmbedding", [wide, np.array([2], np.int64), table, noise(9, 4, seed=3)],
              interleaved=1)
    cases.add("RotaryEmbedding", [noise(2, 4, 3, 8), positions, table, noise(9, 4, seed=3)])
    cases.add("RotaryEmbedding", [wide, positions, table[:, :2].copy(), noise(9, 2, seed=3)],
              num_heads=2, rotary_embedding_dim=4)


def packed_weights(cases):
    random = np.random.RandomState(8)
    for bits, k, n, block in ((4, 40, 3, 16), (8, 33, 2, 16), (4, 64, 2, 32)):
        blocks = -(-k // block)
        b = random.randint(0, 256, (n, blocks, block * bits // 8)).astype(np.uint8)
        scales = noise(n * blocks, seed=2, scale=0.1)
        zeros = random.randint(0, 256, n * ((blocks * bits + 7) // 8)).astype(np.uint8)
        shape = dict(K=k, N=n, bits=bits, block_size=block, rtol=1e-3, atol=1e-5)
        a = noise(2, 1, k, seed=3)
        cases.add("MatMulNBits", [a, b, scales], **shape)
        cases.add("MatMulNBits", [a, b, scales, zeros], **shape)
        cases.add("MatMulNBits", [a[0], b, scales, zeros, None, noise(n, seed=4)], **shape)
        if bits == 4:
            cases.add("MatMulNBits", [a[0], b, scales, noise(n * blocks, seed=5, scale=4)],
                      **shape)


def quantized_lstm(cases):
    steps, batch, size, hidden = 3, 2, 5, 4
    x = noise(steps, batch, size)
    for directions, kind in ((1, np.int8), (2, np.uint8)):
        low, high = (-128, 127) if kind == np.int8 else (0, 255)
        w = integers(directions, size, 4 * hidden, low=low, high=high, kind=kind)
        r = integers(directions, hidden, 4 * hidden, seed=2, low=low, high=high, kind=kind)
        zero = np.full(directions, 0 if kind == np.int8 else 130, kind)
        scale = np.full(directions, 0.005, np.float32)
        bias = noise(directions, 8 * hidden, seed=3)
        state = [noise(directions, batch, hidden, seed=s) for s in (4, 5)]
        direction = "forward" if directions == 1 else "bidirectional"
        form = dict(outputs=3, rtol=1e-4, atol=1e-5, hidden_size=hidden, direction=direction)
        cases.add("DynamicQuantizeLSTM", [x, w, r, bias, None, None, None, None, scale, zero, scale,
                                          zero], **form)
        cases.add("DynamicQuantizeLSTM", [x, w, r, bias, np.array([3, 2], np.int32)] + state +
                  [noise(directions, 3 * hidden, seed=6), scale, zero, scale, zero], **form)
    columns = (np.arange(16, dtype=np.float32).reshape(1, 16) + 1) / np.float32(2000)
    zeros = np.zeros((1, 16), np.int8)
    w = integers(1, size, 16, low=-128, high=127, kind=np.int8)
    r = integers(1, hidden, 16, seed=2, low=-128, high=127, kind=np.int8)
    cases.add("DynamicQuantizeLSTM", [x, w, r, None, None, None, None, None, columns, zeros,
                                      columns, zeros], outputs=3, rtol=1e-4, atol=1e-5,
              hidden_size=hidden, direction="reverse")


def halfway_sums(cases):
    """Interpolation of quantised pictures, to the last bit."""
    picture = integers(1, 2, 4, 5).astype(np.float32) * np.float32(0.0123)
    for mode in ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"):
        cases.add("Resize", [picture, None, np.array([1, 1, 2, 2], np.float32)], domain="",
                  rtol=0, atol=0 if mode != "align_corners" else 1e-6, mode="linear",
                  coordinate_transformation_mode=mode)


def main():
    cases = Cases()
    for add_cases in (gelus, fused_products, normalizations, quantized_elementwise, conversions,
                      quantized_products, attention, packed_weights, quantized_lstm,
                      halfway_sums):
        add_cases(cases)
    with open(sys.argv[1], "w") as out:
        out.write("\n\n".join(cases.texts) + "\n")
    print("%d cases" % len(cases.texts), file=sys.stderr)


if __name__ == "__main__":
    main()
