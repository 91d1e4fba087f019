#!/usr/bin/env python3
"""Exports scikit-learn pipelines to ONNX and compares nnopt with ONNX Runtime on them.

    python3 -m venv build/sklearn
    build/sklearn/bin/pip install 'scikit-learn<1.8' 'onnx<1.19' 'protobuf<6' skl2onnx onnxruntime pandas
    build/sklearn/bin/python scripts/check-sklearn-models.py --nnopt build/nnopt build/sklearn-models

Writes each model with inputs and the outputs of ONNX Runtime as a test case below the folder, runs
`nnopt test` there (labels equal, numbers within 1e-5) and prints one line per pipeline. Exit code 1 when
one disagrees. A developer's tool: nnopt itself needs no Python.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import pandas
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.decomposition import PCA
from sklearn.ensemble import (AdaBoostClassifier, ExtraTreesClassifier, GradientBoostingClassifier,
                              GradientBoostingRegressor, HistGradientBoostingClassifier,
                              HistGradientBoostingRegressor, IsolationForest, RandomForestClassifier,
                              RandomForestRegressor)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder,
                                   StandardScaler)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

ROWS = 40  # samples of a case
TEXTS = ["the cat sat on the mat", "a dog chased the cat", "birds sing in the morning", "the dog sleeps",
         "fish swim in the sea", "a bird in the hand", "the sea is deep", "cats and dogs"] * 4


def numeric_pipelines():
    x, two = make_classification(400, 8, n_informative=5, random_state=0)
    many, three = make_classification(400, 8, n_informative=5, n_classes=3, random_state=1)
    points, values = make_regression(400, 8, noise=2, random_state=2)
    pairs = np.stack([values, -values], 1) / 100
    values = values / 100
    x, many, points = (a.astype(np.float32) for a in (x, many, points))
    names = np.array(["ash", "birch", "cedar"])[three]
    return {
        "random_forest": (RandomForestClassifier(30, random_state=0), many, three),
        "random_forest_names": (RandomForestClassifier(10, max_depth=5, random_state=0), many, names),
        "random_forest_two": (RandomForestClassifier(20, random_state=0), x, two + 4),
        "random_forest_regressor": (RandomForestRegressor(30, random_state=0), points, values),
        "random_forest_pairs": (RandomForestRegressor(10, random_state=0), points, pairs),
        "extra_trees": (ExtraTreesClassifier(20, random_state=0), many, three),
        "ada_boost": (AdaBoostClassifier(n_estimators=10, random_state=0), many, three),
        "gradient_boosting": (GradientBoostingClassifier(random_state=0), x, two),
        "gradient_boosting_three": (GradientBoostingClassifier(n_estimators=20, random_state=0), many, names),
        "gradient_boosting_regressor": (GradientBoostingRegressor(random_state=0), points, values),
        "hist_boosting": (HistGradientBoostingClassifier(random_state=0), x, two),
        "hist_boosting_three": (HistGradientBoostingClassifier(max_iter=20, random_state=0), many, three),
        "hist_boosting_regressor": (HistGradientBoostingRegressor(random_state=0), points, values),
        "decision_tree": (DecisionTreeClassifier(random_state=0), many, names),
        "decision_tree_regressor": (DecisionTreeRegressor(random_state=0), points, values),
        "isolation_forest": (IsolationForest(n_estimators=20, random_state=0), x, None),
        "svc_rbf": (SVC(probability=True, random_state=0), many, three),
        "svc_two_names": (SVC(probability=True, random_state=0), x, np.array(["no", "yes"])[two]),
        "svc_linear": (SVC(kernel="linear"), many, three),
        "svc_poly": (SVC(kernel="poly", degree=3), x, two),
        "linear_svc": (LinearSVC(random_state=0), many, three),
        "svr": (SVR(), points, values),
        "svr_sigmoid": (SVR(kernel="sigmoid", gamma=0.01), points, values),
        "logistic": (make_pipeline(StandardScaler(), LogisticRegression()), x, two),
        "logistic_three": (make_pipeline(StandardScaler(), LogisticRegression()), many, names),
        "minmax_mlp": (make_pipeline(MinMaxScaler(), MLPClassifier(16, max_iter=50, random_state=0)), many, three),
        "normalizer_logistic": (make_pipeline(Normalizer(), LogisticRegression()), many, three),
        "imputer_logistic": (make_pipeline(SimpleImputer(), LogisticRegression()), x, two),
        "knn": (KNeighborsClassifier(), many, three),
        "knn_regressor": (KNeighborsRegressor(), points, values),
        "naive_bayes": (GaussianNB(), many, three),
        "multinomial_bayes": (MultinomialNB(), np.abs(many), three),
        "pca_linear": (make_pipeline(PCA(4), LinearRegression()), points, values),
    }


def mixed_pipeline():
    """Two text columns and two of numbers, as a table of named columns gives them."""
    random = np.random.default_rng(0)
    columns = {"colour": random.choice(["red", "green", "blue"], 200), "size": random.choice(["s", "m", "l"], 200),
               "age": random.uniform(20, 70, 200).astype(np.float32),
               "income": random.lognormal(3, 1, 200).astype(np.float32)}
    target = (columns["age"] / 70 + (columns["colour"] == "red") + random.normal(0, 0.3, 200) > 1).astype(int)
    table = pandas.DataFrame(columns)
    transform = ColumnTransformer([("numbers", StandardScaler(), ["age", "income"]),
                                   ("colour", OneHotEncoder(handle_unknown="ignore"), ["colour"]),
                                   ("size", OrdinalEncoder(), ["size"])])
    model = make_pipeline(transform, LogisticRegression()).fit(table, target)
    kinds = [(name, StringTensorType([None, 1]) if values.dtype.kind == "U" else FloatTensorType([None, 1]))
             for name, values in columns.items()]
    feeds = {name: values[:ROWS, None].astype(object if values.dtype.kind == "U" else np.float32)
             for name, values in columns.items()}
    return model, kinds, feeds


def text_pipeline():
    labels = np.array([1, 0, 0, 0, 1, 0, 1, 1] * 4)
    model = make_pipeline(TfidfVectorizer(lowercase=False), LogisticRegression()).fit(TEXTS, labels)
    return model, [("X", StringTensorType([None]))], {"X": np.array(TEXTS[:8], dtype=object)}


def exported(versions):
    """Yields name, model bytes or the reason why there is none, and feeds."""
    for name, (model, x, y) in numeric_pipelines().items():
        model.fit(x) if y is None else model.fit(x, y)
        try:
            yield name, to_onnx(model, x[:1], target_opset=versions), {"X": x[:ROWS]}
        except Exception as error:
            yield name, str(error).splitlines()[0][:80], None
    for name, make in (("mixed_columns", mixed_pipeline), ("tfidf_logistic", text_pipeline)):
        model, kinds, feeds = make()
        yield name, to_onnx(model, initial_types=kinds, target_opset=versions), feeds


def map_proto(pairs):
    keys = list(pairs)
    proto = onnx.MapProto(key_type=TensorProto.STRING if isinstance(keys[0], str) else TensorProto.INT64)
    if isinstance(keys[0], str):
        proto.string_keys.extend(key.encode() for key in keys)
    else:
        proto.keys.extend(keys)
    proto.values.elem_type = onnx.SequenceProto.TENSOR
    proto.values.tensor_values.extend(numpy_helper.from_array(np.float32(pairs[key])) for key in keys)
    return proto


def value_proto(value):
    if isinstance(value, list):
        proto = onnx.SequenceProto(elem_type=onnx.SequenceProto.MAP)
        proto.map_values.extend(map_proto(pairs) for pairs in value)
        return proto
    value = np.asarray(value)
    if value.dtype.kind in "OU":
        return helper.make_tensor("", TensorProto.STRING, value.shape, [str(v).encode() for v in value.ravel()])
    return numpy_helper.from_array(value)


def write_case(folder, model, feeds):
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    (folder / "tolerance.json").write_text(json.dumps({"rtol": 1e-5, "atol": 1e-5}))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for i, entry in enumerate(session.get_inputs()):
        (data / f"input_{i}.pb").write_bytes(value_proto(feeds[entry.name]).SerializeToString())
    for i, value in enumerate(session.run(None, feeds)):
        (data / f"output_{i}.pb").write_bytes(value_proto(value).SerializeToString())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--nnopt", default="build/nnopt")
    parser.add_argument("--opset", type=int, default=18)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    failed = 0
    for name, model, feeds in exported({"": arguments.opset, "ai.onnx.ml": 3}):
        if feeds is None:
            print(f"{name:28} not exported: {model}")
            continue
        folder = arguments.folder / name
        write_case(folder, model, feeds)
        run = subprocess.run([arguments.nnopt, "test", folder], capture_output=True, text=True)
        failed += run.returncode != 0
        operators = ", ".join(sorted({node.op_type for node in model.graph.node}))
        verdict = "agrees" if run.returncode == 0 else (run.stdout + run.stderr).splitlines()[0].strip()
        print(f"{name:28} {verdict}  [{operators}]", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
