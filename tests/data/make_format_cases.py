"""Makes tests/data/formats: small files of every format, written by the packages that define them, and
beside them what they hold as text (NAME.txt: one line per array: name, type, shape, values).

Needs onnx 1.23, onnxruntime, numpy, ml_dtypes, pillow.
"""

import json
import pathlib
import struct
import zipfile
import zlib

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

folder = pathlib.Path(__file__).parent / "formats"
folder.mkdir(exist_ok=True)
random = np.random.default_rng(5)


def text_of(name, type_name, array):
    shape = "x".join(str(size) for size in array.shape) or "scalar"
    if type_name == "string":
        values = " ".join(json.dumps(str(value), ensure_ascii=False) for value in array.flatten())
    elif type_name.startswith("complex"):
        flat = array.flatten()
        values = " ".join(repr(float(part)) for value in flat for part in (value.real, value.imag))
    elif type_name.startswith(("int", "uint", "bool")):
        values = " ".join(str(int(value)) for value in array.flatten())
    else:
        values = " ".join(repr(float(value)) for value in array.flatten())
    return f"{name} {type_name} {shape} {values}".rstrip() + "\n"


def write_text(stem, lines):
    (folder / f"{stem}.txt").write_text("".join(lines), encoding="utf-8")


# ---- tensors of every type, raw and typed

types = [
    ("float32", TensorProto.FLOAT, np.float32),
    ("uint8", TensorProto.UINT8, np.uint8),
    ("int8", TensorProto.INT8, np.int8),
    ("uint16", TensorProto.UINT16, np.uint16),
    ("int16", TensorProto.INT16, np.int16),
    ("int32", TensorProto.INT32, np.int32),
    ("int64", TensorProto.INT64, np.int64),
    ("bool", TensorProto.BOOL, np.bool_),
    ("float16", TensorProto.FLOAT16, np.float16),
    ("float64", TensorProto.DOUBLE, np.float64),
    ("uint32", TensorProto.UINT32, np.uint32),
    ("uint64", TensorProto.UINT64, np.uint64),
    ("complex64", TensorProto.COMPLEX64, np.complex64),
    ("complex128", TensorProto.COMPLEX128, np.complex128),
    ("bfloat16", TensorProto.BFLOAT16, ml_dtypes.bfloat16),
    ("uint4", TensorProto.UINT4, ml_dtypes.uint4),
    ("int4", TensorProto.INT4, ml_dtypes.int4),
    ("uint2", TensorProto.UINT2, ml_dtypes.uint2),
    ("int2", TensorProto.INT2, ml_dtypes.int2),
]


def sample_values(name, dtype):
    if name.startswith("complex"):
        return np.array([1 + 2j, -0.5 + 0.25j, 3 - 4j, 0, 1e3j], dtype)
    if name in ("float32", "float64", "float16", "bfloat16"):
        return np.array([0.0, -1.5, 2.25, 1e4, -0.0078125], dtype)
    if name == "bool":
        return np.array([1, 0, 1, 1, 0], dtype)
    bits = int(name.lstrip("uint"))
    low = 0 if name.startswith("u") else -(2 ** (bits - 1))
    high = 2**bits - 1 if name.startswith("u") else 2 ** (bits - 1) - 1
    return np.array([low, high, 1, 0, high - 1], dtype=np.dtype(dtype))


def typed_tensor(name, kind, array):
    if name == "complex64" or name == "complex128":
        return helper.make_tensor(f"{name}_typed", kind, array.shape, array.tolist())
    return helper.make_tensor(f"{name}_typed", kind, array.shape, array.astype(array.dtype).tolist())


