#!/usr/bin/env python3
"""Writes math_cases.txt: nodes that compute or move data element by element, by index, as signals or
at random, with outputs of numpy.

    make_math_cases.py OUT.txt
"""
import math
import sys

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper

from make_op_cases import case_text, sequence

F16, F32, F64, BF16 = np.float16, np.float32, np.float64, ml_dtypes.bfloat16


def noise(*shape, seed=1, kind=np.float32, scale=1.0):
    return (np.random.RandomState(seed).randn(*shape) * scale).astype(kind)


def integers(*shape, seed=1, low=-128, high=127, kind=np.int8):
    return np.random.RandomState(seed).randint(low, high + 1, shape).astype(kind)


def ints(*values):
    return np.array(values, np.int64)


class Cases:
    def __init__(self):
        self.texts = []
        self.count = {}

    def add(self, op_type, opset, inputs, expected, rtol=1e-5, atol=1e-6, **attributes):
        number = self.count[op_type] = self.count.get(op_type, 0) + 1
        names = ["in%d" % i if a is not None else "" for i, a in enumerate(inputs)]
        results = ["out%d" % i for i in range(len(expected))]
        node = helper.make_node(op_type, names, results, name="node", **attributes)
        name = "%s_%d_version_%d" % (op_type.lower(), number, opset)
        self.texts.append(case_text(name, node, opset, inputs, [np.asarray(e) for e in expected],
                                    rtol, atol))


def wide(x):
    return x.astype(F64)


def elementwise(cases):
    inside = sequence(3, 5, step=0.06, start=-0.9)
    ranges = {"Tan": inside, "Asin": inside, "Acos": inside, "Atan": inside * 9, "Sinh": inside * 3,
              "Cosh": inside * 3, "Asinh": inside * 20, "Acosh": inside + 2, "Atanh": inside}
    functions = {"Tan": np.tan, "Asin": np.arcsin, "Acos": np.arccos, "Atan": np.arctan,
                 "Sinh": np.sinh, "Cosh": np.cosh, "Asinh": np.arcsinh, "Acosh": np.arccosh,
                 "Atanh": np.arctanh}
    for op_type, x in ranges.items():
        for kind, rtol in ((F32, 1e-6), (F64, 1e-13), (F16, 1e-3), (BF16, 8e-3)):
            given = x.astype(kind)
            cases.add(op_type, 22, [given], [functions[op_type](wide(given)).astype(kind)], rtol,
                      rtol)
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e30, -3], F64)
    for kind in (F32, F64, F16, BF16):
        with np.errstate(over="ignore"):
            x = special.astype(kind)
        cases.add("IsNaN", 20, [x], [np.isnan(wide(x))])
        cases.add("IsInf", 20, [x], [np.isinf(wide(x))])
        cases.add("IsInf", 20, [x], [wide(x) == -np.inf], detect_positive=0)
    x = np.array(np.inf, F32)
    cases.add("IsInf", 10, [x], [np.array(False)], detect_positive=0)
    for alpha in (1.0, 0.3, 2.5, -1.5):
        for kind, rtol in ((F32, 1e-5), (F64, 1e-12), (F16, 1e-3)):
            x = noise(2, 7, scale=3, kind=kind)
            alpha32 = float(F32(alpha))
            if alpha > 0:
                y = np.where(x < 0, alpha32 * np.expm1(np.minimum(wide(x), 0) / alpha32), wide(x))
                cases.add("Celu", 28, [x], [y.astype(kind)], rtol, alpha=alpha)
            y = wide(x) / (1 + np.exp(-alpha32 * wide(x)))
            cases.add("Swish", 24, [x], [y.astype(kind)], rtol, alpha=alpha)
            b = noise(2, 7, seed=2, kind=kind)
            cases.add("SwiGLU", 28, [x, b], [(y * wide(b)).astype(kind)], rtol, alpha=alpha)
    long = noise(530, scale=2)
    cases.add("Swish", 24, [long], [(wide(long) / (1 + np.exp(-0.5 * wide(long)))).astype(F32)],
              alpha=0.5)
    for kind in (F32, F64, F16):
        x = noise(3, 4, kind=kind)
        y = np.where(wide(x) > float(F32(0.4)), x, kind(0)).astype(kind)
        cases.add("ThresholdedRelu", 22, [x], [y], alpha=0.4)
        shrunk = np.where(wide(x) < -0.5, wide(x) + 0.25, np.where(wide(x) > 0.5, wide(x) - 0.25, 0))
        cases.add("Shrink", 9, [x], [shrunk.astype(kind)], 1e-3 if kind == F16 else 1e-6, lambd=0.5,
                  bias=0.25)
    for kind in (np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64):
        x = np.array([0, 1, 2, 3, 100, 127], kind)
        y = np.where(x > 2, np.maximum(wide(x) - 3, 0), 0).astype(kind)
        cases.add("Shrink", 9, [x], [y], lambd=2.5, bias=3.0)
    x = np.array([-128, -100, -3, 3, 127], np.int8)
    cases.add("Shrink", 9, [x], [np.array([-128, -128, 0, 0, 127], np.int8)], lambd=50.0, bias=-60.0)


