#!/usr/bin/env python3
"""Times nnopt and ONNX Runtime on models of one operator at three sizes, in alternating slots.

    python3 -m venv build/peers && build/peers/bin/pip install numpy onnx onnxruntime
    build/peers/bin/python bench/operators.py --nnopt build/nnopt [--filter TEXT] [--threads N]

A developer's tool. From each of ONNX Runtime's times its time for Identity of one element is subtracted
where the operator takes under 0.1 ms, so that its Python call does not count. Prints the minima in microseconds
and their ratio, then the operators slower than 1.5 times.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SLOW = 1.5
HALF = " f16"
SIZES = {"small": (1, 16, 16, 16), "medium": (1, 64, 56, 56), "large": (4, 128, 64, 64)}


def ints(*values):
    return numpy.array(values, numpy.int64)


def reals(*shape):
    return numpy.random.default_rng(1).standard_normal(shape).astype(numpy.float32)


def as_half(constant):
    return constant.astype(numpy.float16) if constant.dtype == numpy.float32 else constant


def gates(kind, shape, hidden):
    """Sequence, batch, features of a recurrent operator, with its weights."""
    n = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    features = shape[1]
    weights = [0.1 * reals(1, n * hidden, features), 0.1 * reals(1, n * hidden, hidden)]
    return (shape[2], 1, features), weights


def operators(shape):
    """Rows (name, operator, input shape, further constant inputs, attributes, outputs)."""
    n, c, h, w = shape
    rows = [(name, name, shape, [], {}, 1) for name in
            ["Abs", "Neg", "Relu", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Erf", "Floor", "HardSwish", "Elu",
             "Softplus", "Gelu", "Reciprocal", "Sin", "Mish"]]
    rows += [(name, name, shape, [reals(*shape)], {}, 1) for name in
             ["Add", "Sub", "Mul", "Div", "Max", "Pow", "Greater", "Equal"]]
    rows += [("Add channel", "Add", shape, [reals(c, 1, 1)], {}, 1),
             ("Mul scalar", "Mul", shape, [reals()], {}, 1),
             ("Where", "Where", shape, [], {}, 1),
             ("Clip", "Clip", shape, [numpy.float32(0), numpy.float32(6)], {}, 1),
             ("Cast to int32", "Cast", shape, [], {"to": TensorProto.INT32}, 1),
             ("Cast to float16", "Cast", shape, [], {"to": TensorProto.FLOAT16}, 1)]
    rows += [(f"{name} axes {axes}", name, shape, [ints(*axes)], {"keepdims": 1}, 1)
             for name in ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2"]
             for axes in [(3,), (1,), (2, 3)]]
    rows += [("ArgMax last", "ArgMax", shape, [], {"axis": -1}, 1),
             ("ArgMax channel", "ArgMax", shape, [], {"axis": 1}, 1),
             ("TopK 5", "TopK", shape, [ints(5)], {"axis": -1}, 2),
             ("CumSum", "CumSum", shape, [ints(3).reshape(())], {}, 1),
             ("Softmax last", "Softmax", shape, [], {"axis": -1}, 1),
             ("Softmax channel", "Softmax", shape, [], {"axis": 1}, 1),
             ("LogSoftmax", "LogSoftmax", shape, [], {"axis": -1}, 1),
             ("LayerNormalization", "LayerNormalization", shape, [reals(w), reals(w)], {"axis": -1}, 1),
             ("InstanceNormalization", "InstanceNormalization", shape, [reals(c), reals(c)], {}, 1),
             ("GroupNormalization", "GroupNormalization", shape, [reals(c), reals(c)], {"num_groups": 8}, 1),
             ("LpNormalization", "LpNormalization", shape, [], {"axis": 1}, 1),
             ("Transpose to last", "Transpose", shape, [], {"perm": [0, 2, 3, 1]}, 1),
             ("Transpose heads", "Transpose", shape, [], {"perm": [0, 2, 1, 3]}, 1),
             ("Transpose last two", "Transpose", shape, [], {"perm": [0, 1, 3, 2]}, 1),
             ("Concat channel", "Concat", shape, [reals(*shape)], {"axis": 1}, 1),
             ("Concat last", "Concat", shape, [reals(*shape)], {"axis": 3}, 1),
             ("Slice half", "Slice", shape, [ints(0), ints(w // 2), ints(3)], {}, 1),
             ("Slice step 2", "Slice", shape, [ints(0, 0), ints(h, w), ints(2, 3), ints(2, 2)], {}, 1),
             ("Split 2", "Split", shape, [], {"axis": 1, "num_outputs": 2}, 2),
             ("Gather rows", "Gather", shape, [ints(*range(0, c, 2))], {"axis": 1}, 1),
             ("Gather last", "Gather", shape, [ints(*range(0, w, 2))], {"axis": 3}, 1),
             ("GatherElements", "GatherElements", shape,
              [numpy.random.default_rng(2).integers(0, w, shape).astype(numpy.int64)], {"axis": 3}, 1),
             ("ScatterND", "ScatterND", shape, [ints(0).reshape(1, 1), reals(1, c, h, w)], {}, 1),
             ("Expand", "Expand", (1, c, 1, w), [ints(*shape)], {}, 1),
             ("Tile", "Tile", shape, [ints(1, 2, 1, 1)], {}, 1),
             ("Pad", "Pad", shape, [ints(0, 0, 1, 1, 0, 0, 1, 1)], {}, 1),
             ("DepthToSpace", "DepthToSpace", shape, [], {"blocksize": 2}, 1),
             ("Trilu", "Trilu", shape, [], {}, 1),
             ("Resize nearest", "Resize", shape, [None, reals(4) * 0 + numpy.float32([1, 1, 2, 2])], {}, 1),
             ("Resize linear", "Resize", shape, [None, numpy.float32([1, 1, 2, 2])], {"mode": "linear"}, 1),
             ("Resize cubic", "Resize", shape, [None, numpy.float32([1, 1, 2, 2])], {"mode": "cubic"}, 1),
             ("GridSample", "GridSample", shape, [numpy.random.default_rng(3).uniform(-1, 1, (n, h, w, 2)).astype(numpy.float32)],
              {}, 1),
             ("MaxPool", "MaxPool", shape, [], {"kernel_shape": [3, 3], "strides": [2, 2]}, 1),
             ("AveragePool", "AveragePool", shape, [], {"kernel_shape": [2, 2], "strides": [2, 2]}, 1),
             ("GlobalAveragePool", "GlobalAveragePool", shape, [], {}, 1),
             ("MatMul", "MatMul", (n * h, c * 4), [reals(c * 4, c * 4)], {}, 1),
             ("MatMul batched", "MatMul", shape, [reals(n, c, w, h)], {}, 1),
             ("Gemm transB", "Gemm", (n * h, c * 4), [reals(c * 4, c * 4), reals(c * 4)], {"transB": 1}, 1),
             ("Einsum", "Einsum", shape, [reals(n, c, h, w)], {"equation": "bchw,bcgw->bchg"}, 1),
             ("QuantizeLinear", "QuantizeLinear", shape, [numpy.float32(0.02), numpy.uint8(128)], {}, 1)]
    for kind in ["LSTM", "GRU", "RNN"]:
        hidden = 2 * c
        sequence, weights = gates(kind, shape, hidden)
        rows.append((f"{kind} {hidden}", kind, sequence, weights, {"hidden_size": hidden}, 1))
    for name in ["Transpose to last", "Transpose heads", "Transpose last two", "Concat channel", "Concat last", "Slice half",
                 "Slice step 2", "Gather rows", "Gather last", "Expand", "Tile", "Pad", "Split 2"]:
        row = next(row for row in rows if row[0] == name)
        constants = [as_half(constant) for constant in row[3]]
        rows.append((name + HALF, row[1], row[2], constants, row[4], row[5]))
    return rows


def write_model(path, operator, shape, constants, attributes, outputs, half=False):
    names, initializers = ["x"], []
    for i, constant in enumerate(constants):
        names.append("" if constant is None else f"c{i}")
        if constant is not None:
            initializers.append(numpy_helper.from_array(numpy.asarray(constant), f"c{i}"))
    nodes = []
    if operator == "Where":
        initializers.append(numpy_helper.from_array(reals(*shape) > 0, "choice"))
        initializers.append(numpy_helper.from_array(reals(*shape), "other"))
        names = ["choice", "x", "other"]
    nodes.append(helper.make_node(operator, names, [f"y{i}" for i in range(outputs)], **attributes))
    inferred = helper.make_graph(
        nodes, "one", [helper.make_tensor_value_info("x", TensorProto.FLOAT16 if half else TensorProto.FLOAT, shape)],
        [onnx.ValueInfoProto(name=f"y{i}") for i in range(outputs)], initializers)
    model = helper.make_model(inferred, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    onnx.save(model, path)


def peer(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def peer_time(session, feed, seconds):
    best, end, runs = float("inf"), time.perf_counter() + seconds, 0
    while time.perf_counter() < end or runs < 5:
        start = time.perf_counter()
        session.run(None, feed)
        best = min(best, time.perf_counter() - start)
        runs += 1
    return 1e6 * best


def own_time(command, path, threads, seconds):
    run = [command, "bench", str(path), "--threads", str(threads), "--duration", str(seconds), "--json"]
    result = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)["results"][0]
    return 1e3 * result["latency_ms"]["min"], result["isa"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nnopt", required=True)
    parser.add_argument("--filter", default="", help="only operators whose name contains TEXT")
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.15, help="length of a slot")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    slow, isa, one = [], "", {"x": numpy.zeros((1, 1, 1, 1), numpy.float32)}
    with tempfile.TemporaryDirectory() as folder:
        path, identity = pathlib.Path(folder, "model.onnx"), pathlib.Path(folder, "identity.onnx")
        for size in arguments.sizes.split(","):
            for name, operator, shape, constants, attributes, outputs in operators(SIZES[size]):
                if arguments.filter.lower() not in name.lower():
                    continue
                half = name.endswith(HALF)
                write_model(path, operator, shape, constants, attributes, outputs, half)
                write_model(identity, "Identity", (1, 1, 1, 1), [], {}, 1)
                feed = {"x": numpy.abs(reals(*shape)) + numpy.float32(0.1)}
                if half:
                    feed = {"x": as_half(feed["x"])}
                own = theirs = call = float("inf")
                try:
                    session, empty = peer(path, arguments.threads), peer(identity, arguments.threads)
                    for _ in range(arguments.rounds):
                        own_slot, isa = own_time(arguments.nnopt, path, arguments.threads, arguments.seconds)
                        own = min(own, own_slot)
                        theirs = min(theirs, peer_time(session, feed, arguments.seconds))
                        call = min(call, peer_time(empty, one, arguments.seconds / 4))
                except subprocess.CalledProcessError as error:
                    print(f"{size:7}{name:28}  {error.stderr.strip()}", flush=True)
                    continue
                if theirs < 100:
                    theirs = max(theirs - call, 0.1)
                ratio = own / theirs
                print(f"{size:7}{name:28}{own:12.1f}{theirs:12.1f}{ratio:8.2f}", flush=True)
                if ratio > SLOW:
                    slow.append((ratio, size, name))
    print(f"{isa}, {arguments.threads} thread(s), ONNX Runtime {onnxruntime.__version__}")
    print(f"slower than {SLOW} times: {len(slow)}")
    for ratio, size, name in sorted(slow, reverse=True):
        print(f"  {ratio:6.2f}  {name} ({size})")


if __name__ == "__main__":
    main()
