"""Writes tests/data/collections: models of control flow, containers, strings and shapes that values decide,
with inputs and the outputs of ONNX Runtime, in the layout of the standard's cases.

    make_collection_cases.py FOLDER     needs onnx, onnxruntime, numpy
"""

import os
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper, parser

OUT = sys.argv[1]
rng = np.random.default_rng(7)


def save(path, value, name):
    if isinstance(value, list):
        proto = numpy_helper.from_list(value, name)
    else:
        proto = numpy_helper.from_array(np.asarray(value), name)
    with open(path, "wb") as file:
        file.write(proto.SerializeToString())


def case(name, text, *inputs, opset=17, ir=8, outputs=None):
    """`outputs`: where ONNX Runtime lacks the operator, what the standard says."""
    head = f'<ir_version: {ir}, opset_import: ["" : {opset}]>\n'
    model = parser.parse_model(head + "g " + text)
    onnx.checker.check_model(model, full_check=False)
    feeds = {value.name: data for value, data in zip(model.graph.input, inputs)}
    if outputs is None:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        outputs = session.run(None, feeds)
    folder = os.path.join(OUT, name, "test_data_set_0")
    os.makedirs(folder)
    onnx.save(model, os.path.join(OUT, name, "model.onnx"))
    for kind, values, infos in (("input", inputs, model.graph.input), ("output", outputs, model.graph.output)):
        for i, (value, info) in enumerate(zip(values, infos)):
            save(os.path.join(folder, f"{kind}_{i}.pb"), value, info.name)


