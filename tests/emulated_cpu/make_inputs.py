#!/usr/bin/env python3
"""Writes random inputs for CASE/model.onnx into CASE/test_data_set_0, as the standard's test data have them.

usage: make_inputs.py NNOPT CASE
"""
import json
import random
import struct
import subprocess
import sys

FLOAT, INT32, INT64 = 1, 6, 7
TYPES = {"float32": (FLOAT, "f"), "int32": (INT32, "i"), "int64": (INT64, "q")}


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def tensor(name, number, letter, dims):
    """A TensorProto: floats around 0, integers that any vocabulary and mask has."""
    count = 1
    for dim in dims:
        count *= dim
    values = [random.gauss(0, 1) if letter == "f" else random.randrange(2) for _ in range(count)]
    raw = struct.pack(f"<{count}{letter}", *values)
    out = b"".join(b"\x08" + varint(dim) for dim in dims) + b"\x10" + varint(number)
    for field, content in ((0x42, name.encode()), (0x4a, raw)):
        out += bytes([field]) + varint(len(content)) + content
    return out


def main():
    nnopt, case = sys.argv[1:]
    text = subprocess.run([nnopt, "inspect", f"{case}/model.onnx", "--json"], check=True, capture_output=True).stdout
    random.seed(1)
    for index, entry in enumerate(json.loads(text)["inputs"]):
        dims = [dim if isinstance(dim, int) else 1 for dim in entry["shape"]]
        with open(f"{case}/test_data_set_0/input_{index}.pb", "wb") as stream:
            stream.write(tensor(entry["name"], *TYPES[entry["type"]], dims))


main()
