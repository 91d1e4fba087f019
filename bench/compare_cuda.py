#!/usr/bin/env python3
"""Times nnopt and its peers on the same models on an NVIDIA GPU, in alternating slots of one run.

    python3 bench/networks.py build/networks
    python3 bench/compare_cuda.py --nnopt build/nnopt --precision fp16 build/networks/resnet50.onnx

A developer's tool. Peers are used where they can be imported: PyTorch (eager, torch.compile, and compiled
with CUDA graphs), ONNX Runtime's CUDA provider, TensorRT through ONNX Runtime's provider. For PyTorch a
model's nodes are written out as a straight-line function of torch calls, so that no interpreter counts;
a model with operators beyond OPERATORS is not timed there. Inputs and outputs stay on the device for
PyTorch; nnopt and ONNX Runtime copy them, which is said to their cost. Prints minima in milliseconds and
the ratio of nnopt's minimum to each peer's. --json writes them, again after each model. A peer that does not
start within --start seconds (torch.compile may take minutes) is left out, and after --limit seconds no further
model is begun.
"""

import argparse
import json
import pathlib
import signal
import subprocess
import tempfile
import time

import numpy
import onnx
from onnx import numpy_helper

# ---- a model as torch code ----


def pair(values, default):
    return tuple(values) if values else default


def pads_of(node, rank):
    pads = node.get("pads") or [0] * (2 * rank)
    begin, end = pads[:rank], pads[rank:]
    return tuple(begin), begin == end, [p for i in reversed(range(rank)) for p in (begin[i], end[i])]


def convolution(node, inputs):
    rank = len(node["kernel_shape"]) if "kernel_shape" in node else 2
    begin, symmetric, both = pads_of(node, rank)
    x = inputs[0] if symmetric else f"F.pad({inputs[0]}, {both})"
    bias = inputs[2] if len(inputs) > 2 else "None"
    return (f"F.conv{rank}d({x}, {inputs[1]}, {bias}, {pair(node.get('strides'), (1,) * rank)}, "
            f"{begin if symmetric else (0,) * rank}, {pair(node.get('dilations'), (1,) * rank)}, {node.get('group', 1)})")


def pooling(node, inputs, kind):
    rank = len(node["kernel_shape"])
    begin, symmetric, both = pads_of(node, rank)
    fill = float("-inf") if kind == "max" else 0.0
    x = inputs[0] if symmetric else f"F.pad({inputs[0]}, {both}, value=float('{fill}'))"
    extra = ""
    if kind == "avg":
        extra = f", count_include_pad={bool(node.get('count_include_pad', 0))}"
    return (f"F.{kind}_pool{rank}d({x}, {tuple(node['kernel_shape'])}, {pair(node.get('strides'), (1,) * rank)}, "
            f"{begin if symmetric else (0,) * rank}, ceil_mode={bool(node.get('ceil_mode', 0))}{extra})")


def gemm(node, inputs):
    a = inputs[0] + (".t()" if node.get("transA") else "")
    b = inputs[1] + (".t()" if node.get("transB") else "")
    product = f"torch.matmul({a}, {b}) * {node.get('alpha', 1.0)}"
    return product + (f" + {node.get('beta', 1.0)} * {inputs[2]}" if len(inputs) > 2 else "")


def layer_norm(node, inputs):
    axis = node.get("axis", -1)
    bias = inputs[2] if len(inputs) > 2 else "None"
    return f"F.layer_norm({inputs[0]}, {inputs[0]}.shape[{axis}:], {inputs[1]}, {bias}, {node.get('epsilon', 1e-5)})"


def call(form):
    return lambda node, inputs: form.format(*inputs, **{"node": node})


OPERATORS = {
    "Conv": convolution,
    "MaxPool": lambda node, inputs: pooling(node, inputs, "max"),
    "AveragePool": lambda node, inputs: pooling(node, inputs, "avg"),
    "GlobalAveragePool": lambda node, inputs: f"{inputs[0]}.mean(dim=tuple(range(2, {inputs[0]}.dim())), keepdim=True)",
    "BatchNormalization": lambda node, inputs: f"F.batch_norm({inputs[0]}, {inputs[3]}, {inputs[4]}, {inputs[1]}, {inputs[2]}, "
                                               f"False, 0.0, {node.get('epsilon', 1e-5)})",
    "Gemm": gemm,
    "MatMul": call("torch.matmul({0}, {1})"),
    "Add": call("{0} + {1}"),
    "Sub": call("{0} - {1}"),
    "Mul": call("{0} * {1}"),
    "Div": call("{0} / {1}"),
    "Pow": call("torch.pow({0}, {1})"),
    "Sqrt": call("torch.sqrt({0})"),
    "Erf": call("torch.erf({0})"),
    "Relu": call("F.relu({0})"),
    "Sigmoid": call("torch.sigmoid({0})"),
    "Tanh": call("torch.tanh({0})"),
    "HardSwish": call("F.hardswish({0})"),
    "Gelu": call("F.gelu({0})"),
    "Identity": call("{0}"),
    "Clip": lambda node, inputs: f"torch.clamp({inputs[0]}, {inputs[1] if len(inputs) > 1 else None}, "
                                 f"{inputs[2] if len(inputs) > 2 else None})",
    "Softmax": lambda node, inputs: f"F.softmax({inputs[0]}, dim={node.get('axis', -1)})",
    "LayerNormalization": layer_norm,
    "Flatten": lambda node, inputs: f"{inputs[0]}.flatten({node.get('axis', 1)})",
    "Transpose": lambda node, inputs: f"{inputs[0]}.permute({tuple(node['perm'])})",
    "Concat": lambda node, inputs: f"torch.cat(({', '.join(inputs)},), dim={node['axis']})",
    "ReduceMean": lambda node, inputs: f"{inputs[0]}.mean(dim={tuple(node.get('axes', [-1]))}, keepdim={bool(node.get('keepdims', 1))})",
}