def f32(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def i64(*values):
    return np.array(values, np.int64)


def text(values, shape=None):
    array = np.array(values, object)
    return array if shape is None else array.reshape(shape)


LOOP = """(int64 n, bool go, float[3] x) => (float[3] last, float[k, 3] all, int64[k] steps) {
  limit = Constant<value = float {LIMIT}>()
  last, all, steps = Loop(n, go, x) <body = b (int64 i, bool c, float[3] v) =>
      (bool c2, float[3] v2, float[3] row, int64 step) {
    v2 = Add(v, x)
    row = Mul(v2, v)
    step = Identity(i)
    sum = ReduceSum<keepdims = 0>(v2)
    c2 = Less(sum, limit)
  }>
}"""

if os.path.isdir(OUT):
    shutil.rmtree(OUT)
ones = np.ones(3, np.float32)
yes, no = np.array(True), np.array(False)
case("loop_counted", LOOP.replace("LIMIT", "1000"), np.array(4, np.int64), yes, ones)
case("loop_stops_early", LOOP.replace("LIMIT", "20"), np.array(2**62, np.int64), yes, ones)
case("loop_false_at_once", LOOP.replace("LIMIT", "20"), np.array(5, np.int64), no, ones)
case("loop_zero_trips", LOOP.replace("LIMIT", "20"), np.array(0, np.int64), yes, ones)
case("loop_without_count", """(bool go, float x) => (float y) {
  limit = Constant<value = float {100.0}>()
  y = Loop("", go, x) <body = b (int64 i, bool c, float v) => (bool c2, float v2) {
    v2 = Add(v, v)
    c2 = Less(v2, limit)
  }>
}""", yes, np.array(3, np.float32))
case("loop_without_condition", """(int64 n, float[2] x) => (float[2] y, float[n, 1, 2] rows) {
  y, rows = Loop(n, "", x) <body = b (int64 i, bool c, float[2] v) => (bool c2, float[2] v2, float[1, 2] row) {
    c2 = Identity(c)
    v2 = Mul(v, v)
    axes = Constant<value = int64[1] {0}>()
    row = Unsqueeze(v2, axes)
  }>
}""", np.array(3, np.int64), np.array([0.5, 1.5], np.float32))
case("loop_nested_captures", """(int64 n, float[2] x) => (float[2] y, float[k, m] table) {
  yes = Constant<value = bool {1}>()
  y, table = Loop(n, yes, x) <body = outer (int64 i, bool c, float[2] v) => (bool c2, float[2] v2, float[m] row) {
    c2 = Identity(c)
    three = Constant<value = int64 {3}>()
    v2, row = Loop(three, yes, v) <body = inner (int64 j, bool d, float[2] w) => (bool d2, float[2] w2, float cell) {
      d2 = Identity(d)
      total = Add(i, j)
      scale = Cast<to = 1>(total)
      scaled = Mul(x, scale)
      w2 = Add(w, scaled)
      cell = ReduceMax<keepdims = 0>(w2)
    }>
  }>
}""", np.array(2, np.int64), np.array([1, -2], np.float32))
case("loop_strings", """(int64 n, string[2] x) => (string[2] y, string[k, 2] rows) {
  yes = Constant<value = bool {1}>()
  y, rows = Loop(n, yes, x) <body = b (int64 i, bool c, string[2] v) => (bool c2, string[2] v2, string[2] row) {
    c2 = Identity(c)
    v2 = StringConcat(v, x)
    row = Identity(v2)
  }>
}""", np.array(3, np.int64), text(["a", "ü"]), opset=20, ir=9)
case("loop_sequence", """(int64 n, float[4, 2] x) => (seq(float[r, 2]) y, int64 count) {
  yes = Constant<value = bool {1}>()
  none = SequenceEmpty<dtype = 1>()
  y = Loop(n, yes, none) <body = b (int64 i, bool c, seq(float[r, 2]) s) => (bool c2, seq(float[r, 2]) s2) {
    c2 = Identity(c)
    zero = Constant<value = int64[1] {0}>()
    one = Constant<value = int64[1] {1}>()
    shape = Reshape(i, one)
    end = Add(shape, one)
    part = Slice(x, zero, end, zero)
    s2 = SequenceInsert(s, part)
  }>
  count = SequenceLength(y)
}""", np.array(3, np.int64), f32(4, 2))
SCAN = """(float[2] a, float[3, 4, 2] x, float[4, 3] z) => (float[2] b, float[2, 4] up, float[4, 2] down) {
  b, up, down = Scan<num_scan_inputs = 2, scan_input_axes = [AXES], scan_input_directions = [1, 0],
      scan_output_axes = [1, 0], scan_output_directions = [0, 1], body = s (float[2] v, float[3, 2] p, float[3] q) =>
      (float[2] v2, float[2] r, float[2] t) {
    axes = Constant<value = int64[1] {1}>()
    column = Unsqueeze(q, axes)
    scaled = Mul(p, column)
    first = Constant<value = int64[1] {0}>()
    summed = ReduceSum<keepdims = 0>(scaled, first)
    v2 = Add(v, summed)
    r = Identity(v2)
    t = Neg(v2)
  }>(a, x, z)
}"""
case("scan_axes_directions", SCAN.replace("AXES", "1, 0"), f32(2), f32(3, 4, 2), f32(4, 3))
case("scan_negative_axes", SCAN.replace("AXES", "-2, -2"), f32(2), f32(3, 4, 2), f32(4, 3), opset=19)
SCAN8 = """(int64[2] lens, float[2, 3] a, float[2, 4, 3] x) => (float[2, 3] b, float[2, 4, 3] all) {
  b, all = Scan<num_scan_inputs = 1, directions = [DIR], body = s (float[3] v, float[3] p) => (float[3] v2, float[3] r) {
    v2 = Add(v, p)
    r = Identity(v2)
  }>(lens, a, x)
}"""
case("scan_8_lengths", SCAN8.replace("DIR", "0"), i64(2, 4), f32(2, 3), f32(2, 4, 3), opset=8, ir=4)
case("scan_8_backwards", SCAN8.replace("DIR", "1"), i64(4, 3), f32(2, 3), f32(2, 4, 3), opset=8, ir=4)
IF = """(bool c, float[2, 3] x) => (float y, float[n, m] z) {
  y, z = If(c) <then_branch = t () => (float p, float[n, m] q) {
    p = ReduceMax<keepdims = 0>(x)
    q = Transpose(x)
  }, else_branch = e () => (float p2, float[n, m] q2) {
    p2 = ReduceMin<keepdims = 0>(x)
    inner = Greater(p2, p2)
    q2 = If(inner) <then_branch = t2 () => (float[n, m] u) { u = Neg(x) },
                    else_branch = e2 () => (float[n, m] w) { w = Concat<axis = 0>(x, x) }>
  }>
}"""
case("if_then", IF, yes, f32(2, 3))
case("if_else_nested", IF, no, f32(2, 3))
case("sequence_edits", """(float[2, 2] a, float[1, 2] b) => (seq(float[n, 2]) s, seq(float[n, 2]) t, seq(float[n, 2]) u, float[k, 2] j, int64 n) {
  minus = Constant<value = int64 {-1}>()
  zero = Constant<value = int64 {0}>()
  s0 = SequenceConstruct(a, b, a)
  s = SequenceInsert(s0, b, minus)
  t = SequenceErase(s, zero)
  u = SequenceErase(s)
  j = ConcatFromSequence<axis = 0>(t)
  n = SequenceLength(t)
}""", f32(2, 2), f32(1, 2))
case("sequence_strings", """(string[3] a, string[3] b) => (seq(string[3]) s, string[3, 2] j, string[3] first) {
  s = SequenceConstruct(a, b)
  zero = Constant<value = int64 {0}>()
  first = SequenceAt(s, zero)
  j = ConcatFromSequence<axis = 1, new_axis = 1>(s)
}""", text(["x", "", "zé"]), text(["1", "2", "3"]))
case("sequence_stack_last_axis", """(float[2, 3] a, float[2, 3] b) => (float[2, 3, 2] j, float[2, 6] k) {
  s = SequenceConstruct(a, b)
  j = ConcatFromSequence<axis = -1, new_axis = 1>(s)
  k = ConcatFromSequence<axis = -1>(s)
}""", f32(2, 3), f32(2, 3))
case("sequence_input", """(seq(float[n]) s, int64 at) => (float[n] x, seq(float[n]) t) {
  x = SequenceAt(s, at)
  t = SequenceErase(s, at)
}""", [f32(3), f32(1), f32(0)], np.array(-2, np.int64))
case("split_chunks", """(float[2, 5] x, int64 each, int64[3] parts) => (seq(float[2, n]) s, seq(float[2, n]) t, seq(float[2]) u) {
  s = SplitToSequence<axis = 1>(x, each)
  t = SplitToSequence<axis = -1>(x, parts)
  u = SplitToSequence<axis = 1, keepdims = 0>(x)
}""", f32(2, 5), np.array(2, np.int64), i64(1, 0, 4))
case("sequence_map_two_outputs", """(seq(float[n]) s, float[1] x) => (seq(float[n]) a, seq(float) b) {
  a, b = SequenceMap(s, x) <body = m (float[n] v, float[1] w) => (float[n] p, float q) {
    p = Mul(v, w)
    q = ReduceSum<keepdims = 0>(p)
  }>
}""", [f32(3), f32(1), f32(4)], f32(1))

for dtype, name in ((np.float32, "float"), (np.int32, "int32"), (np.uint8, "uint8"), (np.bool_, "bool")):
    data = rng.integers(0, 2, (2, 3, 4)).astype(dtype)
    case(f"nonzero_{name}", f"({name}[2, 3, 4] x) => (int64[3, n] y) {{ y = NonZero(x) }}", data)
case("nonzero_none", "(float[0, 3] x) => (int64[2, n] y) { y = NonZero(x) }", f32(0, 3))
case("nonzero_then_gather", """(float[3, 4] x) => (float[n] y) {
  zero = Constant<value = float {0.0}>()
  above = Greater(x, zero)
  places = NonZero(above)
  index = Transpose(places)
  y = GatherND(x, index)
}""", f32(3, 4))
UNIQUE = "y, first, inverse, counts = Unique<ATTRS>(x)"
for attrs, label in (("sorted = 1", "sorted"), ("sorted = 0", "unsorted")):
    for dtype, name in ((np.float32, "float"), (np.int8, "int8"), (np.int64, "int64"), (np.float64, "double")):
        data = (rng.integers(-3, 4, (4, 3)) * 1).astype(dtype)
        case(f"unique_{label}_{name}", f"""({name}[4, 3] x) => ({name}[n] y, int64[n] first, int64[m] inverse, int64[n] counts) {{
          {UNIQUE.replace('ATTRS', attrs)}
        }}""", data)
        case(f"unique_{label}_axis_{name}", f"""({name}[2, 6, 2] x) => ({name}[2, n, 2] y, int64[n] first, int64[m] inverse, int64[n] counts) {{
          {UNIQUE.replace('ATTRS', attrs + ', axis = 1')}
        }}""", (rng.integers(0, 2, (2, 6, 2)) - 1).astype(dtype))
    case(f"unique_{label}_string", f"""(string[5] x) => (string[n] y, int64[n] first, int64[m] inverse, int64[n] counts) {{
      {UNIQUE.replace('ATTRS', attrs)}
    }}""", text(["b", "ä", "", "b", "aa"]))
case("compress_short_condition", "(float[3, 4] x, bool[2] c) => (float[n, 4] y) { y = Compress<axis = 0>(x, c) }",
     f32(3, 4), np.array([False, True]))
case("compress_flat", "(int8[3, 4] x, bool[7] c) => (int8[n] y) { y = Compress(x, c) }",
     rng.integers(-9, 9, (3, 4)).astype(np.int8), np.array([1, 1, 0, 0, 1, 0, 1], bool))
case("compress_strings", "(string[2, 3] x, bool[3] c) => (string[2, n] y) { y = Compress<axis = -1>(x, c) }",
     text(list("abcdef"), (2, 3)), np.array([True, False, True]))
case("compress_nothing", "(float[3, 4] x, bool[3] c) => (float[n, 4] y) { y = Compress<axis = 0>(x, c) }",
     f32(3, 4), np.zeros(3, bool))
corners = rng.random((2, 40, 4)).astype(np.float32)
scores = rng.random((2, 3, 40)).astype(np.float32)
NMS = """(float[2, 40, 4] b, float[2, 3, 40] s) => (int64[n, 3] y) {
  most = Constant<value = int64[1] {7}>()
  overlap = Constant<value = float[1] {0.4}>()
  low = Constant<value = float[1] {0.3}>()
  y = NonMaxSuppression<center_point_box = CENTER>(b, s, most, overlapLOW)
}"""
case("suppression_corners", NMS.replace("CENTER", "0").replace("LOW", ", low"), corners, scores)
case("suppression_centres", NMS.replace("CENTER", "1").replace("LOW", ", low"), corners, scores)
case("suppression_10", NMS.replace("CENTER", "0").replace("LOW", ""), corners, scores, opset=10, ir=5)
case("suppression_default_is_none", "(float[2, 40, 4] b, float[2, 3, 40] s) => (int64[n, 3] y) { y = NonMaxSuppression(b, s) }",
     corners, scores)

words = text(["Été", "monday", "STRASSE", "MONDAY", "ÀÖŸ", "tuesday"])
for change in ("NONE", "LOWER", "UPPER"):
    for sensitive in (0, 1):
        case(f"normalizer_{change.lower()}_{sensitive}", f"""(string[6] x) => (string[n] y) {{
          y = StringNormalizer<case_change_action = "{change}", is_case_sensitive = {sensitive},
                               stopwords = ["monday", "TUESDAY"], locale = "C.UTF-8">(x)
        }}""", words)
case("normalizer_row", """(string[1, 6] x) => (string[1, n] y) {
  y = StringNormalizer<case_change_action = "NONE", is_case_sensitive = 1, stopwords = ["monday"], locale = "C.UTF-8">(x)
}""", words.reshape(1, 6))
case("split_words", """(string[2, 2] x) => (string[2, 2, n] y, int64[2, 2] z, string[2, 2, m] u, int64[2, 2] w) {
  y, z = StringSplit(x)
  u, w = StringSplit<delimiter = "--", maxsplit = 1>(x)
}""", text(["a b  c", " x--y--z ", " ", "--"], (2, 2)), opset=20, ir=9)
case("concat_words", "(string[2, 1] x, string[3] y) => (string[2, 3] z) { z = StringConcat(x, y) }",
     text(["a", ""], (2, 1)), text(["", "ß", "c"]), opset=20, ir=9)
for i, pattern in enumerate((r"a+b?", r"(foo|foobar)", r"(?i)straSSe\\d{2,3}", r"[^\\W\\d_]+", r"\\p{Greek}+", r".*", r"(?s).*", r"a|ab|abc$")):
    case(f"match_{i}", f"""(string[11] x) => (bool[11] y) {{ y = RegexFullMatch<pattern = "{pattern}">(x) }}""",
         text(["aab", "foobar", "STRASSE12", "αβγ", "", "a\nb", "abc", "ab", "abc\n", "foo", "Zz9"]), opset=20, ir=9)
GRAMS = "mode = \"MODE\", min_gram_length = 1, max_gram_length = 3, max_skip_count = 2, ngram_counts = [0, 2, 6], ngram_indexes = [4, 0, 2, 1, 3]"
for mode in ("TF", "IDF", "TFIDF"):
    attrs = GRAMS.replace("MODE", mode) + ", weights = [0.5, 1.5, 2.5, 3.5, 4.5]"
    case(f"grams_{mode.lower()}_int32", f"""(int32[2, 7] x) => (float[2, 5] y) {{
      y = TfIdfVectorizer<{attrs}, pool_int64s = [1, 2, 1, 2, 2, 1, 1, 2, 3]>(x)
    }}""", rng.integers(1, 4, (2, 7)).astype(np.int32))
    case(f"grams_{mode.lower()}_string", f"""(string[7] x) => (float[5] y) {{
      y = TfIdfVectorizer<{attrs}, pool_strings = ["a", "b", "a", "b", "b", "a", "a", "b", "c"]>(x)
    }}""", text(list("abcabab")))
print(len(os.listdir(OUT)), "cases")
