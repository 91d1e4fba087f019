#!/usr/bin/env python3
"""Writes ml_cases.txt: nodes of ai.onnx.ml with the outputs that ONNX Runtime computes.

    make_ml_cases.py OUT.txt

Where the standard and ONNX Runtime differ (see `given`), the expected outputs are literals.
"""
import string
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

TYPES = {TensorProto.FLOAT: "float32", TensorProto.DOUBLE: "float64", TensorProto.INT64: "int64",
         TensorProto.INT32: "int32", TensorProto.INT16: "int16", TensorProto.UINT8: "uint8",
         TensorProto.STRING: "string", TensorProto.FLOAT16: "float16"}
POSTS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
cases, counts = [], {}


def quoted(text):
    plain = string.ascii_letters + string.digits + "_"
    return "'" + "".join(c if c in plain else "".join("%%%02x" % b for b in c.encode()) for c in text)


def type_of(array):
    return TensorProto.STRING if array.dtype.kind in "OU" else helper.np_dtype_to_tensor_dtype(array.dtype)


def tensor_text(kind, shape, values):
    dims = "x".join(map(str, shape)) if len(shape) else "scalar"
    texts = [quoted(v.decode() if isinstance(v, bytes) else str(v)) if kind == TensorProto.STRING else
             "%.9g" % v if kind in (TensorProto.FLOAT, TensorProto.FLOAT16) else
             repr(float(v)) if kind == TensorProto.DOUBLE else str(int(v)) for v in values]
    return " ".join([TYPES[kind], dims] + texts)


def array_text(array):
    return tensor_text(type_of(array), array.shape, array.reshape(-1))


def attribute_text(attribute):
    value, kind = helper.get_attribute_value(attribute), attribute.type
    if kind == onnx.AttributeProto.TENSOR:
        values = value.string_data if value.data_type == TensorProto.STRING else \
            onnx.numpy_helper.to_array(value).reshape(-1)
        return "tensor " + tensor_text(value.data_type, value.dims, values)
    if kind == onnx.AttributeProto.STRINGS:
        return "strings " + " ".join(quoted(v.decode()) for v in value)
    if kind == onnx.AttributeProto.STRING:
        return "string " + value.decode()
    name = {onnx.AttributeProto.INT: "int", onnx.AttributeProto.FLOAT: "float",
            onnx.AttributeProto.INTS: "ints", onnx.AttributeProto.FLOATS: "floats"}[kind]
    values = value if isinstance(value, (list, tuple)) or name.endswith("s") else [value]
    return name + " " + " ".join(("%.9g" if name[0] == "f" else "%d") % v for v in values)


def run(node, version, inputs):
    values = [helper.make_tensor_value_info("x%d" % i, type_of(a), a.shape) for i, a in enumerate(inputs)]
    graph = helper.make_graph([node], "case", values,
                              [helper.make_value_info(n, onnx.TypeProto()) for n in node.output])
    imports = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", version)]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x%d" % i: a for i, a in enumerate(inputs)})


def add(op_type, inputs, version=1, outputs=1, given=None, tolerance=1e-5, **attributes):
    """`given`: the expected outputs, where ONNX Runtime has other ones or none."""
    inputs = [np.asarray(a) for a in inputs]
    inputs = [a.astype(object) if a.dtype.kind == "U" else a for a in inputs]
    node = helper.make_node(op_type, ["x%d" % i for i in range(len(inputs))],
                            ["y%d" % i for i in range(outputs)], domain="ai.onnx.ml", **attributes)
    results = given if given is not None else run(node, version, inputs)
    counts[op_type] = counts.get(op_type, 0) + 1
    lines = ["case %s_%d" % (op_type.lower(), counts[op_type]), "op %s %d ai.onnx.ml" % (op_type, version)]
    lines += ["attr %s %s" % (a.name, attribute_text(a)) for a in node.attribute]
    lines += ["in " + array_text(a) for a in inputs]
    lines += ["out " + array_text(np.asarray(a)) for a in results]
    cases.append("\n".join(lines + ["within %g %g" % (tolerance, tolerance)]))


def floats(random, *shape):
    return random.normal(size=shape).astype(np.float32)


def listed(array):
    return [float(v) for v in np.round(array, 3).reshape(-1)]


# ---- encoders ----

