#!/usr/bin/env python3
"""Writes int8 forms of models with ONNX Runtime's own quantiser, for measuring speed.

    quantized_networks.py OUT MODEL.onnx ... [--shapes IN:1x3x8x8,...]

OUT/NAME-int8.onnx is the static form (quantise-dequantise, uint8 activations, int8 weights with a scale a channel,
calibrated on four seeded random inputs); OUT/NAME-dynamic.onnx, for models with MatMul or LSTM, is the dynamic one.
Needs the packages onnx and onnxruntime.
"""

import argparse
import pathlib
import tempfile

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from compare import feeds_of

DYNAMIC = {"MatMul", "LSTM"}


class RandomReader(CalibrationDataReader):
    def __init__(self, model, shapes, count=4):
        self.feeds = iter([feeds_of(model, seed, shapes) for seed in range(count)])

    def get_next(self):
        return next(self.feeds, None)


def operators_of(model):
    return {node.op_type for node in onnx.load(model, load_external_data=False).graph.node}


def quantize(model, out, shapes, per_channel):
    with tempfile.TemporaryDirectory() as folder:
        prepared = f"{folder}/{model.name}"
        quant_pre_process(str(model), prepared, skip_symbolic_shape=True)
        quantize_static(prepared, out / f"{model.stem}-int8.onnx", RandomReader(prepared, shapes),
                        quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                        per_channel=per_channel)
        if DYNAMIC & operators_of(prepared):
            quantize_dynamic(prepared, out / f"{model.stem}-dynamic.onnx", weight_type=QuantType.QInt8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--shapes", default="", help="of inputs whose dimensions are free")
    parser.add_argument("--per-tensor", action="store_true", help="one scale for all channels of a weight")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for model in arguments.models:
        quantize(model, arguments.out, arguments.shapes, not arguments.per_tensor)


if __name__ == "__main__":
    main()
