"""Writes the cases of one suite of the package onnx to the standard layout.

usage: onnx_cases.py SUITE FOLDER
"""

import json
import pathlib
import shutil
import sys
import warnings

import numpy
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.model import collect_testcases
from onnx.backend.test.loader import load_model_tests

package = pathlib.Path(onnx.__file__).parent


def write_tolerance(folder, rtol, atol):
    (folder / "tolerance.json").write_text(json.dumps({"rtol": rtol, "atol": atol}) + "\n")


def to_message(value, declared):
    """A file's message for a value of a node case: an array, a tensor, a list (sequence) or None."""
    if isinstance(value, (onnx.TensorProto, onnx.SequenceProto, onnx.OptionalProto)):
        return value
    kind = declared.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.from_list(value, declared.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, declared.name)
    return numpy_helper.from_array(numpy.asarray(value), declared.name)


def write_values(folder, prefix, values, declared):
    for index, (value, info) in enumerate(zip(values, declared)):
        (folder / f"{prefix}_{index}.pb").write_bytes(to_message(value, info).SerializeToString())


def write_node_case(case, folder):
    """A case that the package makes in memory, as all node cases are."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    write_tolerance(folder, case.rtol, case.atol)
    for index, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{index}"
        data.mkdir()
        write_values(data, "input", inputs, case.model.graph.input)
        write_values(data, "output", outputs, case.model.graph.output)


def write_light_case(case, folder):
    """The package gives the outputs for one input: elements i / n of n."""
    model_path = package.parent / case.url
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    shutil.copyfile(model_path, folder / "model.onnx")
    write_tolerance(folder, case.rtol, case.atol)
    graph = onnx.load(model_path).graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [info for info in graph.input if info.name not in weights]
    for index, info in enumerate(inputs):
        shape = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
        count = int(numpy.prod(shape))
        array = (numpy.arange(count).reshape(shape) / count).astype(numpy.float32)
        (data / f"input_{index}.pb").write_bytes(
            numpy_helper.from_array(array, info.name).SerializeToString()
        )
    for index in range(len(graph.output)):
        shutil.copyfile(
            model_path.with_name(f"{model_path.stem}_output_{index}.pb"), data / f"output_{index}.pb"
        )


def write_stored_case(case, folder):
    shutil.copytree(case.model_dir, folder)
    write_tolerance(folder, case.rtol, case.atol)


def models_in_memory(stored):
    """The package makes some whole models in memory too; their suite is `simple`."""
    names = {case.name for case in stored}
    return [case for case in collect_testcases() if case.data_sets and case.name not in names]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip().splitlines()[-1])
    suite, target = sys.argv[1], pathlib.Path(sys.argv[2])
    write = {"node": write_node_case, "light": write_light_case}.get(suite, write_stored_case)
    warnings.simplefilter("ignore")
    cases = load_model_tests(kind="real" if suite == "light" else suite)
    for case in cases:
        write(case, target / case.name)
    unstored = models_in_memory(cases) if suite == "simple" else []
    for case in unstored:
        write_node_case(case, target / case.name)
    print(f"{len(cases) + len(unstored)} cases")


if __name__ == "__main__":
    main()
