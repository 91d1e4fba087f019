#!/usr/bin/env python3
"""Runs real models, and what ONNX Runtime's own tools make of them, in nnopt and in ONNX Runtime.

    scripts/check-real-models.py --data FOLDER [--only TEXT] [--markdown FILE] [--keep FOLDER]

FOLDER holds mnist-8/, ppocr/, basic-pitch/ and super_resolution/ (scripts/fetch-models.sh). Beside these,
an LSTM, a GRU, a transformer and a U-Net are built here. Each model is run as it is and after:

    qdq-u8s8, qdq-s8s8, qop-u8s8, qop-s8s8   quantize_static: format, type of activations and of weights
    dynamic                                  quantize_dynamic
    float16                                  convert_float_to_float16
    extended                                 ONNX Runtime's optimiser at level "extended"
    extended-qdq, extended-dynamic           the same of a quantised model

One line per file, of largest differences of any output as a share of the output's range:

    default    nnopt from ONNX Runtime
    plain      nnopt from ONNX Runtime without its optimiser
    itself     ONNX Runtime from itself, without its optimiser
    last bit   ONNX Runtime from itself when the inputs change by their last bit, at random, the worst of
               five times: what the roundings of the file make of a difference that no runtime can avoid

A file agrees when nnopt is within 1e-3 of either run. It is `unstable` when ONNX Runtime is farther than
that from itself and nnopt is no farther from it than that. Everything else differs, and the exit code is
1. --nodes FILE INPUT.npz explains: each node is given what ONNX Runtime had there, and those whose output
is not the same are listed.

The packages are installed into a virtual environment of the build folder on first use.
"""
import argparse
import logging
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ["onnx==1.23.2", "onnxruntime==1.31.1", "numpy", "sympy"]
LIMIT = 1e-3
TREATMENTS = ["original", "qdq-u8s8", "qdq-s8s8", "qop-u8s8", "qop-s8s8", "dynamic", "float16",
              "extended", "extended-qdq", "extended-dynamic"]


def enter_environment(build):
    """Runs this script again with the interpreter that has the packages."""
    home = build / "real-models-venv"
    python = home / "bin" / "python"
    if Path(sys.prefix) == home:
        return
    if not python.exists():
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    os.execv(python, [str(python), *sys.argv])


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--only", default="", help="files whose name contains this")
    parser.add_argument("--markdown", type=Path, help="write the table here")
    parser.add_argument("--keep", type=Path, help="keep the files here")
    parser.add_argument("--nodes", type=Path, nargs=2, metavar=("FILE", "INPUT"),
                        help="compare the nodes of one file, each by itself")
    return parser.parse_args()


if __name__ == "__main__":
    ARGUMENTS = parse_arguments()
    enter_environment(ARGUMENTS.build.resolve())

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (CalibrationDataReader, QuantFormat, QuantType,
                                      quantize_dynamic, quantize_static)
from onnxruntime.transformers.float16 import convert_float_to_float16

# ---- inputs ----


def text_image(path):
    """Rendered lines of text below each other: one image of 3 x 320 x 320."""
    lines = np.load(path)["x"][:6]
    image = np.concatenate(list(lines), axis=1)
    return np.pad(image, [(0, 0), (0, 320 - image.shape[1]), (0, 0)])[None]


def tones(count):
    time_axis = np.arange(43844) / 22050
    rng = np.random.RandomState(3)
    sounds = []
    for _ in range(count):
        pitch = 110 * 2 ** (rng.randint(0, 36, 4) / 12)
        sounds.append(sum(np.sin(2 * np.pi * p * time_axis) for p in pitch) / 4)
    return np.array(sounds, np.float32)[..., None]


def read_pb(path):
    tensor = TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


# ---- models that are built here ----