def bits(cases):
    for kind in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64):
        low = 0 if np.issubdtype(kind, np.unsignedinteger) else -100
        a = integers(3, 4, low=low, high=120, kind=kind)
        b = integers(4, seed=2, low=low, high=120, kind=kind)
        cases.add("BitwiseAnd", 18, [a, b], [a & b])
        cases.add("BitwiseOr", 18, [a, b], [a | b])
        cases.add("BitwiseXor", 18, [b, a], [a ^ b])
        cases.add("BitwiseNot", 18, [a], [~a])
        width = np.iinfo(kind).bits
        shift = np.array([0, 1, width - 1, 2], kind)
        cases.add("BitShift", 28, [a, shift], [np.left_shift(a, shift)], direction="LEFT")
        cases.add("BitShift", 28, [a, shift], [np.right_shift(a, shift)], direction="RIGHT")
        over = np.array([width], kind)
        cases.add("BitShift", 28, [a, over], [np.zeros_like(a)], direction="LEFT")
        cases.add("BitShift", 28, [a, over], [np.where(a < 0, -1, 0).astype(kind)],
                  direction="RIGHT")
    a = np.array([1, 255, 7], np.uint8)
    cases.add("BitShift", 11, [a, np.array(3, np.uint8)], [a << 3], direction="LEFT")
    half = noise(5, kind=F16)
    cases.add("BitCast", 26, [half], [half.view(np.int16)], to=TensorProto.INT16)
    cases.add("BitCast", 26, [half], [half.view(np.uint16)], to=TensorProto.UINT16)
    cases.add("BitCast", 26, [noise(2, 2, kind=F64)], [noise(2, 2, kind=F64).view(np.uint64)],
              to=TensorProto.UINT64)