def cast(node, inputs):
    names = {1: "dtype", 10: "dtype", 11: "dtype", 16: "dtype", 6: "torch.int32", 7: "torch.int64", 9: "torch.bool"}
    return f"{inputs[0]}.to({names[node['to']]})"


def transposed_convolution(node, inputs):
    rank = len(node["kernel_shape"])
    begin, symmetric, _ = pads_of(node, rank)
    if not symmetric:
        raise NotImplementedError("ConvTranspose with uneven padding")
    bias = inputs[2] if len(inputs) > 2 else "None"
    return (f"F.conv_transpose{rank}d({inputs[0]}, {inputs[1]}, {bias}, {pair(node.get('strides'), (1,) * rank)}, "
            f"{begin}, {pair(node.get('output_padding'), (0,) * rank)}, {node.get('group', 1)})")


OPERATORS.update(Cast=cast, ConvTranspose=transposed_convolution)
CONSTANT_INPUT = {"Reshape", "Unsqueeze", "Squeeze", "Gather"}


def with_constant(node, inputs, constants):
    """Operators whose second input is a constant that shapes the call."""
    value = constants.get(node["inputs"][1])
    if value is None:
        raise NotImplementedError(f"{node['op']} of a computed input")
    if node["op"] == "Reshape":
        return f"{inputs[0]}.reshape({tuple(int(v) for v in value)})"
    if node["op"] == "Unsqueeze":
        return f"{inputs[0]}.unsqueeze({int(value.flat[0])})"
    if node["op"] == "Squeeze":
        return f"{inputs[0]}.squeeze({int(value.flat[0])})"
    raise NotImplementedError("Gather by a constant")


def torch_function(path, precision):
    """The model as a function of tensors on the device, and the text it was made from."""
    import torch
    import torch.nn.functional as functional
    dtype = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    model = onnx.load(path)
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    names, lines = {}, []

    def name_of(value):
        return names.setdefault(value, f"v{len(names)}")

    scope = {"torch": torch, "F": functional, "dtype": dtype}
    for value, array in constants.items():
        tensor = torch.from_numpy(numpy.array(array)).cuda()
        if tensor.is_floating_point():
            tensor = tensor.to(dtype)
            if tensor.dim() == 4:
                tensor = tensor.contiguous(memory_format=torch.channels_last)
        scope[name_of(value)] = tensor
    for proto in model.graph.node:
        node = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
        node.update(op=proto.op_type, inputs=list(proto.input))
        inputs = [name_of(i) for i in proto.input if i]
        if proto.op_type == "Constant":
            array = numpy_helper.to_array(node["value"])
            constants[proto.output[0]] = array
            tensor = torch.from_numpy(numpy.array(array)).cuda()
            scope[name_of(proto.output[0])] = tensor.to(dtype) if tensor.is_floating_point() else tensor
            continue
        if proto.op_type == "Gather" and proto.input[0] in constants:
            text = f"F.embedding({inputs[1]}, {inputs[0]})"
        elif proto.op_type in CONSTANT_INPUT:
            text = with_constant(node, inputs, constants)
        elif proto.op_type in OPERATORS:
            text = OPERATORS[proto.op_type](node, inputs)
        else:
            raise NotImplementedError(proto.op_type)
        lines.append(f"    {name_of(proto.output[0])} = {text}")
    given = [i for i in model.graph.input if i.name not in constants]
    head = f"def forward({', '.join(name_of(i.name) for i in given)}):"
    tail = f"    return {', '.join(name_of(o.name) for o in model.graph.output)}"
    text = "\n".join([head, *lines, tail])
    exec(text, scope)  # of the model's own nodes, by the forms above
    return scope["forward"], dtype


# ---- peers ----


class Torch:
    name, mode = "PyTorch eager", None

    def __init__(self, path, precision, feeds):
        import torch
        self.torch = torch
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.benchmark = True
        self.function, dtype = torch_function(path, precision)
        if self.mode is not None:
            self.function = torch.compile(self.function, mode=self.mode)
        self.inputs = []
        for array in feeds.values():
            tensor = torch.from_numpy(array).cuda()
            if tensor.is_floating_point():
                tensor = tensor.to(dtype)
            if tensor.dim() == 4:
                tensor = tensor.contiguous(memory_format=torch.channels_last)
            self.inputs.append(tensor)

    def run(self):
        with self.torch.inference_mode():
            self.function(*self.inputs)
        self.torch.cuda.synchronize()