class Builder:
    """A graph of float weights with PyTorch's initialisation."""

    def __init__(self, seed):
        self.random = np.random.RandomState(seed)
        self.nodes, self.weights, self.count = [], [], 0

    def weight(self, *shape, scale=None):
        fan = np.prod(shape[1:]) if len(shape) > 1 else shape[0]
        bound = scale if scale is not None else 1 / np.sqrt(max(fan, 1))
        return self.constant(self.random.uniform(-bound, bound, shape).astype(np.float32))

    def constant(self, array):
        name = "weight_%d" % len(self.weights)
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op_type, *inputs, outputs=1, **attributes):
        self.count += 1
        names = ["%s_%d_%d" % (op_type, self.count, i) for i in range(outputs)]
        self.nodes.append(helper.make_node(op_type, list(inputs), names,
                                           name="%s_%d" % (op_type, self.count), **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, x, n_in, n_out):
        product = self.node("MatMul", x, self.constant(
            (self.random.uniform(-1, 1, (n_in, n_out)) / np.sqrt(n_in)).astype(np.float32)))
        return self.node("Add", product, self.weight(n_out, scale=0.1))

    def model(self, inputs, outputs):
        outputs_info = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        inputs_info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs]
        graph = helper.make_graph(self.nodes, "model", inputs_info, outputs_info, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model)


def recurrent(op_type, gates):
    """Two layers, the first in both directions, and a classifier of each step."""
    b = Builder(5)
    hidden, size = 48, 40
    x = b.node("Transpose", "x", perm=[1, 0, 2])
    for layer, directions in ((0, 2), (1, 1)):
        width = size if layer == 0 else 2 * hidden
        extra = {"linear_before_reset": 1} if op_type == "GRU" else {}
        y = b.node(op_type, x, b.weight(directions, gates * hidden, width),
                   b.weight(directions, gates * hidden, hidden),
                   b.weight(directions, 2 * gates * hidden, scale=0.1), hidden_size=hidden,
                   direction="bidirectional" if directions == 2 else "forward", **extra)
        y = b.node("Transpose", y, perm=[0, 2, 1, 3])
        x = b.node("Reshape", y, b.constant(np.array([0, 0, -1], np.int64)))
    x = b.node("Transpose", x, perm=[1, 0, 2])
    out = b.linear(x, hidden, 11)
    model = b.model([("x", ["batch", 23, size])], [out])
    return model, [{"x": np.random.RandomState(s).randn(3, 23, size).astype(np.float32)}
                   for s in range(8)]