def along_axes(cases):
    for kind in (F32, np.int8, np.bool_, np.int64):
        x = (sequence(2, 3, 4, step=1) + 3).astype(kind)
        for k in (-7, -1, 0, 2, 9):
            cases.add("Trilu", 14, [x, np.array(k, np.int64)], [np.triu(x, k)])
            cases.add("Trilu", 14, [x, np.array(k, np.int64)], [np.tril(x, k)], upper=0)
    cases.add("Trilu", 14, [np.zeros((2, 0, 3), F32)], [np.zeros((2, 0, 3), F32)])

    def cumulate(function, x, axis, exclusive, reverse, identity):
        y = np.flip(x, axis) if reverse else x
        y = function(wide(y) if y.dtype.kind == "f" or y.dtype == BF16 else y, axis=axis)
        if exclusive:
            y = np.roll(y, 1, axis)
            first = [slice(None)] * y.ndim
            first[axis] = 0
            y[tuple(first)] = identity
        return (np.flip(y, axis) if reverse else y).astype(x.dtype)

    for op_type, function, identity, opset in (("CumSum", np.cumsum, 0, 14),
                                               ("CumProd", np.cumprod, 1, 26)):
        for kind, rtol in ((F32, 1e-5), (F64, 1e-12), (F16, 2e-3), (BF16, 1e-2), (np.int32, 0),
                           (np.int64, 0), (np.uint32, 0), (np.uint64, 0)):
            x = (integers(2, 3, 4, low=1, high=5) / (4 if rtol else 1)).astype(kind)
            for axis in range(3):
                for exclusive, reverse in ((0, 0), (1, 0), (0, 1), (1, 1)):
                    cases.add(op_type, opset, [x, np.array(axis - 3 * reverse, np.int32)],
                              [cumulate(function, x, axis, exclusive, reverse, identity)], rtol,
                              rtol, exclusive=exclusive, reverse=reverse)
    x = noise(600, kind=F16, scale=0.1)
    cases.add("CumSum", 14, [x, np.array(0, np.int64)], [np.cumsum(wide(x)).astype(F16)], 2e-3, 2e-3)
    y = np.cumsum(wide(x)[::-1])[::-1].astype(F16)
    cases.add("CumSum", 14, [x, np.array(0, np.int64)], [y], 2e-3, 2e-3, reverse=1)
    x = noise(2, 530, scale=0.1)
    cases.add("CumSum", 11, [x, np.array(0, np.int64)], [np.cumsum(wide(x), 0).astype(F32)])
    cases.add("CumSum", 11, [np.zeros((2, 0), F32), np.array(1, np.int64)], [np.zeros((2, 0), F32)])

    def hardmax(x, axis):
        y = np.zeros_like(x)
        np.put_along_axis(y, np.expand_dims(np.argmax(x, axis), axis), x.dtype.type(1), axis)
        return y
    for kind in (F32, F64, F16):
        x = sequence(2, 3, 4, kind=kind)
        flat = x.reshape(2, 12)
        cases.add("Hardmax", 11, [x], [hardmax(flat, 1).reshape(2, 3, 4)])
        cases.add("Hardmax", 13, [x], [hardmax(x, 1)], axis=1)
        cases.add("Hardmax", 13, [np.round(x)], [hardmax(np.round(x), 2)])
    cases.add("Hardmax", 13, [np.array([1, np.nan, 3], F32)], [np.array([0, 1, 0], F32)])

    for kind, rtol in ((F32, 1e-5), (F64, 1e-12), (F16, 1e-3)):
        x = noise(3, 5, 4, kind=kind)
        x[1, :, 2] = 0
        for axis in (0, 1, -1):
            for p in (1, 2):
                norm = np.sum(np.abs(wide(x)) ** p, axis=axis, keepdims=True) ** (1 / p)
                y = np.where(norm == 0, 0, wide(x) / np.where(norm == 0, 1, norm)).astype(kind)
                cases.add("LpNormalization", 22, [x], [y], rtol, axis=axis, p=p)
        mean = wide(x).mean((0, 2), keepdims=True)
        deviation = wide(x).std((0, 2), keepdims=True)
        cases.add("MeanVarianceNormalization", 13, [x], [((wide(x) - mean) / (deviation + float(F32(1e-9)))).astype(kind)],
                  rtol * 10, rtol * 10, axes=[0, -1])
    x = noise(2, 3, 2, 4)
    y = (x - x.mean((0, 2, 3), keepdims=True)) / x.std((0, 2, 3), keepdims=True)
    cases.add("MeanVarianceNormalization", 9, [x], [y], 1e-4, 1e-5)

    def top_k(x, k, axis, largest):
        key = wide(x)
        order = np.argsort(-key if largest else key, axis=axis, kind="stable")
        places = np.take(order, np.arange(k), axis=axis)
        return [np.take_along_axis(x, places, axis), places.astype(np.int64)]
    x = noise(3, 40)
    cases.add("TopK", 1, [x], top_k(x, 5, -1, True), k=5)
    cases.add("TopK", 10, [x, ints(3)], top_k(x, 3, 0, True), axis=0)
    for kind in (F32, F64, F16, np.int8, np.uint8, np.int32, np.int64, np.uint16):
        x = integers(2, 9, 3, low=0, high=9).astype(kind)
        for k in (0, 1, 4, 9):
            for largest in (0, 1):
                cases.add("TopK", 11, [x, ints(k)], top_k(x, k, 1, largest), axis=1, largest=largest)
    x = (noise(2, 700) * 20).round()
    for k in (1, 9, 300, 700):
        cases.add("TopK", 24, [x, ints(k)], top_k(x, k, 1, True))
    x = np.array([1, np.nan, -np.inf, 5, np.nan, np.inf, -0.0, 0.0], F32)
    cases.add("TopK", 11, [x, ints(8)], [x[[1, 4, 5, 3, 0, 6, 7, 2]], ints(1, 4, 5, 3, 0, 6, 7, 2)])
    cases.add("TopK", 11, [x, ints(8)], [x[[2, 6, 7, 0, 3, 5, 1, 4]], ints(2, 6, 7, 0, 3, 5, 1, 4)],
              largest=0)