class TorchCompiled(Torch):
    name, mode = "torch.compile", "default"


class TorchGraphs(Torch):
    name, mode = "torch.compile, CUDA graphs", "max-autotune"


class OnnxRuntimeCuda:
    name, providers = "ONNX Runtime CUDA", ["CUDAExecutionProvider"]

    def __init__(self, path, precision, feeds):
        import onnxruntime
        missing = [p for p in self.providers if p not in onnxruntime.get_available_providers()]
        if missing:
            raise ImportError(f"this onnxruntime has no {missing[0]}")
        options = [{"use_tf32": "1" if precision == "tf32" else "0"}]
        self.session = onnxruntime.InferenceSession(path, providers=self.providers, provider_options=options)
        self.feeds = feeds

    def run(self):
        self.session.run(None, self.feeds)


class TensorRt(OnnxRuntimeCuda):
    name, providers = "TensorRT", ["TensorrtExecutionProvider"]

    def __init__(self, path, precision, feeds):
        import onnxruntime
        if "TensorrtExecutionProvider" not in onnxruntime.get_available_providers():
            raise ImportError("this onnxruntime has no TensorrtExecutionProvider")
        options = [{"trt_fp16_enable": precision == "fp16"}]
        self.session = onnxruntime.InferenceSession(path, providers=self.providers, provider_options=options)
        self.feeds = feeds


PEERS = [Torch, TorchCompiled, TorchGraphs, OnnxRuntimeCuda, TensorRt]


# ---- measuring ----


def feeds_of(path, seed=0):
    generator, feeds = numpy.random.default_rng(seed), {}
    model = onnx.load(path, load_external_data=False)
    constants = {t.name for t in model.graph.initializer}
    for value in model.graph.input:
        if value.name in constants:
            continue
        shape = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        feeds[value.name] = (generator.standard_normal(shape).astype(dtype) if numpy.issubdtype(dtype, numpy.floating)
                             else generator.integers(0, 2, shape).astype(dtype))
    return feeds


def slot(peer, seconds):
    """The least milliseconds of a run within about `seconds`."""
    least, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        peer.run()
        least = min(least, time.perf_counter() - start)
    return 1e3 * least


def own_slot(arguments, path, data, seconds):
    command = [arguments.nnopt, "bench", path, "--device", arguments.device, "--precision", arguments.precision,
               "--duration", f"{seconds}s", "--data", data, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)["results"][0]["latency_ms"]["min"]


def too_late(*_):
    raise TimeoutError("it takes too long to start")


def start_peers(path, arguments, feeds):
    started = []
    signal.signal(signal.SIGALRM, too_late)
    for kind in PEERS:
        signal.alarm(arguments.start)
        try:
            peer = kind(path, arguments.precision, feeds)
            for _ in range(5):
                peer.run()
            started.append(peer)
        except (ImportError, NotImplementedError) as reason:
            print(f"  {kind.name}: not timed: {reason}")
        except Exception as reason:  # a peer that fails is no reason to lose the others
            print(f"  {kind.name}: failed: {type(reason).__name__}: {(str(reason).splitlines() or [''])[0][:200]}")
        finally:
            signal.alarm(0)
    return started


def compare(arguments, path):
    print(pathlib.Path(path).name)
    feeds = feeds_of(path)
    with tempfile.NamedTemporaryFile(suffix=".npz") as data:
        numpy.savez(data.name, **feeds)
        peers = start_peers(path, arguments, feeds)
        own, times = [], {peer.name: [] for peer in peers}
        for _ in range(arguments.rounds):
            own.append(own_slot(arguments, path, data.name, arguments.seconds))
            for peer in peers:
                times[peer.name].append(slot(peer, arguments.seconds))
    row = {"model": pathlib.Path(path).stem, "precision": arguments.precision, "nnopt_ms": min(own), "peers_ms": {}}
    print(f"  nnopt {min(own):.4f} ms")
    for name, values in times.items():
        row["peers_ms"][name] = min(values)
        print(f"  {name} {min(values):.4f} ms, ratio {min(own) / min(values):.2f}")
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--nnopt", default="build/nnopt")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "tf32", "fp16", "bf16"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a slot")
    parser.add_argument("--start", type=int, default=120, help="seconds that a peer may take to start")
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds after which no model is begun")
    parser.add_argument("--json", help="where to write the rows")
    arguments = parser.parse_args()
    rows, begin = [], time.perf_counter()
    for path in arguments.models:
        if time.perf_counter() - begin > arguments.limit:
            print(f"{pathlib.Path(path).name}: no time left")
            continue
        try:
            rows.append(compare(arguments, path))
        except (RuntimeError, OSError, ValueError, KeyError) as reason:  # the rows before it stay
            print(f"  failed: {reason}")
        if arguments.json:
            pathlib.Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
