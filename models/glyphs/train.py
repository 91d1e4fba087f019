#!/usr/bin/env python3
"""Trains the glyph classifier and writes glyphs.onnx, test.npz and calib.npz beside this file.

See README.md for the typefaces and requirements.txt for the packages.
"""

import argparse
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import dataset  # noqa: E402
from onnx_export import GraphWriter  # noqa: E402

SEED = 20250101
BATCH = 128
PEAK_RATE = 3e-3
TEST_PER_CLASS = 50
CALIB_PER_CLASS = 12


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions; the shortcut is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))

    def emit(self, graph, path, x):
        y = graph.conv(f"{path}/conv1", self.conv1, x)
        y = graph.relu(f"{path}/relu1", graph.batch_norm(f"{path}/bn1", self.bn1, y))
        y = graph.conv(f"{path}/conv2", self.conv2, y)
        y = graph.batch_norm(f"{path}/bn2", self.bn2, y)
        if self.downsample is not None:
            x = graph.conv(f"{path}/downsample/0", self.downsample[0], x)
            x = graph.batch_norm(f"{path}/downsample/1", self.downsample[1], x)
        return graph.relu(f"{path}/relu2", graph.add(path, y, x))


class DepthwiseBlock(nn.Module):
    """1x1 expansion, 3x3 depthwise, 1x1 projection; a shortcut where the shape stays."""

    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        hidden = inputs * expansion
        self.expand = nn.Conv2d(inputs, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.project = nn.Conv2d(hidden, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x):
        y = F.relu(self.bn1(self.expand(x)))
        y = F.relu(self.bn2(self.depthwise(y)))
        y = self.bn3(self.project(y))
        return y + x if self.shortcut else y

    def emit(self, graph, path, x):
        y = graph.conv(f"{path}/expand", self.expand, x)
        y = graph.relu(f"{path}/relu1", graph.batch_norm(f"{path}/bn1", self.bn1, y))
        y = graph.conv(f"{path}/depthwise", self.depthwise, y)
        y = graph.relu(f"{path}/relu2", graph.batch_norm(f"{path}/bn2", self.bn2, y))
        y = graph.conv(f"{path}/project", self.project, y)
        y = graph.batch_norm(f"{path}/bn3", self.bn3, y)
        return graph.add(path, y, x) if self.shortcut else y


class GlyphNet(nn.Module):
    """Grey values 0..255, N x 1 x 32 x 32, to one logit for each class."""

    MEAN, SCALE = 127.5, 1.0 / 64.0

    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.layer1 = nn.Sequential(ResidualBlock(32, 32, 1))
        self.layer2 = nn.Sequential(ResidualBlock(32, 64, 2), DepthwiseBlock(64, 64, 1, 2))
        self.layer3 = nn.Sequential(DepthwiseBlock(64, 128, 2, 2), DepthwiseBlock(128, 128, 1, 2))
        self.layer4 = nn.Sequential(ResidualBlock(128, 128, 2))
        self.fc = nn.Linear(128, classes)

    def forward(self, x):
        x = (x - self.MEAN) * self.SCALE
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))

    def emit(self, graph):
        mean = graph.constant("normalize.mean", np.float32(self.MEAN))
        scale = graph.constant("normalize.scale", np.float32(self.SCALE))
        x = graph.node("Sub", "/normalize", ["image", mean])
        x = graph.node("Mul", "/normalize", [x, scale])
        x = graph.conv("/conv1", self.conv1, x)
        x = graph.relu("/relu1", graph.batch_norm("/bn1", self.bn1, x))
        for stage in ("layer1", "layer2", "layer3", "layer4"):
            for index, block in enumerate(getattr(self, stage)):
                x = block.emit(graph, f"/{stage}/{index}", x)
        x = graph.node("GlobalAveragePool", "/pool", [x])
        x = graph.node("Flatten", "/pool", [x], axis=1)
        graph.gemm("/fc", self.fc, x, "logits")


def accuracy(net, images, labels):
    net.eval()
    with torch.no_grad():
        predicted = torch.cat(
            [net(batch.float()).argmax(1) for batch in torch.from_numpy(images).split(500)]
        )
    return float((predicted == torch.from_numpy(labels)).float().mean())


def train(net, images, epochs):
    faces, classes = images.shape[:2]
    flat = images.reshape(-1, *images.shape[2:])
    labels = np.tile(np.arange(classes, dtype=np.int64), faces)
    generator = torch.Generator().manual_seed(SEED)
    optimizer = torch.optim.AdamW(net.parameters(), lr=PEAK_RATE, weight_decay=0.02)
    steps = len(flat) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=epochs * steps, pct_start=0.15
    )
    for epoch in range(epochs):
        net.train()
        start, losses = time.time(), 0.0
        order = torch.randperm(len(flat), generator=generator).numpy()
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            x = dataset.augment(flat[chosen], generator)
            loss = F.cross_entropy(net(x), torch.from_numpy(labels[chosen]), label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.item()
        seconds = time.time() - start
        print(f"epoch {epoch + 1}/{epochs}: loss {losses / steps:.4f}, {seconds:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", default=HERE, help="folder of the results")
    options = parser.parse_args()

    os.makedirs(options.output, exist_ok=True)
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    glyphs = dataset.render(os.path.join(HERE, "fonts.txt"))
    train_faces, test_faces = glyphs["train"][0], glyphs["test"][0]
    print(f"{len(train_faces)} faces to train on, {len(test_faces)} to test on", flush=True)

    test_x, test_y = dataset.sample_set(test_faces, TEST_PER_CLASS, SEED + 1)
    calib_x, calib_y = dataset.sample_set(train_faces, CALIB_PER_CLASS, SEED + 2)
    np.savez_compressed(os.path.join(options.output, "test.npz"), image=test_x, labels=test_y)
    np.savez_compressed(os.path.join(options.output, "calib.npz"), image=calib_x, labels=calib_y)

    net = GlyphNet(len(dataset.CLASSES)).to(memory_format=torch.channels_last)
    train(net, train_faces, options.epochs)
    top1 = accuracy(net, test_x, test_y)
    print(f"top-1 {top1:.4f} of {len(test_y)} test glyphs, "
          f"{accuracy(net, calib_x, calib_y):.4f} of {len(calib_y)} calibration glyphs")

    graph = GraphWriter()
    net.emit(graph)
    metadata = {
        "description": "Classifies 32x32 grey images of printed characters.",
        "license": "Apache-2.0",
        "author": "the nnopt authors",
        "classes": dataset.CLASSES,
        "training_command": f"python3 models/glyphs/train.py --epochs {options.epochs}",
        "accuracy": f"top-1 {top1:.4f} of {len(test_y)} glyphs from typefaces not trained on",
    }
    side = dataset.SIDE
    graph.save(
        os.path.join(options.output, "glyphs.onnx"),
        "glyphs",
        ("image", ["N", 1, side, side]),
        ("logits", ["N", len(dataset.CLASSES)]),
        metadata,
    )


if __name__ == "__main__":
    main()