def by_index(cases):
    def scatter_elements(data, indices, updates, axis, function):
        out = data.copy()
        for place in np.ndindex(indices.shape):
            to = list(place)
            to[axis] = indices[place]
            out[tuple(to)] = function(out[tuple(to)], updates[place])
        return out

    def scatter_nd(data, indices, updates, function):
        out = data.copy()
        for place in np.ndindex(indices.shape[:-1]):
            to = tuple(indices[place])
            out[to] = function(out[to], updates[place])
        return out

    functions = {"none": lambda a, b: b, "add": lambda a, b: (a + b), "mul": lambda a, b: (a * b),
                 "max": np.maximum, "min": np.minimum}
    for kind in (F32, F64, F16, BF16, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32,
                 np.int64, np.uint64, np.bool_):
        rtol = {F16: 2e-3, BF16: 1e-2}.get(kind, 1e-6)
        data = integers(3, 4, 5, low=0, high=9).astype(kind)
        for axis in (0, 1, 2):
            shape = [2, 3, 4]
            shape[axis] = 6
            size = data.shape[axis]
            indices = integers(*shape, seed=axis, low=-size, high=size - 1, kind=np.int64)
            updates = integers(*shape, seed=9, low=0, high=9).astype(kind)
            reduction = list(functions)[(axis + np.dtype(kind).itemsize) % 5]
            with np.errstate(over="ignore"):
                y = scatter_elements(data, indices, updates, axis, functions[reduction])
            cases.add("ScatterElements", 18, [data, indices, updates], [y], rtol, axis=axis,
                      reduction=reduction)
        tuples = integers(2, 3, 2, seed=4, low=-3, high=2, kind=np.int64)
        whole = integers(7, 3, seed=5, low=-3, high=2, kind=np.int64)
        for number, reduction in enumerate(functions):
            updates = integers(2, 3, 5, seed=number, low=0, high=9).astype(kind)
            with np.errstate(over="ignore"):
                y = scatter_nd(data, tuples, updates, functions[reduction])
            cases.add("ScatterND", 18, [data, tuples, updates], [y], rtol, reduction=reduction)
        updates = integers(7, seed=6, low=0, high=9).astype(kind)
        cases.add("ScatterND", 13, [data, whole, updates],
                  [scatter_nd(data, whole, updates, functions["none"])])
    data = noise(4, 3)
    cases.add("ScatterND", 11, [data, np.zeros((0, 1), np.int64), np.zeros((0, 3), F32)], [data])
    indices = np.array([[1, 0, 2]], np.int32)
    cases.add("Scatter", 9, [data, indices, noise(1, 3, seed=2)],
              [scatter_elements(data, indices, noise(1, 3, seed=2), 0, functions["none"])])

    data = sequence(2, 3, 4, 5)
    for batch, tuple_size in ((0, 1), (0, 3), (0, 4), (1, 2), (2, 1), (2, 2)):
        shape = list(data.shape[:batch]) + [3, tuple_size]
        indices = integers(*shape, low=-2, high=1, kind=np.int64)
        out = np.zeros(shape[:-1] + list(data.shape[batch + tuple_size:]), F32)
        for place in np.ndindex(*shape[:-1]):
            out[place] = data[place[:batch] + tuple(indices[place])]
        cases.add("GatherND", 12, [data, indices], [out], batch_dims=batch)

    def one_hot(indices, depth, values, axis, wraps):
        flat = indices.astype(np.int64)
        if wraps:
            flat = np.where(flat < 0, flat + depth, flat)
        y = np.where(flat[..., None] == np.arange(depth), values[1], values[0])
        return np.moveaxis(y, -1, axis).astype(values.dtype)
    for kind in (np.int64, np.int32, np.uint8, F32, F16):
        indices = np.array([[0, 3, 7], [-1 if kind != np.uint8 else 9, 2, 4]], kind)
        for axis in (0, 1, -1):
            values = np.array([2, 5], np.int16)
            cases.add("OneHot", 11, [indices, np.array(5, np.int64), values],
                      [one_hot(indices, 5, values, axis, True)], axis=axis)
    values = np.array([0, 1], F32)
    cases.add("OneHot", 9, [ints(0, -1, 2), np.array([3], np.float32), values],
              [one_hot(ints(0, -1, 2), 3, values, -1, False)])
    for k in (-5, -1, 0, 2, 9):
        cases.add("EyeLike", 22, [np.zeros((3, 4), np.int8)], [np.eye(3, 4, k, np.int8)], k=k)
        cases.add("EyeLike", 9, [np.zeros((3, 4), np.bool_)], [np.eye(3, 4, k, F64)], k=k,
                  dtype=TensorProto.DOUBLE)
    x = sequence(3, 4, 2, kind=np.int32, step=1)
    y = x.copy()
    for sample, length in enumerate((4, 0, 3)):
        y[sample, :length] = x[sample, :length][::-1]
    cases.add("ReverseSequence", 10, [x, ints(4, 0, 3)], [y], batch_axis=0, time_axis=1)
    y = x.copy()
    for sample, length in enumerate((1, 2, 3, 0)):
        y[:length, sample] = x[:length, sample][::-1]
    cases.add("ReverseSequence", 10, [x, ints(1, 2, 3, 0)], [y])
    x = sequence(5, 4, 3, step=1)
    out = np.zeros((8, 4, 2), F32)
    out[1:6] = x[:, :, :2]
    cases.add("CenterCropPad", 18, [x, ints(2, 8)], [out], axes=[-1, 0])
    cases.add("CenterCropPad", 18, [x > 0, np.array([2, 3, 4], np.int32)],
              [np.pad(x[1:3, 0:3] > 0, ((0, 0), (0, 0), (0, 1)))])
    past, update = sequence(2, 3, 5, 2), noise(2, 3, 3, 2)
    for mode, first in (("linear", (2, 0)), ("circular", (4, 1)), ("circular", (8, -1))):
        out = past.copy()
        for sample in range(2):
            for i in range(3):
                out[sample, :, (first[sample] + i) % 5] = update[sample, :, i]
        cases.add("TensorScatter", 24, [past, update, ints(*first)], [out], mode=mode)
    for kind, rtol in ((F32, 1e-5), (F64, 1e-11), (F16, 2e-3)):
        x = noise(2, 2, 5, 5, kind=kind)
        x[0, 1, 3] = x[0, 1, 1]
        cases.add("Det", 22, [x], [np.linalg.det(wide(x)).astype(kind)], rtol, 1e-4)
    cases.add("Det", 11, [np.array([[0, 2], [3, 0]], F32)], [np.array(-6, F32)])
    cases.add("Det", 11, [np.zeros((3, 0, 0), F32)], [np.ones(3, F32)])