def make_types():
    tensors, lines = [], []
    for name, kind, dtype in types:
        array = sample_values(name, dtype)
        raw = numpy_helper.from_array(array, f"{name}_raw")
        assert raw.data_type == kind and raw.HasField("raw_data")
        typed = typed_tensor(name, kind, array)
        assert not typed.HasField("raw_data"), name
        for tensor in (raw, typed):
            tensors.append(tensor)
            wide = array if name.startswith("complex") else array.astype(np.float64)
            if name in ("int64", "uint64"):
                wide = array
            lines.append(text_of(tensor.name, name, wide))
    strings = np.array(["", "one", "zwei drei", "чотири"], dtype=object)
    tensors.append(
        helper.make_tensor("string_typed", TensorProto.STRING, [2, 2], [s.encode() for s in strings])
    )
    lines.append(text_of("string_typed", "string", strings.reshape(2, 2)))
    tensors.append(helper.make_tensor("empty", TensorProto.FLOAT, [0, 3], []))
    lines.append("empty float32 0x3\n")
    tensors.append(numpy_helper.from_array(np.float32(7.5), "scalar"))
    lines.append("scalar float32 scalar 7.5\n")
    # Elements one by one instead of in one packed run.
    loose = helper.make_tensor("loose", TensorProto.INT64, [3], [1, -2, 1 << 40])
    tensors.append(loose)
    lines.append(f"loose int64 3 1 -2 {1 << 40}\n")
    values = TensorProto()
    values.CopyFrom(helper.make_tensor("sparse", TensorProto.FLOAT, [2], [5.0, 6.0]))
    indices = helper.make_tensor("sparse_indices", TensorProto.INT64, [2], [1, 5])
    sparse = helper.make_sparse_tensor(values, indices, [2, 3])
    lines.append("sparse float32 2x3 0.0 5.0 0.0 0.0 0.0 6.0\n")
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["scalar"], ["y"])],
        "types",
        [],
        [output],
        tensors,
        sparse_initializer=[sparse],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=13)
    data = model.SerializeToString()
    # The packed run of `loose` (field 7, 3 varints) becomes three fields.
    packed = b"\x3a\x11\x01\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x80\x80\x80\x80\x80\x20"
    unpacked = b"\x38\x01\x38\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x38\x80\x80\x80\x80\x80\x20"
    assert data.count(packed) == 1
    (folder / "types.onnx").write_bytes(relength(data, packed, unpacked))
    write_text("types", lines)


def relength(data, old, new):
    """Replaces bytes inside an initialiser of the graph, keeping the lengths around them right."""

    def varint(value):
        out = b""
        while value >= 0x80:
            out += bytes([value & 0x7F | 0x80])
            value >>= 7
        return out + bytes([value])

    def fields(message):
        at = 0
        while at < len(message):
            start, tag, shift = at, 0, 0
            while True:
                byte = message[at]
                tag |= (byte & 0x7F) << shift
                at += 1
                shift += 7
                if byte < 0x80:
                    break
            if tag & 7 == 2:
                size, shift = 0, 0
                while True:
                    byte = message[at]
                    size |= (byte & 0x7F) << shift
                    at += 1
                    shift += 7
                    if byte < 0x80:
                        break
                yield tag, message[at : at + size], None
                at += size
            else:
                while message[at] >= 0x80 and tag & 7 == 0:
                    at += 1
                at += {0: 1, 1: 8, 5: 4}[tag & 7]
                yield tag, None, message[start:at]

    def rebuild(message, path):
        if not path:
            return message.replace(old, new)
        out = b""
        for tag, content, verbatim in fields(message):
            if content is None:
                out += verbatim
                continue
            if tag >> 3 == path[0]:
                content = rebuild(content, path[1:])
            out += varint(tag) + varint(len(content)) + content
        return out

    return rebuild(data, [7, 5])


# ---- external data


def external(name, shape, location, **keys):
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **keys}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def initializer_model(tensors, **options):
    info = helper.make_tensor_value_info("y", TensorProto.FLOAT, list(tensors[0].dims))
    node = helper.make_node("Identity", [tensors[0].name], ["y"])
    graph = helper.make_graph([node], "g", [], [info], tensors)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, **options
    )


def make_external():
    array = random.standard_normal((3, 4)).astype(np.float32)
    (folder / "external.bin").write_bytes(b"seventeen bytes.." + array.tobytes())
    tensors = [
        external("w", [3, 4], "external.bin", offset=17, length=48),
        external("tail", [4], "external.bin", offset=49),
    ]
    (folder / "external.onnx").write_bytes(initializer_model(tensors).SerializeToString())
    write_text(
        "external", [text_of("w", "float32", array), text_of("tail", "float32", array.flatten()[8:])]
    )