def transformer():
    """Two encoder layers as PyTorch exports them."""
    b = Builder(7)
    width, heads, length = 64, 4, 19
    head = width // heads
    x = "x"
    for _ in range(2):
        parts = []
        for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
            part = b.linear(x, width, width)
            part = b.node("Reshape", part, b.constant(np.array([0, 0, heads, head], np.int64)))
            parts.append(b.node("Transpose", part, perm=order))
        scores = b.node("Div", b.node("MatMul", parts[0], parts[1]),
                        b.constant(np.float32(np.sqrt(head))))
        mixed = b.node("MatMul", b.node("Softmax", scores, axis=-1), parts[2])
        mixed = b.node("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = b.node("Reshape", mixed, b.constant(np.array([0, 0, width], np.int64)))
        x = normalize(b, b.node("Add", x, b.linear(mixed, width, width)), width)
        wide = b.linear(x, width, 4 * width)
        erf = b.node("Erf", b.node("Div", wide, b.constant(np.float32(np.sqrt(2)))))
        gelu = b.node("Mul", wide, b.node("Add", erf, b.constant(np.float32(1))))
        gelu = b.node("Mul", gelu, b.constant(np.float32(0.5)))
        x = normalize(b, b.node("Add", x, b.linear(gelu, 4 * width, width)), width)
    out = b.linear(x, width, 10)
    model = b.model([("x", ["batch", length, width])], [out])
    return model, [{"x": np.random.RandomState(s).randn(2, length, width).astype(np.float32)}
                   for s in range(8)]


def normalize(b, x, width):
    return b.node("LayerNormalization", x, b.constant(np.ones(width, np.float32)),
                  b.weight(width, scale=0.1), axis=-1, epsilon=1e-5)


def convolutions(b, x, n_in, n_out):
    for channels in (n_in, n_out):
        x = b.node("Conv", x, b.weight(n_out, channels, 3, 3, scale=(2 / (9 * channels)) ** 0.5),
                   pads=[1, 1, 1, 1], kernel_shape=[3, 3])
        scales = [b.constant(np.ones(n_out, np.float32)), b.weight(n_out, scale=0.1),
                  b.weight(n_out, scale=0.1), b.constant(np.ones(n_out, np.float32))]
        x = b.node("Relu", b.node("BatchNormalization", x, *scales))
    return x


def unet():
    b = Builder(9)
    first = convolutions(b, "x", 3, 12)
    second = convolutions(b, b.node("MaxPool", first, kernel_shape=[2, 2], strides=[2, 2]), 12, 24)
    deep = convolutions(b, b.node("MaxPool", second, kernel_shape=[2, 2], strides=[2, 2]), 24, 48)
    up = b.node("ConvTranspose", deep, b.weight(48, 24, 2, 2, scale=0.15), b.weight(24, scale=0.1),
                kernel_shape=[2, 2], strides=[2, 2])
    up = convolutions(b, b.node("Concat", up, second, axis=1), 48, 24)
    up = b.node("Resize", up, "", b.constant(np.array([1, 1, 2, 2], np.float32)), mode="linear",
                coordinate_transformation_mode="half_pixel")
    up = convolutions(b, b.node("Concat", up, first, axis=1), 36, 12)
    out = b.node("Conv", up, b.weight(2, 12, 1, 1, scale=8), b.weight(2, scale=0.1),
                 kernel_shape=[1, 1])
    out = b.node("Sigmoid", out)
    model = b.model([("x", ["batch", 3, 48, 64])], [out])
    return model, [{"x": np.random.RandomState(s).rand(1, 3, 48, 64).astype(np.float32)}
                   for s in range(8)]


# ---- the list ----


def sources(data):
    """Yields name and a function that gives the model and its feeds; the first feed is compared."""

    def of_file(path, feeds):
        return lambda: (onnx.load(path), feeds())

    yield "mnist-8", of_file(data / "mnist-8/model.onnx", lambda: [
        {"Input3": x[None].astype(np.float32)} for x in
        np.load(data / "mnist-8/t10k.npz")["Input3"][:16].reshape(16, 1, 28, 28)])
    yield "ppocr-cls", of_file(data / "ppocr/cls.onnx", lambda: [
        {"x": x[None]} for x in np.load(data / "ppocr/cls.npz")["x"][:12]])
    yield "ppocr-det", of_file(data / "ppocr/det.onnx", lambda: [
        {"x": text_image(data / "ppocr/rec.npz")}, {"x": text_image(data / "ppocr/rec-calib.npz")}])
    yield "ppocr-rec", of_file(data / "ppocr/rec.onnx", lambda: [
        {"x": x[None]} for x in np.load(data / "ppocr/rec.npz")["x"][:8]])
    yield "basic-pitch", of_file(data / "basic-pitch/nmp.onnx", lambda: [
        {"serving_default_input_2:0": x[None]} for x in tones(3)])
    yield "super-resolution", of_file(data / "super_resolution/model.onnx", lambda: [
        {"input": read_pb(data / "super_resolution/test_data_set_0/input_0.pb").reshape(
            1, 1, 224, 224)}])
    yield "lstm", lambda: recurrent("LSTM", 4)
    yield "gru", lambda: recurrent("GRU", 3)
    yield "transformer", transformer
    yield "unet", unet


class Reader(CalibrationDataReader):
    def __init__(self, feeds):
        self.feeds = iter(feeds)

    def get_next(self):
        return next(self.feeds, None)


def options(level):
    made = onnxruntime.SessionOptions()
    made.graph_optimization_level = level
    made.log_severity_level = 3
    made.intra_op_num_threads = 1  # DynamicQuantizeLSTM depends on it
    return made


EXTENDED = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
ALL = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
NONE = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL


def save_extended(source, target):
    made = options(EXTENDED)
    made.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(source, made, providers=["CPUExecutionProvider"])


def newer(model):
    """What the quantiser wants: opset 13 for scales per channel, constants as initialisers that are no
    inputs."""
    opset = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")][0]
    if opset < 13:
        model = onnx.version_converter.convert_version(model, 13)
    for node in [n for n in model.graph.node if n.op_type == "Constant"]:
        for attribute in node.attribute:
            if attribute.name == "value":
                tensor = model.graph.initializer.add()
                tensor.CopyFrom(attribute.t)
                tensor.name = node.output[0]
                model.graph.node.remove(node)
    names = {t.name for t in model.graph.initializer}
    kept = [i for i in model.graph.input if i.name not in names]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.ir_version = max(model.ir_version, 8)
    return model


def treat(model, feeds, treatment, target, made):
    """Writes the treated model; `made` holds the files of the treatments before."""
    if treatment == "original":
        onnx.save(model, target)
    elif treatment == "float16":
        onnx.save(convert_float_to_float16(model, keep_io_types=True), target)
    elif treatment == "extended":
        save_extended(made["original"], target)
    elif treatment.startswith("extended-"):
        save_extended(made["qdq-u8s8" if treatment == "extended-qdq" else "dynamic"], target)
    elif treatment == "dynamic":
        quantize_dynamic(newer(model), target, weight_type=QuantType.QInt8)
    else:
        kind, types = treatment.split("-")
        quantize_static(
            newer(model), target, Reader(feeds),
            quant_format=QuantFormat.QDQ if kind == "qdq" else QuantFormat.QOperator,
            activation_type=QuantType.QUInt8 if types[0] == "u" else QuantType.QInt8,
            weight_type=QuantType.QInt8, per_channel=kind == "qdq")


# ---- comparison ----


def run_here(connection, path, feed, level):
    try:
        session = onnxruntime.InferenceSession(path, options(level),
                                               providers=["CPUExecutionProvider"])
        names = [o.name for o in session.get_outputs()]
        connection.send(dict(zip(names, session.run(None, feed))))
    except Exception as error:
        connection.send(str(error))


def run_runtime(path, feed, level):
    """In a child process, since there are files that end it."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.Process(target=run_here, args=(theirs, path, feed, level))
    child.start()
    theirs.close()
    try:
        result = ours.recv()
    except EOFError:
        result = "it crashes"
    child.join()
    if isinstance(result, str):
        raise RuntimeError(result)
    return result


def run_nnopt(command, path, feed, folder):
    np.savez(folder / "in.npz", **feed)
    done = subprocess.run([command, "run", path, "--data", folder / "in.npz", "-o",
                           folder / "out.npz"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise RuntimeError(lines[-1] if lines else "exit code %d" % done.returncode)
    return dict(np.load(folder / "out.npz"))


def difference(a, b):
    """The largest difference of any output as a share of the range of b."""
    worst = 0.0
    for name, expected in b.items():
        got, expected = a[name].astype(np.float64), expected.astype(np.float64)
        if got.shape != expected.shape or (np.isnan(got) != np.isnan(expected)).any():
            return float("inf")
        span = max(expected.max() - expected.min(), 1e-30) if expected.size else 1
        worst = max(worst, float(np.nanmax(np.abs(got - expected))) / span if got.size else 0.0)
    return worst


def with_other_last_bits(feed, seed, is_half):
    """The inputs with every float moved up, down or not at all to its neighbour."""
    random = np.random.RandomState(seed)
    changed = {}
    for name, array in feed.items():
        steps = random.randint(-1, 2, array.shape)
        bit = 2.0 ** (-11 if is_half else -23)
        changed[name] = (array * (1 + bit * steps)).astype(array.dtype)
    return changed


def sensitivity(path, feed, level, expected):
    is_half = "float16" in path.name
    return max(difference(run_runtime(path, with_other_last_bits(feed, seed, is_half), level),
                          expected) for seed in range(5))


def check(command, path, feed, folder):
    """(verdict, text): "agrees", "unstable" or "differs"; None when ONNX Runtime refuses it."""
    try:
        expected = run_runtime(path, feed, ALL)
    except Exception as error:
        return None, "ONNX Runtime refuses it: %s" % str(error).splitlines()[0][:100]
    try:
        plain = run_runtime(path, feed, NONE)
    except Exception:
        plain = expected
    try:
        got = run_nnopt(command, path, feed, folder)
    except RuntimeError as error:
        return "differs", str(error)[:300]
    to_best, to_plain = difference(got, expected), difference(got, plain)
    itself, nearest = difference(plain, expected), min(to_best, to_plain)
    text = "%-8.1e %-8.1e %-8.1e" % (to_best, to_plain, itself)
    if nearest <= LIMIT:
        return "agrees", text + " %-8s" % ""
    best = to_best <= to_plain
    last_bit = sensitivity(path, feed, ALL if best else NONE, expected if best else plain)
    verdict = "unstable" if nearest <= max(itself, last_bit) else "differs"
    return verdict, text + " %-8.1e" % last_bit


def main():
    logging.disable(logging.WARNING)
    command = ARGUMENTS.build / "nnopt"
    temporary = tempfile.TemporaryDirectory()
    folder = ARGUMENTS.keep or Path(temporary.name)
    folder.mkdir(parents=True, exist_ok=True)
    if ARGUMENTS.nodes:
        compare_nodes(command, ARGUMENTS.nodes[0], dict(np.load(ARGUMENTS.nodes[1])), folder)
        return 0
    rows, failed = [], 0
    print("%-34s %-8s %-8s %-8s %-8s" % ("file", "default", "plain", "itself", "last bit"))
    for name, load in sources(ARGUMENTS.data):
        if not any(ARGUMENTS.only in "%s.%s" % (name, t) for t in TREATMENTS):
            continue
        model, feeds = load()
        made = {}
        for treatment in TREATMENTS:
            label = "%s.%s" % (name, treatment)
            path = folder / (label + ".onnx")
            needed = [t for t in TREATMENTS if ARGUMENTS.only in "%s.%s" % (name, t)]
            helps = {"original": ("extended",), "qdq-u8s8": ("extended-qdq",),
                     "dynamic": ("extended-dynamic",)}.get(treatment, ())
            if treatment not in needed and not any(t in needed for t in helps):
                continue
            start = time.time()
            try:
                if not (ARGUMENTS.keep and path.exists()):
                    copy = onnx.ModelProto()
                    copy.CopyFrom(model)
                    treat(copy, feeds, treatment, path, made)
                made[treatment] = path
            except Exception as error:
                rows.append((label, None, "not made: %s" % str(error).splitlines()[0][:100]))
                print("%-34s %s" % (label, rows[-1][2]), flush=True)
                continue
            if treatment not in needed:
                continue
            agrees, text = check(command, path, feeds[0], folder)
            failed += agrees == "differs"
            rows.append((label, agrees, text))
            print("%-34s %s %s (%.1f s)" % (label, text, agrees or "-", time.time() - start),
                  flush=True)
    if ARGUMENTS.markdown:
        write_markdown(ARGUMENTS.markdown, rows)
    print("%d files, %d differ" % (len(rows), failed))
    return 1 if failed else 0


def write_markdown(path, rows):
    with open(path, "w", encoding="utf-8") as out:
        out.write("| file | default | plain | itself | last bit | |\n|---|---|---|---|---|---|\n")
        for label, verdict, text in rows:
            cells = text.split() if text[0].isdigit() else [text]
            cells += [""] * (4 - len(cells))
            out.write("| %s | %s | %s |\n" % (label, " | ".join(cells), verdict or ""))


# ---- one node at a time ----


def compare_nodes(command, path, feed, folder):
    """Lists the nodes whose outputs differ when their inputs are those of ONNX Runtime."""
    model = onnx.load(path)
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    outputs = {o.name for o in model.graph.output}
    names = [o for n in model.graph.node for o in n.output if o and o not in outputs]
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    exposed.graph.output.extend(helper.make_value_info(n, onnx.TypeProto()) for n in names)
    onnx.save(exposed, folder / "exposed.onnx")
    values = {**constants, **feed, **run_runtime(folder / "exposed.onnx", feed, NONE)}
    worst, count = [], 0
    for node in model.graph.node:
        inputs = [i for i in dict.fromkeys(node.input) if i]
        if not inputs or any(a.type == onnx.AttributeProto.GRAPH for a in node.attribute):
            continue
        given = [i for i in inputs if i not in constants]
        graph = helper.make_graph(
            [node], "node", [value_info(i, values[i]) for i in given],
            [value_info(o, values[o]) for o in node.output if o],
            [t for t in model.graph.initializer if t.name in inputs])
        single = helper.make_model(graph, opset_imports=model.opset_import,
                                   ir_version=model.ir_version)
        onnx.save(single, folder / "node.onnx")
        try:
            got = run_nnopt(command, folder / "node.onnx", {i: values[i] for i in given}, folder)
        except RuntimeError as error:
            print("%-20s %s: %s" % (node.op_type, node.name, error))
            continue
        count += 1
        wanted = {o: values[o] for o in node.output if o}
        gap = difference(got, wanted)
        changed = max(float((got[o] != wanted[o]).mean()) if got[o].size else 0.0 for o in wanted)
        worst.append((gap, changed, node.op_type, node.name))
    worst.sort(reverse=True)
    print("%d nodes, %d bit for bit the same" % (count, sum(1 for w in worst if w[1] == 0)))
    for gap, changed, op_type, name in worst[:20]:
        print("%-9.1e %5.1f %% of elements  %-20s %s" % (gap, 100 * changed, op_type, name))


def value_info(name, array):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype),
                                         array.shape)


if __name__ == "__main__":
    sys.exit(main())