def label_encoders():
    texts, numbers = np.array(["a", "", "c d", "b"]), np.array([[2, 0], [5, -1]], np.int64)
    for version in (1,):
        add("LabelEncoder", [texts], version, classes_strings=["b", "a", "c d"], default_int64=-7)
        add("LabelEncoder", [numbers], version, classes_strings=["b", "a", "c d"], default_string="?")
    reals = np.array([0.0, -0.0, 1.5, np.nan, -3], np.float32)
    for version in (2, 4):
        add("LabelEncoder", [texts], version, keys_strings=["a", "c d"], values_int64s=[4, 5])
        add("LabelEncoder", [texts], version, keys_strings=["a", ""], values_floats=[0.5, 1.5], default_float=9.0)
        add("LabelEncoder", [texts], version, keys_strings=["a", ""], values_strings=["x y", "z"])
        add("LabelEncoder", [numbers], version, keys_int64s=[5, 2], values_strings=["five", "two"], default_string="none")
        add("LabelEncoder", [numbers], version, keys_int64s=[5, -1], values_floats=[1.0, 2.0])
        add("LabelEncoder", [numbers], version, keys_int64s=[5, -1], values_int64s=[-5, 1])
        add("LabelEncoder", [reals[:3]], version, keys_floats=[0.0, 1.5], values_strings=["zero", "more"])
    # The standard lets NaN be a key in version 2 already.
    nan = dict(keys_floats=[float("nan"), 1.5], values_int64s=[1, 2])
    add("LabelEncoder", [reals], 2, given=[np.array([-1, -1, 2, 1, -1])], **nan)
    add("LabelEncoder", [reals], 4, **nan)
    # Of equal keys the last one counts from version 4 on.
    double = dict(keys_int64s=[5, 2, 5], values_int64s=[1, 2, 3])
    add("LabelEncoder", [numbers], 2, **double)
    add("LabelEncoder", [numbers], 4, given=[np.array([[2, -1], [3, -1]])], **double)
    tensor = helper.make_tensor
    for keys, values in ((TensorProto.INT64, TensorProto.DOUBLE), (TensorProto.DOUBLE, TensorProto.DOUBLE),
                         (TensorProto.INT64, TensorProto.INT64), (TensorProto.INT16, TensorProto.INT32),
                         (TensorProto.DOUBLE, TensorProto.INT16), (TensorProto.STRING, TensorProto.INT16)):
        kinds = {TensorProto.INT64: np.int64, TensorProto.INT16: np.int16, TensorProto.DOUBLE: np.float64,
                 TensorProto.INT32: np.int32}
        x = np.array(["3", "9"]) if keys == TensorProto.STRING else np.array([3, 9], kinds[keys])
        key = [b"3", b"4"] if keys == TensorProto.STRING else [3, 4]
        y = np.array([30, -2]).astype(kinds[values])
        add("LabelEncoder", [x], 4, given=[y], keys_tensor=tensor("k", keys, [2], key),
            values_tensor=tensor("v", values, [2], [30, 40]), default_tensor=tensor("d", values, [1], [-2]))
    add("LabelEncoder", [np.array("a")], 4, keys_strings=["a"], values_int64s=[3])
    add("LabelEncoder", [np.zeros((0, 2), np.int64)], 4, keys_int64s=[1], values_int64s=[3])


def encoders():
    texts, numbers = np.array([["x", "y"], ["z", "x"]]), np.array([[1, 4], [9, 1]], np.int64)
    add("CategoryMapper", [texts], cats_strings=["x", "y"], cats_int64s=[10, 20], default_int64=-3)
    add("CategoryMapper", [numbers], cats_strings=["p", "q"], cats_int64s=[1, 9], default_string="?")
    add("OneHotEncoder", [texts], cats_strings=["z", "x"])
    add("OneHotEncoder", [numbers], cats_int64s=[4, 1, 9], zeros=0)
    for kind in (np.float32, np.float64):
        add("OneHotEncoder", [np.array([1.9, -1.9, 4], kind)], cats_int64s=[1, -1, 4])
    add("OneHotEncoder", [np.array([4, 1], np.int32)], cats_int64s=[1, 4], given=[np.array([[0, 1], [1, 0]], np.float32)])


# ---- features ----