# ---- functions and bodies


def make_functions():
    f = helper.make_node
    scale = helper.make_function(
        "local",
        "Scale",
        ["a", "bias"],
        ["out"],
        [
            make_ref_constant(),
            f("Mul", ["a", "k"], ["t"], name="multiply"),
            f("Add", ["t", "bias"], ["out"]),
        ],
        [helper.make_opsetid("", 17)],
        attributes=["factor"],
    )
    leaky = helper.make_node("LeakyRelu", ["s"], ["u"], name="leak")
    leaky.attribute.append(reference("alpha", "slope", onnx.AttributeProto.FLOAT))
    call = helper.make_node("Scale", ["v", "c"], ["s"], domain="local", name="inner")
    call.attribute.append(reference("factor", "gain", onnx.AttributeProto.FLOAT))
    block = helper.make_function(
        "local",
        "Block",
        ["v", "c", "unused"],
        ["u", "second"],
        [call, leaky, f("Neg", ["u"], ["second"])],
        [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)],
        attributes=["gain"],
        attribute_protos=[helper.make_attribute("slope", 0.5)],
    )
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, [2, 3])
    bias = numpy_helper.from_array(np.array([0.5, -1.0, 2.0], np.float32), "t")
    graph = helper.make_graph(
        [
            f("Block", ["x", "t"], ["m", ""], domain="local", name="first", gain=2.0),
            f("Block", ["m", "t"], ["y", "z"], domain="local", name="again", gain=-1.0, slope=0.1),
        ],
        "functions",
        [x],
        [y, z],
        [bias],
    )
    model = helper.make_model(
        graph,
        functions=[scale, block],
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("local", 1)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    (folder / "functions.onnx").write_bytes(model.SerializeToString())
    feed = (np.arange(6, dtype=np.float32).reshape(2, 3) - 2.5) / 2
    outputs = run(model, {"x": feed})
    write_text("functions", [text_of("x", "float32", feed)] +
               [text_of(n, "float32", o) for n, o in zip("yz", outputs)])


def make_ref_constant():
    node = helper.make_node("Constant", [], ["k"])
    node.attribute.append(reference("value_float", "factor", onnx.AttributeProto.FLOAT))
    return node


def reference(name, outer, kind):
    attribute = onnx.AttributeProto(name=name, ref_attr_name=outer, type=kind)
    return attribute


def run(model, feeds):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)


