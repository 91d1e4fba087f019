#!/usr/bin/env python3
"""Counts the cases of the ONNX standard that ONNX Runtime and OpenVINO pass.

    scripts/onnx-tests.sh all                                   # writes the cases, and runs nnopt on them
    build/peers/bin/python bench/standard.py build/onnx-tests

A developer's tool. Each case runs in a child process, so that a crash is a failure of that case alone; results are
judged as the package's own runner does: same type and shape, the case's tolerance, NaN where NaN is expected. An
engine that refuses a model, or has no form for its inputs, fails the case.
"""

import argparse
import json
import multiprocessing
import pathlib

import numpy
import onnx
from onnx import numpy_helper


def run_onnxruntime(path, feeds, names):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(names, feeds)


def run_openvino(path, feeds, names):
    import openvino
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled.create_infer_request().infer(list(feeds.values()))
    return [results[i] for i in range(len(names))]


ENGINES = {"ONNX Runtime": run_onnxruntime, "OpenVINO": run_openvino}


def read(path, info):
    kind = info.type.WhichOneof("value")
    data = path.read_bytes()
    if kind == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


def same(expected, actual, rtol, atol):
    if expected is None or actual is None:
        return expected is None and actual is None
    if isinstance(expected, list):
        return (isinstance(actual, list) and len(expected) == len(actual) and
                all(same(e, a, rtol, atol) for e, a in zip(expected, actual)))
    actual = numpy.asarray(actual)
    if expected.dtype.kind in "OUS":
        return expected.shape == actual.shape and (expected.astype(str) == actual.astype(str)).all()
    if expected.dtype != actual.dtype or expected.shape != actual.shape:
        return False
    if expected.dtype.name == "bfloat16":
        rtol = max(rtol, 2 ** -6)
    if expected.dtype.kind not in "iub":
        wide = numpy.complex128 if expected.dtype.kind == "c" else numpy.float64
        return numpy.allclose(actual.astype(wide), expected.astype(wide), rtol, atol, equal_nan=True)
    return numpy.allclose(actual, expected, rtol, atol)


def passes(engine, folder):
    graph = onnx.load(folder / "model.onnx").graph
    limits = json.loads((folder / "tolerance.json").read_text())
    weights = {w.name for w in graph.initializer}
    inputs = [info for info in graph.input if info.name not in weights]
    for data in sorted(folder.glob("test_data_set_*")):
        feeds = {info.name: read(data / f"input_{i}.pb", info) for i, info in enumerate(inputs)}
        results = ENGINES[engine](folder / "model.onnx", feeds, [info.name for info in graph.output])
        for i, info in enumerate(graph.output):
            if not same(read(data / f"output_{i}.pb", info), results[i], limits["rtol"], limits["atol"]):
                return False
    return True


def work(engine, folders, pipe):
    for folder in folders:
        try:
            passed = passes(engine, folder)
        except Exception:  # whatever an engine raises, it has not run the case
            passed = False
        pipe.send(passed)


def count(engine, folders):
    done = passed = 0
    while done < len(folders):
        receiver, sender = multiprocessing.Pipe(False)
        child = multiprocessing.Process(target=work, args=(engine, folders[done:], sender))
        child.start()
        sender.close()
        try:
            while done < len(folders):
                passed += receiver.recv() if receiver.poll(120) else False
                done += 1
        except EOFError:  # it died in the case at hand
            done += 1
        child.kill()
        child.join()
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=pathlib.Path)
    parser.add_argument("--engine", choices=ENGINES, action="append")
    arguments = parser.parse_args()
    folders = sorted(path.parent for path in arguments.cases.glob("*/*/model.onnx"))
    for engine in arguments.engine or ENGINES:
        print(f"{engine}: {count(engine, folders)} of {len(folders)}", flush=True)


if __name__ == "__main__":
    main()
