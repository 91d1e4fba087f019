#!/usr/bin/env python3
"""Trains the spoken word classifier and writes words.onnx, test.npz and calib.npz beside this file.

See README.md for the voices and requirements.txt for the packages.
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

SEED = 20250201
BATCH = 64
PEAK_RATE = 3e-3
RENDITIONS = 2
CALIB_PER_WORD = 50


class CausalBlock(nn.Module):
    """Depthwise convolution over the past, 1x1 expansion and projection, and a shortcut."""

    def __init__(self, channels, hidden, dilation):
        super().__init__()
        self.past = 4 * dilation
        self.depthwise = nn.Conv1d(
            channels, channels, 5, dilation=dilation, groups=channels, bias=False
        )
        self.bn1 = nn.BatchNorm1d(channels)
        self.expand = nn.Conv1d(channels, hidden, 1, bias=False)
        self.bn2 = nn.BatchNorm1d(hidden)
        self.project = nn.Conv1d(hidden, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm1d(channels)

    def forward(self, x):
        y = self.bn1(self.depthwise(F.pad(x, (self.past, 0))))
        y = F.relu(self.bn2(self.expand(y)))
        return F.relu(self.bn3(self.project(y)) + x)

    def emit(self, graph, path, x):
        y = graph.conv(f"{path}/depthwise", self.depthwise, x, pads=[self.past, 0])
        y = graph.batch_norm(f"{path}/bn1", self.bn1, y)
        y = graph.conv(f"{path}/expand", self.expand, y)
        y = graph.relu(f"{path}/relu1", graph.batch_norm(f"{path}/bn2", self.bn2, y))
        y = graph.conv(f"{path}/project", self.project, y)
        y = graph.batch_norm(f"{path}/bn3", self.bn3, y)
        return graph.relu(f"{path}/relu2", graph.add(path, y, x))


class WordNet(nn.Module):
    """Log-mel steps, N x 32 x 64, to one logit for each word; no frame sees a later one.

    The silence before the recording is level 0, which is not zero once the input is normalised,
    so the first convolution has a Pad node before the normalisation.
    """

    MEAN, SCALE = 24.0, 1.0 / 8.0
    CHANNELS, HIDDEN = 96, 192
    DILATIONS = (1, 2, 4, 8, 1, 2)

    def __init__(self, words):
        super().__init__()
        self.conv1 = nn.Conv1d(dataset.BANDS, self.CHANNELS, 3, bias=False)
        self.bn1 = nn.BatchNorm1d(self.CHANNELS)
        self.blocks = nn.Sequential(
            *[CausalBlock(self.CHANNELS, self.HIDDEN, dilation) for dilation in self.DILATIONS]
        )
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(self.CHANNELS, words)

    def forward(self, x):
        x = (F.pad(x, (2, 0)) - self.MEAN) * self.SCALE
        x = self.blocks(F.relu(self.bn1(self.conv1(x))))
        return self.fc(self.dropout(x.mean(2)))

    def emit(self, graph):
        pads = graph.constant("past.pads", np.array([0, 0, 2, 0, 0, 0], np.int64))
        mean = graph.constant("normalize.mean", np.float32(self.MEAN))
        scale = graph.constant("normalize.scale", np.float32(self.SCALE))
        x = graph.node("Pad", "/past", ["features", pads])
        x = graph.node("Sub", "/normalize", [x, mean])
        x = graph.node("Mul", "/normalize", [x, scale])
        x = graph.conv("/conv1", self.conv1, x)
        x = graph.relu("/relu1", graph.batch_norm("/bn1", self.bn1, x))
        for index, block in enumerate(self.blocks):
            x = block.emit(graph, f"/blocks/{index}", x)
        x = graph.node("GlobalAveragePool", "/pool", [x])
        x = graph.node("Flatten", "/pool", [x], axis=1)
        graph.gemm("/fc", self.fc, x, "logits")


def accuracy(net, features, labels):
    net.eval()
    with torch.no_grad():
        predicted = torch.cat(
            [net(batch.float()).argmax(1) for batch in torch.from_numpy(features).split(500)]
        )
    return float((predicted == torch.from_numpy(labels)).float().mean())


def train(net, utterances, labels, epochs):
    rng = np.random.default_rng(SEED)
    optimizer = torch.optim.AdamW(net.parameters(), lr=PEAK_RATE, weight_decay=0.02)
    steps = len(utterances) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=epochs * steps, pct_start=0.15
    )
    for epoch in range(epochs):
        net.train()
        start, losses = time.time(), 0.0
        order = rng.permutation(len(utterances))
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            features = dataset.record([utterances[i] for i in chosen], rng)
            loss = F.cross_entropy(
                net(torch.from_numpy(features).float()),
                torch.from_numpy(labels[chosen]),
                label_smoothing=0.05,
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.item()
        seconds = time.time() - start
        print(f"epoch {epoch + 1}/{epochs}: loss {losses / steps:.4f}, {seconds:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", default=HERE, help="folder of the results")
    options = parser.parse_args()

    os.makedirs(options.output, exist_ok=True)
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    speakers = dataset.speakers()
    accents = dataset.TRAIN_ACCENTS
    start = time.time()
    train_u, train_y, _ = dataset.speak_all(accents, speakers["train"], RENDITIONS, SEED + 1)
    test_u, test_y, test_voices = dataset.speak_all(
        accents + dataset.TEST_ONLY_ACCENTS, speakers["test"], 1, SEED + 2
    )
    print(f"{len(train_u)} utterances to train on, {len(test_u)} to test on, "
          f"{time.time() - start:.0f} s", flush=True)

    rng = np.random.default_rng(SEED + 3)
    order = rng.permutation(len(test_u))
    test_x, test_y = dataset.record([test_u[i] for i in order], rng), test_y[order]
    unseen_accent = np.array(
        [test_voices[i].split("+")[0] in dataset.TEST_ONLY_ACCENTS for i in order]
    )
    chosen = np.concatenate(
        [
            rng.choice(np.flatnonzero(train_y == label), CALIB_PER_WORD, replace=False)
            for label in range(len(dataset.WORDS))
        ]
    )
    chosen = rng.permutation(chosen)
    calib_x, calib_y = dataset.record([train_u[i] for i in chosen], rng), train_y[chosen]
    np.savez_compressed(os.path.join(options.output, "test.npz"), features=test_x, labels=test_y)
    np.savez_compressed(
        os.path.join(options.output, "calib.npz"), features=calib_x, labels=calib_y
    )

    net = WordNet(len(dataset.WORDS))
    train(net, train_u, train_y, options.epochs)
    top1 = accuracy(net, test_x, test_y)
    print(f"top-1 {top1:.4f} of {len(test_y)} test words, "
          f"{accuracy(net, test_x[unseen_accent], test_y[unseen_accent]):.4f} of the "
          f"{unseen_accent.sum()} in accents not trained on, "
          f"{accuracy(net, calib_x, calib_y):.4f} of {len(calib_y)} calibration words")

    graph = GraphWriter()
    net.emit(graph)
    metadata = {
        "description": "Recognises one of twelve spoken English words from log-mel features.",
        "license": "Apache-2.0",
        "author": "the nnopt authors",
        "classes": " ".join(dataset.WORDS),
        "training_command": f"python3 models/words/train.py --epochs {options.epochs}",
        "accuracy": f"top-1 {top1:.4f} of {len(test_y)} words in voices not trained on",
    }
    graph.save(
        os.path.join(options.output, "words.onnx"),
        "words",
        ("features", ["N", dataset.BANDS, dataset.FRAMES]),
        ("logits", ["N", len(dataset.WORDS)]),
        metadata,
    )


if __name__ == "__main__":
    main()