def make_bodies():
    f = helper.make_node
    info = helper.make_tensor_value_info
    then = helper.make_graph(
        [f("Add", ["x", "w"], ["then_y"])], "then", [], [info("then_y", TensorProto.FLOAT, [3])]
    )
    inner = helper.make_graph(
        [f("Mul", ["x", "h"], ["inner_y"])], "inner", [], [info("inner_y", TensorProto.FLOAT, [3])]
    )
    other = helper.make_graph(
        [f("Sub", ["x", "local"], ["else_y"])],
        "else",
        [],
        [info("else_y", TensorProto.FLOAT, [3])],
        [numpy_helper.from_array(np.array([9, 9, 9], np.float32), "local")],
    )
    nested = helper.make_graph(
        [f("If", ["c"], ["nested_y"], name="deeper", then_branch=inner, else_branch=other)],
        "nested",
        [],
        [info("nested_y", TensorProto.FLOAT, [3])],
    )
    graph = helper.make_graph(
        [
            f("Relu", ["x"], ["h"], name="relu"),
            f("If", ["c"], ["y"], name="choose", then_branch=then, else_branch=nested),
        ],
        "bodies",
        [info("c", TensorProto.BOOL, []), info("x", TensorProto.FLOAT, [3])],
        [info("y", TensorProto.FLOAT, [3])],
        [numpy_helper.from_array(np.array([1, 2, 3], np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    (folder / "bodies.onnx").write_bytes(model.SerializeToString())


# ---- everything that a file may say beside the graph


def unknown(message, mark):
    """Adds field 2000 with these bytes, which no version of ONNX has."""
    payload = mark.encode()
    message.MergeFromString(b"\x82\x7d" + bytes([len(payload)]) + payload)


def make_rich():
    f, info = helper.make_node, helper.make_tensor_value_info
    weight = numpy_helper.from_array(np.array([1, 2], np.float32), "w")
    weight.doc_string = "mark initializer doc!"
    weight.metadata_props.add(key="k", value="mark initializer metadata!")
    unknown(weight, "mark initializer unknown!")
    x = info("x", TensorProto.FLOAT, ["N", 2])
    x.doc_string = "mark input doc!"
    x.type.denotation = "mark type denotation!"
    x.type.tensor_type.shape.dim[1].denotation = "mark dim denotation!"
    unknown(x, "mark input unknown!")
    node = f("Add", ["x", "w"], ["h"], name="add", doc_string="mark node doc!", domain="ai.onnx")
    node.metadata_props.add(key="k", value="mark node metadata!")
    unknown(node, "mark node unknown!")
    constant = f("Constant", [], ["k"], value=numpy_helper.from_array(np.array([3, 4], np.float32), "mark tensor name!"))
    constant.attribute[0].doc_string = "mark attribute doc!"
    unknown(constant.attribute[0], "mark attribute unknown!")
    unknown(constant.attribute[0].t, "mark tensor unknown!")
    strange = f(
        "Strange",
        ["h", "k"],
        ["y", "s"],
        name="strange",
        domain="example.com",
        numbers=[1, 2, 3],
        floats=[0.5, 1.5],
        names=["mark string one!", "mark string two!"],
        pair=[numpy_helper.from_array(np.array([5], np.int8)), numpy_helper.from_array(np.array([6], np.int8))],
        kind=helper.make_tensor_type_proto(TensorProto.INT8, ["mark type symbol!"]),
    )
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    h = info("h", TensorProto.FLOAT, ["N", 2], doc_string="mark value doc!")
    graph = helper.make_graph(
        [node, constant, strange],
        "rich",
        [x],
        [info("y", TensorProto.FLOAT, ["N", "mark output symbol!"]), sequence],
        [weight],
        doc_string="mark graph doc!",
        value_info=[h],
    )
    graph.metadata_props.add(key="k", value="mark graph metadata!")
    annotation = graph.quantization_annotation.add(tensor_name="h")
    annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="mark annotation!")
    unknown(graph, "mark graph unknown!")
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("example.com", 3)],
        ir_version=11,
        producer_name="mark producer!",
        producer_version="mark producer version!",
        doc_string="mark model doc!",
        domain="mark domain!",
        model_version=42,
    )
    helper.set_model_props(model, {"author": "mark author!", "empty": ""})
    training = model.training_info.add()
    training.initialization.CopyFrom(
        helper.make_graph([f("Identity", ["w"], ["v"])], "mark training!", [], [], [weight])
    )
    configuration = model.configuration.add(name="mark configuration!", num_devices=2)
    configuration.device.append("mark device!")
    unknown(model, "mark model unknown!")
    (folder / "rich.onnx").write_bytes(model.SerializeToString())


# ---- numpy


def make_arrays():
    arrays = {
        "f4": np.array([[1.5, -2.0], [0.0, 1e30]], np.float32),
        "f8": np.array([1 / 3, -1e300]),
        "f2": np.array([1.0, -0.5], np.float16),
        "u1": np.array([0, 255], np.uint8),
        "i1": np.array([-128, 127], np.int8),
        "u2": np.array([0, 65535], np.uint16),
        "i2": np.array([-32768, 32767], np.int16),
        "u4": np.array([0, 2**32 - 1], np.uint32),
        "i4": np.array([-(2**31), 2**31 - 1], np.int32),
        "u8": np.array([0, 2**63], np.uint64),
        "i8": np.array([-(2**63), 2**63 - 1], np.int64),
        "b1": np.array([True, False]),
        "c8": np.array([1 + 2j], np.complex64),
        "c16": np.array([-3 + 0.5j]),
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 4), np.float32),
        "fortran": np.asfortranarray(np.arange(24, dtype=np.int32).reshape(2, 3, 4)),
        "big": np.arange(3, dtype=">f4") + np.float32(0.25),
        "big_complex": np.array([1 - 2j], dtype=">c8"),
        "unicode": np.array([["a", "drei"], ["", "чотири"]]),
        "bytes": np.array([b"ab", b"c"]),
    }
    names = {"f": "float", "u": "uint", "i": "int", "b": "bool", "c": "complex"}
    lines = []
    for key, array in arrays.items():
        kind = array.dtype.kind
        if kind in "US":
            type_name, shown = "string", array.astype(str)
        else:
            type_name = "bool" if kind == "b" else names[kind] + str(array.dtype.itemsize * 8)
            shown = array
        lines.append(text_of(key, type_name, shown))
    np.savez(folder / "stored.npz", **arrays)
    np.savez_compressed(folder / "deflated.npz", **arrays)
    write_text("arrays", lines)
    with zipfile.ZipFile(folder / "zip64.npz", "w") as archive:
        with archive.open("x.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array(stream, arrays["f4"])
    np.save(folder / "plain.npy", arrays["f4"])
    np.save(folder / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(folder / "record.npy", np.zeros(1, dtype=[("a", "f4")]))


def make_tensor_files():
    array = np.array([[1, 2, 3]], np.int64)
    (folder / "tensor.pb").write_bytes(numpy_helper.from_array(array, "named").SerializeToString())


# ---- images


def png(width, height, depth, colour, rows, extra=b""):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = b"".join(b"\0" + row for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )


def make_images():
    colour = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    gray = random.integers(0, 256, (5, 4), dtype=np.uint8)
    alpha = np.concatenate([colour, random.integers(1, 256, (6, 8, 1), dtype=np.uint8)], axis=2)
    (folder / "rgb.png").write_bytes(png(8, 6, 8, 2, [row.tobytes() for row in colour]))
    (folder / "gray.png").write_bytes(png(4, 5, 8, 0, [row.tobytes() for row in gray]))
    (folder / "rgba.png").write_bytes(png(8, 6, 8, 6, [row.tobytes() for row in alpha]))
    image = Image.fromarray(colour)
    image.quantize(16).save(folder / "palette.png")
    palette = np.array(Image.open(folder / "palette.png").convert("RGB"))
    smooth = np.fromfunction(lambda y, x, c: 40 + 9 * x + 5 * y + 20 * c, (16, 20, 3))
    photo = Image.fromarray(smooth.astype(np.uint8))
    photo.save(folder / "photo.jpg", quality=92)
    photo.convert("L").save(folder / "gray.jpg", quality=92)
    photo.convert("CMYK").save(folder / "cmyk.jpg")
    decoded = Image.open(folder / "photo.jpg").convert("RGB")
    lines = [
        text_of("rgb", "uint8", colour),
        text_of("gray", "uint8", np.repeat(gray[:, :, None], 3, axis=2)),
        text_of("palette", "uint8", palette),
        text_of("photo", "uint8", np.array(decoded)),
        text_of("photo_small", "uint8", np.array(decoded.resize((7, 5), Image.BILINEAR))),
        text_of("photo_large", "uint8", np.array(decoded.resize((31, 18), Image.BILINEAR))),
        text_of("photo_luma", "uint8", np.array(decoded.convert("L"))),
    ]
    write_text("images", lines)


# ---- audio


def make_audio():
    left = np.array([0, 16384, -32768, 32767, 8192, -8192, 0], np.int16)
    right = np.array([0, -16384, -32768, 32767, 0, 8192, 0], np.int16)
    data = np.stack([left, right], axis=1).astype("<i2").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 2, 16000, 64000, 4, 16, b"data", len(data))
    (folder / "stereo.wav").write_bytes(head + data)
    mixed = (left / 32768 + right / 32768) / 2
    write_text("audio", [text_of("stereo", "float32", mixed.astype(np.float32))])


make_types()
make_external()
make_functions()
make_bodies()
make_rich()
make_arrays()
make_tensor_files()
make_images()
make_audio()
