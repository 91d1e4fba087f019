#!/usr/bin/env python3
"""Writes tree ensembles that scikit-learn trained on synthetic data, for batches of 1 and of 1000.

    python3 -m venv build/sklearn && build/sklearn/bin/pip install 'scikit-learn<1.8' skl2onnx onnxruntime
    build/sklearn/bin/python bench/make_forests.py build/forests

A developer's tool: nnopt itself needs no Python.
"""

import argparse
import pathlib

import numpy
import onnx
from skl2onnx import to_onnx
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (GradientBoostingClassifier, HistGradientBoostingRegressor,
                              RandomForestClassifier, RandomForestRegressor)

SAMPLES, FEATURES = 5000, 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    x, labels = make_classification(SAMPLES, FEATURES, n_informative=10, n_classes=3, random_state=0)
    points, values = make_regression(SAMPLES, FEATURES, noise=3, random_state=0)
    x, points = x.astype(numpy.float32), points.astype(numpy.float32)
    models = {
        "forest_classifier": (RandomForestClassifier(100, random_state=0), x, labels),
        "forest_regressor": (RandomForestRegressor(100, random_state=0, max_depth=12), points, values),
        "boosting_classifier": (GradientBoostingClassifier(n_estimators=100, random_state=0), x, labels > 0),
        "hist_boosting_regressor": (HistGradientBoostingRegressor(random_state=0), points, values),
    }
    for name, (model, inputs, targets) in models.items():
        model.fit(inputs, targets.astype(int) if targets.dtype == bool else targets)
        options = {"zipmap": False} if "classifier" in name else None
        proto = to_onnx(model, inputs[:1], options=options, target_opset={"": 18, "ai.onnx.ml": 3})
        for batch in (1, 1000):
            proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
            onnx.save(proto, folder / f"{name}_{batch}.onnx")


if __name__ == "__main__":
    main()