def features():
    random = np.random.default_rng(1)
    x = floats(random, 3, 4)
    kinds = (np.float32, np.float64, np.int64, np.int32)
    for kind in kinds:
        a = (3 * x).astype(kind)
        add("Scaler", [a], offset=[0.5, -1.0, 2.0, 0.0], scale=[2.0, 0.25, -1.0, 3.0])
        add("Scaler", [a[0]], offset=[0.5], scale=[2.0])
        for norm in ("MAX", "L1", "L2"):
            add("Normalizer", [a], norm=norm)
        add("FeatureVectorizer", [a, a[:, :2]], inputdimensions=[4, 2])
        add("ArrayFeatureExtractor", [a, np.array([[3, 0, 0]])])
    zeros = np.zeros((2, 3), np.float32)
    for norm in ("MAX", "L1", "L2"):
        add("Normalizer", [zeros], norm=norm)
    add("Normalizer", [x[0]], norm="L2")
    add("Binarizer", [x], threshold=0.25)
    for kind in kinds[1:]:
        a = (3 * x).astype(kind)
        add("Binarizer", [a], threshold=0.5, given=[(a > 0.5).astype(kind)])
    add("FeatureVectorizer", [x[:, :3], x], inputdimensions=[4, 2])
    add("FeatureVectorizer", [x[0], x[1, :2]], inputdimensions=[4, 2])
    add("ArrayFeatureExtractor", [np.array([["a", "b"], ["c", "d"]]), np.array([1])])
    add("ArrayFeatureExtractor", [x[0], np.array([2, 1])])
    holes = np.array([[1, np.nan, 3], [np.nan, 2, 1]], np.float32)
    add("Imputer", [holes], replaced_value_float=float("nan"), imputed_value_floats=[7.0, 8.0, 9.0])
    add("Imputer", [holes], replaced_value_float=1.0, imputed_value_floats=[7.5])
    add("Imputer", [np.array([[1, 2], [2, 1]])], replaced_value_int64=2, imputed_value_int64s=[5, 6])
    add("Imputer", [np.array([[1, 2]], np.int32)], replaced_value_int64=2, imputed_value_int64s=[5],
        given=[np.array([[1, 5]], np.int32)])
    add("Imputer", [holes.astype(np.float64)], replaced_value_float=float("nan"), imputed_value_floats=[0.5],
        given=[np.where(np.isnan(holes), 0.5, holes).astype(np.float64)])


# ---- linear models and support vectors ----

def linear_models():
    random = np.random.default_rng(2)
    x = floats(random, 3, 5)
    for post in POSTS:
        add("LinearRegressor", [x], coefficients=listed(floats(random, 10)), intercepts=[0.25, 0.5], targets=2,
            post_transform=post, tolerance=1e-4)
        labels = dict(classlabels_strings=["a", "b", "c d"]) if post[0] == "S" else dict(classlabels_ints=[3, 1, 2])
        add("LinearClassifier", [x], outputs=2, coefficients=listed(floats(random, 15)), intercepts=[0.1, 0.2, 0.3],
            post_transform=post, tolerance=1e-4, **labels)
        if post != "PROBIT":
            add("LinearClassifier", [x], outputs=2, coefficients=listed(floats(random, 5)), intercepts=[0.1],
                classlabels_strings=["no", "yes"], post_transform=post)
    add("LinearRegressor", [x[0]], coefficients=listed(floats(random, 5)))
    wide = floats(random, 2, 40)
    add("LinearRegressor", [wide], coefficients=listed(floats(random, 400)), targets=10)
    add("LinearRegressor", [floats(random, 0, 5)], coefficients=listed(floats(random, 5)))
    for kind in (np.float64, np.int64, np.int32):
        add("LinearClassifier", [(3 * x).astype(kind)], outputs=2, coefficients=listed(floats(random, 10)),
            intercepts=[0.1, 0.2], classlabels_ints=[0, 1], post_transform="SOFTMAX")


