#!/usr/bin/env python3
"""Times nnopt and ONNX Runtime on the same models in alternating slots of one run.

    python3 -m venv build/peers && build/peers/bin/pip install onnxruntime numpy
    build/peers/bin/python bench/compare.py --nnopt build/release/nnopt model.onnx [more.onnx ...]

A developer's tool: nnopt itself needs no Python. Prints minimum and median milliseconds of each, and the
ratio nnopt / ONNX Runtime of the minima with its range over the rounds.
"""

import argparse
import json
import statistics
import subprocess
import time

import numpy
import onnxruntime


def shapes_of(session):
    """Inputs with free dimensions as 1."""
    return {i.name: [d if isinstance(d, int) else 1 for d in i.shape] for i in session.get_inputs()}


def peer_slot(session, feeds, seconds):
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        session.run(None, feeds)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def own_slot(command, model, threads, seconds):
    run = [command, "bench", model, "--threads", str(threads), "--duration", str(seconds), "--json"]
    result = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    return result["results"][0]


def compare(arguments, model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    generator = numpy.random.default_rng(0)
    feeds = {name: generator.standard_normal(shape, dtype=numpy.float32)
             for name, shape in shapes_of(session).items()}
    session.run(None, feeds)
    own_minima, own_medians, peer_minima, peer_medians, isa = [], [], [], [], ""
    for _ in range(arguments.rounds):
        own = own_slot(arguments.nnopt, model, arguments.threads, arguments.seconds)
        peer = peer_slot(session, feeds, arguments.seconds)
        isa = own["isa"]
        own_minima.append(own["latency_ms"]["min"])
        own_medians.append(own["latency_ms"]["median"])
        peer_minima.append(min(peer))
        peer_medians.append(statistics.median(peer))
    ratios = [a / b for a, b in zip(own_minima, peer_minima)]
    print(f"{model}  threads {arguments.threads}  {isa}\n"
          f"  nnopt         min {min(own_minima):9.3f} ms  median {statistics.median(own_medians):9.3f}\n"
          f"  ONNX Runtime  min {min(peer_minima):9.3f} ms  median {statistics.median(peer_medians):9.3f}\n"
          f"  ratio of minima {min(own_minima) / min(peer_minima):.3f}  "
          f"(rounds: {min(ratios):.3f} .. {max(ratios):.3f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--nnopt", default="build/release/nnopt")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each slot")
    arguments = parser.parse_args()
    print(f"ONNX Runtime {onnxruntime.__version__}")
    for model in arguments.models:
        compare(arguments, model)


if __name__ == "__main__":
    main()
