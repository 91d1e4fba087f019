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


def run(node, names, inputs, results):
    """The node alone, with the inputs after the first as constants."""
    given = [(n, a) for n, a in zip(names, inputs) if a is not None]
    first = given[:1]
    graph = helper.make_graph(
        [node], "case",
        [helper.make_tensor_value_info(n, type_of(a), a.shape) for n, a in first],
        [helper.make_value_info(r, onnx.TypeProto()) for r in results],
        [onnx.numpy_helper.from_array(a, n) for n, a in given[1:]])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    return session.run(None, dict(first))


class Cases:
    def __init__(self):
        self.texts = []
        self.count = {}

    def add(self, op_type, inputs, outputs=1, rtol=1e-4, atol=2e-6, domain="com.microsoft",
            **attributes):
        """`outputs` is how many, or a list of those wanted."""
        number = self.count[op_type] = self.count.get(op_type, 0) + 1
        wanted = list(range(outputs)) if isinstance(outputs, int) else outputs
        names = ["in%d" % i if a is not None else "" for i, a in enumerate(inputs)]
        results = ["out%d" % i if i in wanted else "" for i in range(max(wanted) + 1)]
        node = helper.make_node(op_type, names, results, name="node", domain=domain, **attributes)
        given = run(node, names, inputs, [r for r in results if r])
        values = dict(zip([r for r in results if r], given))
        name = "%s_%d" % (op_type.lower(), number)
        version = 1
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


def main():
    cases = Cases()
    for add_cases in (gelus, fused_products, normalizations):
        add_cases(cases)
    with open(sys.argv[1], "w") as out:
        out.write("\n\n".join(cases.texts) + "\n")
    print("%d cases" % len(cases.texts), file=sys.stderr)


if __name__ == "__main__":
    main()