def support_vectors():
    random = np.random.default_rng(3)
    x = floats(random, 3, 4)
    for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID"):
        shared = dict(kernel_type=kernel, kernel_params=[0.2, 0.3, 3.0], tolerance=1e-4)
        for count in (3, 17):
            add("SVMRegressor", [x], n_supports=count, support_vectors=listed(floats(random, count * 4)),
                coefficients=listed(floats(random, count)), rho=[0.4], **shared)
        classes = ["a", "b", "c"]
        vectors = dict(vectors_per_class=[2, 1, 3], support_vectors=listed(floats(random, 24)),
                       coefficients=listed(floats(random, 12)), rho=[0.1, -0.2, 0.3])
        add("SVMClassifier", [x], outputs=2, classlabels_strings=classes, **vectors, **shared)
        add("SVMClassifier", [x], outputs=2, classlabels_strings=classes, prob_a=[-1.0, -2.0, -0.5],
            prob_b=[0.1, 0.2, 0.3], **vectors, **shared)
    two = dict(kernel_type="RBF", kernel_params=[0.3, 0.0, 3.0], vectors_per_class=[2, 3],
               support_vectors=listed(floats(random, 20)), coefficients=listed(floats(random, 5)), rho=[0.05])
    three = dict(kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], coefficients=listed(floats(random, 12)),
                 rho=[0.2])
    for post in POSTS:
        if post != "PROBIT":
            add("SVMClassifier", [x], outputs=2, classlabels_ints=[5, 6], post_transform=post, **two)
        add("SVMClassifier", [x], outputs=2, classlabels_ints=[5, 6], post_transform=post, prob_a=[-1.5], prob_b=[0.2],
            tolerance=1e-4, **two)
        add("SVMClassifier", [x], outputs=2, classlabels_ints=[5, 6, 9], post_transform=post, tolerance=1e-4, **three)
    for sign in (1, -1):
        add("SVMClassifier", [x], outputs=2, classlabels_ints=[5, 6], kernel_params=[0.0, 0.0, 0.0],
            coefficients=listed(sign * np.abs(floats(random, 8))), rho=[0.2])
    for kind in (np.float64, np.int64, np.int32):
        add("SVMClassifier", [(2 * x).astype(kind)], outputs=2, classlabels_ints=[5, 6], **two)
    add("SVMRegressor", [x], kernel_params=[0.0, 0.0, 0.0], n_supports=0, coefficients=listed(floats(random, 4)),
        rho=[0.4], one_class=1)


# ---- trees ----

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def grow(random, lists, tree, depth, modes, votes):
    """Adds a tree of at most `depth` steps over three features; votes(random) gives those of a leaf."""
    place = len(lists["nodes_nodeids"])
    first = lists["nodes_treeids"].index(tree) if tree in lists["nodes_treeids"] else place
    is_leaf = depth == 0 or random.random() < 0.15
    row = dict(nodes_treeids=tree, nodes_nodeids=place - first, nodes_featureids=int(random.integers(3)),
               nodes_values=float(random.integers(-2, 3)), nodes_missing_value_tracks_true=int(random.integers(2)),
               nodes_modes="LEAF" if is_leaf else str(random.choice(modes)), nodes_truenodeids=0, nodes_falsenodeids=0)
    for name, value in row.items():
        lists[name].append(value)
    if is_leaf:
        for target, weight in votes(random):
            for name, value in zip(("treeids", "nodeids", "ids", "weights"), (tree, place - first, target, weight)):
                lists["vote_" + name].append(value)
        return place - first
    lists["nodes_truenodeids"][place] = grow(random, lists, tree, depth - 1, modes, votes)
    lists["nodes_falsenodeids"][place] = grow(random, lists, tree, depth - 1, modes, votes)
    return place - first


def forest(seed, prefix, trees, depth, modes, votes, missing=True):
    names = ("nodes_treeids nodes_nodeids nodes_featureids nodes_values nodes_missing_value_tracks_true nodes_modes "
             "nodes_truenodeids nodes_falsenodeids vote_treeids vote_nodeids vote_ids vote_weights").split()
    lists, random = {name: [] for name in names}, np.random.default_rng(seed)
    for tree in range(trees):
        grow(random, lists, tree, depth, modes, votes)
    if not missing:
        del lists["nodes_missing_value_tracks_true"]
    return {name.replace("vote_", prefix + "_"): values for name, values in lists.items()}


def weight(random, positive=False):
    value = random.random() / 4 if positive else random.normal()
    return float(np.round(value, 2))


def samples(rows, kind=np.float32, missing=True):
    random = np.random.default_rng(rows)
    x = random.integers(-2, 3, (rows, 3)).astype(kind)
    if missing and x.dtype.kind == "f":
        x[random.random(x.shape) < 0.2] = np.nan
    return x


