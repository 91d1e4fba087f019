#!/usr/bin/env python3
"""Writes ResNet-50 with seeded random weights, for measuring speed: make_resnet50.py OUT.onnx [--seed N].

The network is the usual one (stride in the 3x3 convolutions, BatchNorm already folded into biases). Weights
are drawn so that activations keep their size from layer to layer. Needs the packages onnx and numpy.
"""
import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STAGES = [(64, 3), (128, 4), (256, 6), (512, 3)]  # width of the 3x3 convolutions, blocks


class Network:
    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def constant(self, name, array):
        self.weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def node(self, kind, inputs, **attributes):
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def conv(self, x, inputs, outputs, size, stride=1, gain=1.0):
        deviation = gain * np.sqrt(2.0 / (inputs * size * size))
        number = len(self.nodes)
        w = self.random.normal(0, deviation, (outputs, inputs, size, size))
        b = self.random.normal(0, 0.05, outputs)
        return self.node("Conv", [x, self.constant(f"w{number}", w), self.constant(f"b{number}", b)],
                         kernel_shape=[size, size], strides=[stride, stride], pads=[size // 2] * 4)

    def block(self, x, inputs, width, stride):
        y = self.node("Relu", [self.conv(x, inputs, width, 1)])
        y = self.node("Relu", [self.conv(y, width, width, 3, stride)])
        y = self.conv(y, width, 4 * width, 1, gain=0.3)
        if inputs != 4 * width:
            x = self.conv(x, inputs, 4 * width, 1, stride)
        return self.node("Relu", [self.node("Add", [y, x])])


def build(seed):
    net = Network(seed)
    x = net.node("Relu", [net.conv("x", 3, 64, 7, 2)])
    x = net.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, (width, blocks) in enumerate(STAGES):
        for index in range(blocks):
            x = net.block(x, channels, width, 2 if stage > 0 and index == 0 else 1)
            channels = 4 * width
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x])], axis=1)
    w = net.constant("fc_w", net.random.normal(0, 0.02, (channels, 1000)))
    b = net.constant("fc_b", net.random.normal(0, 0.02, 1000))
    net.nodes.append(helper.make_node("Gemm", [x, w, b], ["y"], name="fc"))
    graph = helper.make_graph(
        net.nodes, "resnet50",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 224, 224])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1000])], net.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    onnx.save(build(arguments.seed), arguments.out)


if __name__ == "__main__":
    main()
