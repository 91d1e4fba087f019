#!/usr/bin/env python3
"""Times nnopt, ONNX Runtime and OpenVINO on the same models in alternating slots of one run.

    python3 -m venv build/peers && build/peers/bin/pip install numpy onnx onnxruntime openvino
    build/peers/bin/python bench/networks.py build/networks
    build/peers/bin/python bench/compare.py --nnopt build/nnopt build/networks/*.onnx

A developer's tool: nnopt itself needs no Python. OpenVINO runs in float32, and with --openvino-default also as it
chooses (bfloat16 where the machine has it). From a peer's time under 0.1 ms its time for Identity of one element is
subtracted, so that the Python call does not count. Prints minima in milliseconds, nnopt's median, the share that the
roofline gives of nnopt's time, the ratio of minima to the better peer with its range over the rounds, the target of that
ratio (targets.csv), and the ratio that nnopt would have on its roofline.

--isa vnni keeps nnopt and OpenVINO from AMX. ONNX Runtime has no such switch.
"""

import argparse
import csv
import json
import math
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy
import onnx
from onnx import TensorProto, helper

SHORT = 0.1  # ms: times below are corrected for the call


class OnnxRuntime:
    name = "ONNX Runtime"

    def __init__(self, model, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(self, feeds):
        self.session.run(None, feeds)


class OpenVino:
    name, settings = "OpenVINO f32", {"INFERENCE_PRECISION_HINT": "f32"}

    def __init__(self, model, threads):
        import openvino
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
        compiled = openvino.Core().compile_model(model, "CPU", {**settings, **self.settings})
        self.request = compiled.create_infer_request()

    def run(self, feeds):
        self.request.infer(feeds)


class OpenVinoDefault(OpenVino):
    name, settings = "OpenVINO default", {}


def feeds_of(model, seed=0, shapes=""):
    """Seeded inputs; free dimensions are 1 where `shapes` ("x:1x3x8x8,y:4") does not say; integers are 0 or 1."""
    stated = {name: sizes for name, _, sizes in (item.rpartition(":") for item in shapes.split(",") if item)}
    graph = onnx.load(model, load_external_data=False).graph
    weights, random, feeds = {w.name for w in graph.initializer}, numpy.random.default_rng(seed), {}
    for info in graph.input:
        if info.name in weights:
            continue
        kind = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        shape = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
        if info.name in stated:
            shape = [int(size) for size in stated[info.name].split("x")]
        real = random.standard_normal(shape)
        feeds[info.name] = (real if kind.kind == "f" else random.integers(0, 2, shape)).astype(kind)
    return feeds


def write_identity(path):
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", info[:1], info[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8), path)


def slot(peer, feeds, seconds):
    best, runs, end = math.inf, 0, time.perf_counter() + seconds
    while time.perf_counter() < end or runs < 3:
        start = time.perf_counter()
        peer.run(feeds)
        best = min(best, 1e3 * (time.perf_counter() - start))
        runs += 1
    return best


def own_report(arguments, command, model):
    run = [arguments.nnopt, command, model, "--threads", str(arguments.threads), "--precision", arguments.precision,
           "--duration", str(arguments.seconds), "--json"]
    run += ["--shapes", arguments.shapes] * bool(arguments.shapes)
    return json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)


def roofline_share(arguments, model):
    nodes = own_report(arguments, "profile", model)["nodes"]
    return sum(node["attainable_ms"] for node in nodes) / sum(node["ms"] for node in nodes)


def target_of(model, precision, isa):
    """The ratio to reach, or None: column fp32, bf16, int8 on AMX or int8 on VNNI of targets.csv."""
    name, _, form = pathlib.Path(model).stem.partition("-")
    column = precision if not form else "int8 AMX" if isa == "AMX" else "int8 VNNI"
    with open(pathlib.Path(__file__).with_name("targets.csv"), encoding="utf-8") as file:
        cells = [row[column] for row in csv.DictReader(file) if row["model"] == name]
    return float(cells[0]) if cells and cells[0] else None


def compare(arguments, model, identity):
    kinds = [OnnxRuntime, OpenVino] + [OpenVinoDefault] * arguments.openvino_default
    feeds, empty = feeds_of(model, shapes=arguments.shapes), {"x": numpy.zeros(1, numpy.float32)}
    peers = [kind(model, arguments.threads) for kind in kinds]
    own, medians, times, isa = [], [], [[] for _ in peers], ""
    for _ in range(arguments.rounds):
        report = own_report(arguments, "bench", model)["results"][0]
        own.append(report["latency_ms"]["min"])
        medians.append(report["latency_ms"]["median"])
        isa = report["isa"]
        for peer, taken in zip(peers, times):
            taken.append(slot(peer, feeds, arguments.seconds))
    for kind, taken in zip(kinds, times):
        if min(taken) < SHORT:
            call = slot(kind(identity, arguments.threads), empty, 0.2)
            taken[:] = [max(t - call, 1e-4) for t in taken]
    best = [min(row) for row in zip(*times)]
    ratios = [a / b for a, b in zip(own, best)]
    share = roofline_share(arguments, model)
    columns = [f"{min(own):.4g}", f"{statistics.median(medians):.4g}", f"{100 * share:.0f} %"]
    columns += [f"{min(taken):.4g}" for taken in times]
    ratio, target = min(own) / min(best), target_of(model, arguments.precision, isa)
    columns += [f"**{ratio:.2f}** ({min(ratios):.2f} .. {max(ratios):.2f})", "" if target is None else f"{target:.2f}",
                f"{share * ratio:.2f}"]
    print(f"| {pathlib.Path(model).stem} | " + " | ".join(columns) + " |", flush=True)
    return isa


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--nnopt", default="build/nnopt")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--openvino-default", action="store_true")
    parser.add_argument("--shapes", default="", metavar="IN:1x3x8x8,...", help="of inputs whose dimensions are free")
    parser.add_argument("--isa", choices=["all", "vnni"], default="all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each slot")
    arguments = parser.parse_args()
    if arguments.isa == "vnni":
        os.environ.update(NNOPT_CPU_MASK="vnni", ONEDNN_MAX_CPU_ISA="AVX512_CORE_VNNI")
    names = [OnnxRuntime.name, OpenVino.name] + [OpenVinoDefault.name] * arguments.openvino_default
    print("| model | nnopt | median | of roofline | " + " | ".join(names) + " | ratio | target | at the roofline |")
    print("|---" * (7 + len(names)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        identity = f"{folder}/identity.onnx"
        write_identity(identity)
        isas = {compare(arguments, model, identity) for model in arguments.models}
    import onnxruntime
    import openvino
    print(f"\n{', '.join(isas)}; {arguments.threads} thread(s), {arguments.precision}; "
          f"ONNX Runtime {onnxruntime.__version__}, OpenVINO {openvino.__version__.split('-')[0]}")


if __name__ == "__main__":
    main()