def as_doubles(attributes, *names):
    out = dict(attributes)
    for name in names:
        values = out.pop(name, None)
        if values is not None:
            out[name + "_as_tensor"] = helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], values)
    return out


def tree_classifiers():
    three = lambda r: [(k, weight(r)) for k in range(3)]
    some = lambda r: [(int(r.integers(3)), weight(r))]
    for i, mode in enumerate(MODES):
        add("TreeEnsembleClassifier", [samples(9)], outputs=2, classlabels_strings=["a", "b", "c"],
            **forest(i, "class", 2, 3, [mode], three))
    for i, post in enumerate(POSTS):
        add("TreeEnsembleClassifier", [samples(3)], outputs=2, classlabels_int64s=[5, 3, 8], post_transform=post,
            base_values=[0.25, 0.5, 0.125], tolerance=1e-3, **forest(10 + i, "class", 3, 3, MODES, some))
        for target in (0, 1):
            for positive in (False, True):
                one = lambda r: [(target, weight(r, positive))]
                for base in ([], [0.25], [0.25, 0.5]):
                    if post == "PROBIT" and (target == 0 and len(base) < 2 or positive):
                        continue  # one of the two scores is not written there
                    extra = dict(base_values=base) if base else {}
                    add("TreeEnsembleClassifier", [samples(2)], outputs=2, classlabels_int64s=[4, 9],
                        post_transform=post, tolerance=1e-3, **extra,
                        **forest(20 + i, "class", 2, 2, MODES[:4], one, missing=False))
    both = lambda r: [(k, weight(r)) for k in range(2)]
    add("TreeEnsembleClassifier", [samples(8)], outputs=2, classlabels_strings=["n", "y"],
        **forest(40, "class", 3, 4, MODES, both))
    for kind in (np.float64, np.int64, np.int32):
        add("TreeEnsembleClassifier", [samples(10, kind)], outputs=2, classlabels_int64s=[0, 1, 2],
            **forest(41, "class", 2, 3, MODES[:2], three))
    double = as_doubles(forest(42, "class", 2, 3, MODES, three), "nodes_values", "class_weights")
    add("TreeEnsembleClassifier", [samples(9, np.float64)], 3, outputs=2, classlabels_int64s=[0, 1, 2], **double)
    add("TreeEnsembleClassifier", [samples(1)], outputs=2, classlabels_int64s=[0, 1, 2],
        **forest(43, "class", 12, 3, ["BRANCH_LEQ"], three))
    add("TreeEnsembleClassifier", [samples(2)], outputs=2, classlabels_int64s=[7],
        **forest(44, "class", 2, 2, ["BRANCH_LEQ"], lambda r: [(0, weight(r))]))


def tree_regressors():
    two = lambda r: [(k, weight(r)) for k in range(2)]
    one = lambda r: [(0, weight(r))]
    for i, aggregate in enumerate(("SUM", "AVERAGE", "MIN", "MAX")):
        for rows in (2, 17):
            add("TreeEnsembleRegressor", [samples(rows)], n_targets=1, aggregate_function=aggregate, base_values=[0.5],
                **forest(50 + i, "target", 9, 2, ["BRANCH_LEQ"], one, missing=i % 2 == 0))
        add("TreeEnsembleRegressor", [samples(3)], n_targets=2, aggregate_function=aggregate,
            base_values=[0.5, -0.25], **forest(60 + i, "target", 3, 3, MODES, two))
    for post in POSTS:
        add("TreeEnsembleRegressor", [samples(3)], n_targets=2, post_transform=post, tolerance=1e-3,
            **forest(70, "target", 2, 2, MODES, two))
    double = as_doubles(forest(80, "target", 2, 3, MODES, two), "nodes_values", "target_weights")
    add("TreeEnsembleRegressor", [samples(9, np.float64)], 3, n_targets=2, **double)
    add("TreeEnsembleRegressor", [samples(0)], n_targets=2, **forest(81, "target", 1, 2, MODES, two))


def main():
    for make in (label_encoders, encoders, features, linear_models, support_vectors, tree_classifiers, tree_regressors):
        make()
    with open(sys.argv[1], "w") as out:
        out.write("\n\n".join(cases) + "\n")
    print("%d cases" % len(cases), file=sys.stderr)


if __name__ == "__main__":
    main()