def pair(values, kind):
    return np.stack([values.real, values.imag], -1).astype(kind)


def signals(cases):
    for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 19, 26, 30, 34, 49, 64, 77, 101):
        x = noise(2, n, 1, seed=n)
        z = noise(3, n, 2, seed=n)
        complex_z = z[..., 0] + 1j * z[..., 1]
        cases.add("DFT", 20, [x], [pair(np.fft.fft(x[..., 0], axis=1), F32)], 1e-4, 2e-5)
        cases.add("DFT", 17, [z], [pair(np.fft.fft(complex_z, axis=1), F32)], 1e-4, 2e-5, axis=1)
        cases.add("DFT", 17, [z], [pair(np.fft.ifft(complex_z, axis=1), F32)], 1e-4, 2e-5, inverse=1)
        cases.add("DFT", 20, [x], [pair(np.fft.rfft(x[..., 0], axis=1), F32)], 1e-4, 2e-5, onesided=1)
        half = z[:, :n // 2 + 1]
        back = np.fft.irfft(half[..., 0] + 1j * half[..., 1], n, axis=1)
        cases.add("DFT", 20, [half, np.array(n, np.int64)], [back[..., None].astype(F32)], 1e-4, 2e-5,
                  inverse=1, onesided=1)
    x = noise(4, 6, 3, 2, kind=F64)
    complex_x = x[..., 0] + 1j * x[..., 1]
    for axis in (0, 1, 2):
        for n in (3, 5, 11, 17):
            y = np.fft.fft(complex_x, n, axis=axis)
            cases.add("DFT", 20, [x, np.array(n, np.int32), np.array(axis - 4 * (axis == 1), np.int64)],
                      [pair(y, F64)], 1e-11, 1e-12)
    x = noise(21, 12, 1, kind=F16)
    y = np.fft.ifft(wide(x)[..., 0], axis=1)
    cases.add("DFT", 19, [x], [pair(y, F16)], 2e-3, 1e-3, axis=-2, inverse=1)
    x = noise(2, 23, 1, kind=F64)
    for n in (4, 10):
        for step in (1, 3):
            frames = np.stack([x[:, i:i + n, 0] for i in range(0, 23 - n + 1, step)], 1)
            window = np.abs(noise(n, seed=5, kind=F64))
            cases.add("STFT", 17, [x, np.array(step, np.int64), window],
                      [pair(np.fft.rfft(frames * window, axis=2), F64)], 1e-11, 1e-12)
            cases.add("STFT", 17, [x.astype(F32), np.array(step, np.int64), None,
                                   np.array(n, np.int64)],
                      [pair(np.fft.fft(frames, axis=2), F32)], 1e-4, 2e-5, onesided=0)
    z = noise(1, 12, 2)
    frames = np.stack([z[:, i:i + 6, 0] + 1j * z[:, i:i + 6, 1] for i in range(0, 7, 2)], 1)
    cases.add("STFT", 17, [z, np.array(2, np.int32), None, np.array(6, np.int32)],
              [pair(np.fft.fft(frames, axis=2), F32)], 1e-4, 2e-5, onesided=0)

    def window(n, period, a):
        i = np.arange(n)
        return a[0] - a[1] * np.cos(2 * math.pi * i / period) + a[2] * np.cos(4 * math.pi * i / period)
    for op_type, a in (("HannWindow", (0.5, 0.5, 0)), ("HammingWindow", (25 / 46, 21 / 46, 0)),
                       ("BlackmanWindow", (0.42, 0.5, 0.08))):
        for kind, code, rtol in ((F32, 1, 1e-5), (F64, 11, 1e-12), (F16, 10, 1e-3)):
            cases.add(op_type, 17, [np.array(9, np.int64)], [window(9, 9, a).astype(kind)], rtol,
                      output_datatype=code)
            cases.add(op_type, 17, [np.array(9, np.int32)], [window(9, 8, a).astype(kind)], rtol,
                      output_datatype=code, periodic=0)
        cases.add(op_type, 17, [np.array(1, np.int64)], [np.ones(1, F32)], periodic=0)
        cases.add(op_type, 17, [np.array(0, np.int64)], [np.ones(0, F32)])
    one, two = lambda v: np.array(v, np.int64), lambda v: np.array(v, F32)
    edges = 700 * np.expm1((np.arange(6) * (1127.0 * math.log1p(10)) / 6) / 1127.0)
    edges = ((64 + 1) * edges // 16000).astype(int)
    mel = np.zeros((33, 4))
    for i in range(4):
        left, middle, right = edges[i:i + 3]
        for j in range(left, middle + 1):
            mel[j, i] = 1 if middle == left else (j - left) / (middle - left)
        for j in range(middle, right):
            mel[j, i] = (right - j) / (right - middle)
    cases.add("MelWeightMatrix", 17, [one(4), one(64), one(16000), two(0), two(7000)], [mel],
              output_datatype=TensorProto.DOUBLE)


def products(cases):
    shapes = {"a": 2, "b": 3, "c": 4, "d": 5, "i": 2, "j": 3, "k": 4, "l": 2, "m": 3, "n": 4}

    def operands(equation, kind, seed=1):
        terms = equation.split("->")[0].replace(" ", "").split(",")
        return [integers(*[shapes[c] for c in term], seed=seed + i, low=-6, high=6).astype(kind)
                for i, term in enumerate(terms)]
    equations = ("ij,jk->ik", "ij,kj->ik", "ji,jk->ki", "bij,bjk->bik", "bij,bkj->bki", "ij,jk",
                 "i,i->", "i,j->ij", "ij->ji", "ij->", "ij->i", "ij,ij->ij", "ij,ij->", "abij,abjk->abik",
                 "aibj,bjck->aick", "ij,jk,kl->il", "ij,kl,m->ikm", "ijk,jil->kl", "ii->i", "ii->",
                 "iij,j->i", "bii->bi", "ijj,jk->ik", "abc,cd,b->ad", "a,ab,abc->abc", "ijk->kij",
                 "ijkl,mnkl->ijmn", "ba,b->", "ab,cd->")
    for equation in equations:
        given = operands(equation, F32)
        cases.add("Einsum", 12, given, [np.einsum(equation, *given).astype(F32)], equation=equation)
    for kind in (F64, F16, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64,
                 np.uint64):
        for equation in ("bij,bjk->bik", "i,j->ij", "ij->i", "ij,jk,kl->il"):
            given = [np.abs(x) for x in operands(equation, kind)]
            exact = np.einsum(equation, *[wide(x) if kind == F16 else x for x in given])
            cases.add("Einsum", 12, given, [exact.astype(kind)], 2e-3 if kind == F16 else 1e-6,
                      equation=equation)
    given = [noise(2, 3, 4), noise(2, 4, 5, seed=2)]
    cases.add("Einsum", 12, given, [given[0] @ given[1]], equation="...ij,...jk->...ik")
    cases.add("Einsum", 12, given, [given[0] @ given[1]], equation="...ij,...jk")
    given = [noise(6, 1, 2, 3), noise(4, 3, 5, seed=2)]
    cases.add("Einsum", 12, given, [given[0] @ given[1]], equation="...ij,...jk->...ik")
    cases.add("Einsum", 12, given, [np.moveaxis(given[0] @ given[1], (0, 1), (2, 3))],
              equation="...ij,...jk->ik...")
    given = [noise(3, 1), noise(1, 4, seed=2)]
    cases.add("Einsum", 12, given, [np.einsum("ij,ij->ij", *np.broadcast_arrays(*given))],
              equation="ij,ij->ij")
    cases.add("Einsum", 12, given, [np.einsum("ij,ij->", *np.broadcast_arrays(*given))],
              equation="ij,ij->")
    given = [noise(0, 3), noise(3, 4)]
    cases.add("Einsum", 12, given, [given[0] @ given[1]], equation="ij,jk->ik")
    given = [noise(2, 0), noise(0, 4)]
    cases.add("Einsum", 12, given, [given[0] @ given[1]], equation="ij,jk->ik")
    given = [np.array(3, F32), noise(2, 2)]
    cases.add("Einsum", 12, given, [3 * given[1]], equation=",ij->ij")


def random_numbers(cases):
    for kind, code, rtol in ((F32, 1, 1e-6), (F64, 11, 1e-14), (F16, 10, 1e-3)):
        for seed in (0, 7, 4000000000):
            uniform = np.random.RandomState(seed).uniform(-2.0, 3.0, (3, 5))
            cases.add("RandomUniform", 1, [], [uniform.astype(kind)], rtol, 1e-3 if kind == F16 else 1e-6,
                      shape=[3, 5], low=-2.0, high=3.0, seed=float(seed), dtype=code)
            normal = np.random.RandomState(seed).standard_normal(11) * 0.5 + 1
            cases.add("RandomNormal", 1, [], [normal.astype(kind)], rtol, 1e-3 if kind == F16 else 1e-6,
                      shape=[11], mean=1.0, scale=0.5, seed=float(seed), dtype=code)
    x = np.zeros((2, 20), np.int8)
    stream = np.random.RandomState(3 + 134943)  # ops/family/random.c says why
    cases.add("RandomUniformLike", 22, [x], [stream.uniform(size=(2, 20)).astype(F32)],
              seed=3.0, dtype=1)
    cases.add("RandomNormalLike", 22, [x[:, :6].astype(F64)],
              [np.random.RandomState(3).standard_normal((2, 6))], seed=3.0)
    chances = np.array([0, 0.1, 0.5, 0.6, 0.9, 1, 0, 0.3, 0.3, 0.7] * 5, F64)
    stream = np.random.RandomState(5)
    stream.uniform(size=chances.shape)  # as if the input came from the stream before
    drawn = stream.binomial(1, chances)
    cases.add("Bernoulli", 22, [chances], [drawn.astype(F64)], seed=5.0)
    for code, kind in ((9, np.bool_), (6, np.int32), (10, F16), (2, np.uint8)):
        cases.add("Bernoulli", 15, [chances], [drawn.astype(kind)], seed=5.0, dtype=code)
    logits = noise(3, 6, kind=F64)
    sums = np.cumsum(np.exp(logits - logits.max(1, keepdims=True)), 1)
    uniform = np.random.RandomState(2).uniform(size=(3, 20))
    drawn = np.stack([np.searchsorted(s, u * s[-1], side="right") for s, u in zip(sums, uniform)])
    cases.add("Multinomial", 7, [logits], [drawn.astype(np.int32)], seed=2.0, sample_size=20)
    cases.add("Multinomial", 7, [logits], [drawn.astype(np.int64)], seed=2.0, sample_size=20, dtype=7)
    for kind, rtol in ((F32, 1e-6), (F64, 1e-14), (F16, 1e-3)):
        x = noise(2, 3, 4, kind=kind)
        for ratio in (0.5, 0.25, 0.75):
            mask = np.random.RandomState(9).uniform(size=x.shape) >= ratio
            y = (wide(x) * mask / (1 - ratio)).astype(kind)
            cases.add("Dropout", 13, [x, np.array(ratio, F32), np.array(True)], [y, mask], rtol, seed=9)
        cases.add("Dropout", 12, [x, np.array(0.5, F32), np.array(False)], [x, np.ones(x.shape, bool)],
                  seed=9)
    x = noise(4)
    cases.add("Dropout", 13, [x, None, np.array(True)],
              [2 * x * (np.random.RandomState(1).uniform(size=4) >= 0.5)], seed=1)


def main():
    cases = Cases()
    for add_cases in (elementwise, bits, along_axes, by_index, signals, products, random_numbers):
        add_cases(cases)
    with open(sys.argv[1], "w") as out:
        out.write("\n\n".join(cases.texts) + "\n")
    print("%d cases" % len(cases.texts), file=sys.stderr)


if __name__ == "__main__":
    main()
