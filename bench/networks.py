#!/usr/bin/env python3
"""Writes networks of the usual topologies with seeded random weights, for measuring speed.

    networks.py FOLDER [NAME ...]        all of them, or those named
    networks.py --batch 8 FOLDER [...]   those of images and texts, for 8 at a time, as NAME_batch8.onnx
    networks.py --free-batch FOLDER [...]        the same, for any number at a time
    networks.py --repeat 2039 FOLDER [...]       weights repeat after so many numbers: files that compress well

Weights are drawn so that activations keep their size from layer to layer. Convolutional networks carry their
BatchNormalization, as exporters leave them; transformers spell attention, LayerNorm and GELU in elementary operators, as
PyTorch's exporter does at opset 14. Needs the packages onnx and numpy.
"""

import argparse
import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 14


class Network:
    """Collects nodes and weights; methods return the name of what they made."""

    batch = 1  # samples of a run; a name: any number
    repeat = 0  # numbers after which weights begin again; 0: never

    def __init__(self, name, inputs, seed=1):
        self.name, self.inputs = name, inputs
        self.random = numpy.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.ascontiguousarray(array), name))
        return name

    def real(self, *shape, deviation=1.0, mean=0.0):
        if self.repeat:
            block = self.random.normal(mean, deviation, self.repeat).astype(numpy.float32)
            return self.constant(numpy.resize(block, shape))
        return self.constant(self.random.normal(mean, deviation, shape).astype(numpy.float32))

    def number(self, value):
        return self.constant(numpy.float32(value))

    def ints(self, *values):
        return self.constant(numpy.array(values, numpy.int64))

    def node(self, operator, *inputs, outputs=1, **attributes):
        name = f"{operator.lower()}_{len(self.nodes)}"
        names = [name] if outputs == 1 else [f"{name}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=name, **attributes))
        return name if outputs == 1 else names

    def conv(self, x, inputs, outputs, size, stride=1, groups=1, norm=True, dilation=1, gain=1.0, rank=2):
        kernel = [size] * rank
        fan = inputs // groups * size ** rank
        operands = [x, self.real(outputs, inputs // groups, *kernel, deviation=gain * (2 / fan) ** 0.5)]
        if not norm:
            operands.append(self.real(outputs, deviation=0.05))
        y = self.node("Conv", *operands, kernel_shape=kernel, strides=[stride] * rank, group=groups,
                      dilations=[dilation] * rank, pads=[size // 2 * dilation] * (2 * rank))
        return self.batch_norm(y, outputs) if norm else y

    def batch_norm(self, x, channels):
        scale, mean = self.real(channels, deviation=0.1, mean=1), self.real(channels, deviation=0.1)
        variance = self.constant(self.random.uniform(0.5, 1.5, channels).astype(numpy.float32))
        return self.node("BatchNormalization", x, scale, self.real(channels, deviation=0.1), mean, variance)

    def linear(self, x, inputs, outputs, deviation=None):
        weight = self.real(inputs, outputs, deviation=deviation or inputs ** -0.5)
        return self.node("Add", self.node("MatMul", x, weight), self.real(outputs, deviation=0.02))

    def classifier(self, x, channels, classes=1000):
        x = self.node("Flatten", self.node("GlobalAveragePool", x))
        return self.node("Gemm", x, self.real(classes, channels, deviation=channels ** -0.5),
                         self.real(classes, deviation=0.02), transB=1)

    def layer_norm(self, x, size):
        mean = self.node("ReduceMean", x, axes=[-1])
        centred = self.node("Sub", x, mean)
        variance = self.node("ReduceMean", self.node("Pow", centred, self.number(2)), axes=[-1])
        deviation = self.node("Sqrt", self.node("Add", variance, self.number(1e-12)))
        scaled = self.node("Mul", self.node("Div", centred, deviation), self.real(size, deviation=0.1, mean=1))
        return self.node("Add", scaled, self.real(size, deviation=0.1))

    def gelu(self, x):
        erf = self.node("Erf", self.node("Div", x, self.number(2 ** 0.5)))
        return self.node("Mul", self.node("Mul", x, self.node("Add", erf, self.number(1))), self.number(0.5))

    def swish(self, x):
        return self.node("Mul", x, self.node("Sigmoid", x))

    def model(self, *outputs):
        kinds = {numpy.float32: TensorProto.FLOAT, numpy.int64: TensorProto.INT64}
        infos = [helper.make_tensor_value_info(name, kinds[kind], shape)
                 for name, kind, shape in self.inputs]
        graph = helper.make_graph(self.nodes, self.name, infos,
                                  [onnx.ValueInfoProto(name=name) for name in outputs], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model)


def images(name, size=224, channels=3):
    return Network(name, [("x", numpy.float32, [Network.batch, channels, size, size])])


def residual_network(name, stages, bottleneck):
    net = images(name)
    x = net.node("Relu", net.conv("x", 3, 64, 7, 2))
    x = net.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, blocks in enumerate(stages):
        width = 64 << stage
        wide = 4 * width if bottleneck else width
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            if bottleneck:
                y = net.node("Relu", net.conv(x, channels, width, 1))
                y = net.node("Relu", net.conv(y, width, width, 3, stride))
                y = net.conv(y, width, wide, 1, gain=0.3)
            else:
                y = net.node("Relu", net.conv(x, channels, width, 3, stride))
                y = net.conv(y, width, wide, 3, gain=0.3)
            if channels != wide or stride != 1:
                x = net.conv(x, channels, wide, 1, stride)
            x, channels = net.node("Relu", net.node("Add", y, x)), wide
    return net.model(net.classifier(x, channels))


def resnet50():
    return residual_network("resnet50", [3, 4, 6, 3], True)


def resnet18():
    return residual_network("resnet18", [2, 2, 2, 2], False)


def vgg16():
    """The convolutions only."""
    net, x, channels = images("vgg16"), "x", 3
    for width, depth in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
        for _ in range(depth):
            x, channels = net.node("Relu", net.conv(x, channels, width, 3, norm=False)), width
        x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    return net.model(x)


def unet():
    net, x, channels, skips = images("unet", 256), "x", 3, []

    def two(x, inputs, outputs):
        for _ in range(2):
            x, inputs = net.node("Relu", net.conv(x, inputs, outputs, 3)), outputs
        return x

    widths = [32, 64, 128, 256]
    for width in widths:
        x, channels = two(x, channels, width), width
        skips.append(x)
        x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x, channels = two(x, channels, 512), 512
    for width, skip in zip(reversed(widths), reversed(skips)):
        x = net.node("ConvTranspose", x, net.real(channels, width, 2, 2, deviation=channels ** -0.5),
                     net.real(width, deviation=0.05), kernel_shape=[2, 2], strides=[2, 2])
        x, channels = two(net.node("Concat", skip, x, axis=1), 2 * width, width), width
    return net.model(net.conv(x, channels, 1, 1, norm=False))


def mobilenet_v2():
    net = images("mobilenet_v2")

    def clipped(x):
        return net.node("Clip", x, net.number(0), net.number(6))

    x, channels = clipped(net.conv("x", 3, 32, 3, 2)), 32
    for expand, width, blocks, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                          (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for block in range(blocks):
            hidden, step = channels * expand, stride if block == 0 else 1
            y = clipped(net.conv(x, channels, hidden, 1)) if expand > 1 else x
            y = clipped(net.conv(y, hidden, hidden, 3, step, groups=hidden))
            y = net.conv(y, hidden, width, 1, gain=0.5)
            x = net.node("Add", x, y) if step == 1 and channels == width else y
            channels = width
    return net.model(net.classifier(clipped(net.conv(x, channels, 1280, 1)), 1280))


def efficientnet_b0():
    net = images("efficientnet_b0")
    x, channels = net.swish(net.conv("x", 3, 32, 3, 2)), 32
    for expand, width, blocks, stride, size in [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5),
                                                (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
                                                (6, 320, 1, 1, 3)]:
        for block in range(blocks):
            hidden, step, squeezed = channels * expand, stride if block == 0 else 1, max(1, channels // 4)
            y = net.swish(net.conv(x, channels, hidden, 1)) if expand > 1 else x
            y = net.swish(net.conv(y, hidden, hidden, size, step, groups=hidden))
            gate = net.swish(net.conv(net.node("GlobalAveragePool", y), hidden, squeezed, 1, norm=False))
            gate = net.node("Sigmoid", net.conv(gate, squeezed, hidden, 1, norm=False))
            y = net.conv(net.node("Mul", y, gate), hidden, width, 1, gain=0.5)
            x = net.node("Add", x, y) if step == 1 and channels == width else y
            channels = width
    return net.model(net.classifier(net.swish(net.conv(x, channels, 1280, 1)), 1280))


def transformer(name, layers, size, heads, tokens=128, vocabulary=30522):
    net = Network(name, [(key, numpy.int64, [Network.batch, tokens]) for key in ["ids", "mask", "kinds"]])
    words = net.node("Gather", net.real(vocabulary, size, deviation=0.02), "ids")
    kinds = net.node("Gather", net.real(2, size, deviation=0.02), "kinds")
    x = net.node("Add", net.node("Add", words, kinds), net.real(1, tokens, size, deviation=0.02))
    x = net.layer_norm(x, size)
    mask = net.node("Cast", net.node("Unsqueeze", "mask", net.ints(1, 2)), to=TensorProto.FLOAT)
    mask = net.node("Mul", net.node("Sub", net.number(1), mask), net.number(-1e4))
    width = size // heads

    def heads_of(x, order):
        x = net.node("Reshape", net.linear(x, size, size), net.ints(0, -1, heads, width))
        return net.node("Transpose", x, perm=order)

    for _ in range(layers):
        q, k, v = heads_of(x, [0, 2, 1, 3]), heads_of(x, [0, 2, 3, 1]), heads_of(x, [0, 2, 1, 3])
        scores = net.node("Div", net.node("MatMul", q, k), net.number(width ** 0.5))
        weights = net.node("Softmax", net.node("Add", scores, mask), axis=-1)
        y = net.node("Transpose", net.node("MatMul", weights, v), perm=[0, 2, 1, 3])
        y = net.linear(net.node("Reshape", y, net.ints(0, -1, size)), size, size)
        x = net.layer_norm(net.node("Add", y, x), size)
        y = net.linear(net.gelu(net.linear(x, size, 4 * size)), 4 * size, size)
        x = net.layer_norm(net.node("Add", y, x), size)
    return net.model(x)


def minilm():
    return transformer("minilm", 6, 384, 12)


def bert_base():
    return transformer("bert_base", 12, 768, 12)


def tcn():
    """1-D convolutions with growing dilation over 500 frames, residual."""
    net = Network("tcn", [("x", numpy.float32, [1, 64, 500])])
    x = "x"
    for dilation in [1, 2, 4, 8, 16, 32]:
        y = net.node("Relu", net.conv(x, 64, 64, 3, norm=False, dilation=dilation, rank=1))
        y = net.node("Relu", net.conv(y, 64, 64, 3, norm=False, dilation=dilation, rank=1, gain=0.5))
        x = net.node("Add", x, y)
    return net.model(net.conv(x, 64, 32, 1, norm=False, rank=1))


def recurrent(name, kind, gates, hidden=256, layers=2, steps=100, features=64):
    net = Network(name, [("x", numpy.float32, [steps, 1, features])])
    x, size = "x", features
    for _ in range(layers):
        w = net.real(1, gates * hidden, size, deviation=size ** -0.5)
        r = net.real(1, gates * hidden, hidden, deviation=0.5 * hidden ** -0.5)
        x = net.node(kind, x, w, r, net.real(1, 2 * gates * hidden, deviation=0.05), hidden_size=hidden)
        x, size = net.node("Squeeze", x, net.ints(1)), hidden
    return net.model(x)


def lstm():
    return recurrent("lstm", "LSTM", 4)


def gru():
    return recurrent("gru", "GRU", 3)


def ds_cnn():
    """Keyword spotting on 49 frames of 10 coefficients."""
    net = Network("ds_cnn", [("x", numpy.float32, [1, 1, 49, 10])])
    x = net.node("Relu", net.conv("x", 1, 64, 3, 2))
    for _ in range(4):
        x = net.node("Relu", net.conv(x, 64, 64, 3, groups=64))
        x = net.node("Relu", net.conv(x, 64, 64, 1))
    return net.model(net.classifier(x, 64, 12))


def streaming_frame():
    """One frame through four small convolutions, each with the two frames before as state."""
    states = [(f"state{i}", numpy.float32, [1, 32, 2]) for i in range(4)]
    net = Network("streaming_frame", [("x", numpy.float32, [1, 32, 1])] + states)
    x, kept = "x", []
    for name, _, _ in states:
        window = net.node("Concat", name, x, axis=2)
        kept.append(net.node("Slice", window, net.ints(1), net.ints(3), net.ints(2)))
        w = net.real(32, 32, 3, deviation=0.1)
        x = net.node("Relu", net.node("Conv", window, w, net.real(32, deviation=0.05), kernel_shape=[3]))
    return net.model(x, *kept)


NETWORKS = {make.__name__: make for make in [
    resnet50, resnet18, vgg16, unet, mobilenet_v2, efficientnet_b0, minilm, bert_base, tcn, lstm, gru, ds_cnn,
    streaming_frame]}
BATCH_NETWORKS = ["resnet50", "resnet18", "vgg16", "unet", "mobilenet_v2", "efficientnet_b0", "minilm", "bert_base"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NETWORKS))
    parser.add_argument("--batch", type=int, default=1, help="samples of a run")
    parser.add_argument("--free-batch", action="store_true", help="any number of samples")
    parser.add_argument("--repeat", type=int, default=0, help="numbers after which weights begin again; a prime")
    arguments = parser.parse_args()
    known, suffix = list(NETWORKS), ""
    if arguments.batch > 1:
        known, suffix = BATCH_NETWORKS, f"_batch{arguments.batch}"
    if arguments.free_batch:
        known = BATCH_NETWORKS
    unknown = set(arguments.names) - set(known)
    if unknown:
        parser.error(f"no network '{unknown.pop()}' of that kind")
    Network.batch = "N" if arguments.free_batch else arguments.batch
    Network.repeat = arguments.repeat
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or known:
        onnx.save(NETWORKS[name](), arguments.folder / f"{name}{suffix}.onnx")


if __name__ == "__main__":
    main()
