"""Words spoken by espeak-ng in many voices, as log-mel features of one second."""

import os
import re
import subprocess
import zlib

import numpy as np

WORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "open", "close"]

TRAIN_ACCENTS = ["en-us", "en-us-nyc", "en-gb", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd"]
TEST_ONLY_ACCENTS = ["en-gb-scotland", "en-029"]

RATE = 22050  # samples a second, as espeak-ng writes them
WINDOW = 512
HOP = 352  # 16 ms
FRAMES = 64
BANDS = 32
SAMPLES = WINDOW + HOP * (FRAMES - 1)
LOWEST_HZ, HIGHEST_HZ = 80.0, 8000.0
FLOOR_DB = -80.0  # the level stored as 0
STEP_DB = 2.0  # what one step of the stored number means


def speakers():
    """The voice variants that espeak-ng has, as {"train"|"test": names}.

    Variants whose names differ in a final number only ("klatt2", "klatt3") count as one speaker
    for the split, the single letters f and m apart, which number different people.
    """
    version = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=True)
    folder = os.path.join(version.stdout.split("Data at:")[1].strip(), "voices", "!v")
    split = {"train": [], "test": []}
    for name in sorted(os.listdir(folder)):
        speaker = name if re.fullmatch(r"[fm]\d", name) else name.rstrip("0123456789")
        split["test" if zlib.crc32(speaker.encode()) % 4 == 0 else "train"].append(name)
    return split


def speak(word, accent, speaker, speed, pitch):
    """One spoken word as float samples: silence at the ends removed, root mean square 1."""
    voice = f"{accent}+{speaker}"
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-z", "--stdout", word]
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    samples = np.frombuffer(wav[44:], np.int16).astype(np.float32)
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max(initial=1.0))
    if len(loud) < RATE // 20:
        raise ValueError(f"voice '{voice}' says nothing for '{word}'")
    samples = samples[loud[0] : loud[-1] + 1][:SAMPLES]
    return samples / np.sqrt(np.mean(samples**2))


def speak_all(accents, names, renditions, seed):
    """Every word in every voice, at random speed and pitch: ([samples], int64 labels, voices)."""
    rng = np.random.default_rng(seed)
    utterances, labels, voices = [], [], []
    for accent in accents:
        for name in names:
            for label, word in enumerate(WORDS):
                for _ in range(renditions):
                    speed, pitch = rng.integers(120, 221), rng.integers(20, 81)
                    utterances.append(speak(word, accent, name, speed, pitch))
                    labels.append(label)
                    voices.append(f"{accent}+{name}")
    return utterances, np.array(labels, np.int64), voices


def mel_filters():
    """BANDS triangles, evenly spaced on the mel scale, over the bins of a transform."""

    def mel(hertz):
        return 2595.0 * np.log10(1.0 + np.asarray(hertz) / 700.0)

    edges = np.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), BANDS + 2)
    bins = mel(np.arange(WINDOW // 2 + 1) * RATE / WINDOW)[None, :]
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rise, fall = (bins - left) / (centre - left), (right - bins) / (right - centre)
    return np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)


FILTERS = mel_filters()
HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)


def log_mel(waves):
    """Float N x SAMPLES to uint8 N x BANDS x FRAMES: levels above FLOOR_DB in STEP_DB."""
    frames = np.lib.stride_tricks.sliding_window_view(waves, WINDOW, axis=1)[:, ::HOP]
    power = np.abs(np.fft.rfft(frames * HANN, axis=2).astype(np.complex64)) ** 2
    energy = power @ FILTERS.T / np.sum(HANN**2)
    decibels = 10.0 * np.log10(np.maximum(energy, 1e-12)) - FLOOR_DB
    return np.clip(np.round(decibels / STEP_DB), 0, 255).astype(np.uint8).transpose(0, 2, 1)


def record(utterances, rng):
    """Places each word at a random time in a second of noise, then takes its features.

    The speech lies 12 to 36 dB below full scale; the noise, white or falling with frequency,
    another 5 to 35 dB below that; a one-tap filter tilts the whole, as a cheap microphone does.
    """
    count = len(utterances)
    waves = np.zeros((count, SAMPLES), np.float32)
    for wave, speech in zip(waves, utterances):
        start = rng.integers(0, SAMPLES - len(speech) + 1)
        wave[start : start + len(speech)] = speech
    noise = rng.standard_normal((count, SAMPLES + 1), np.float32)
    noise = noise[:, 1:] + noise[:, :-1] * rng.uniform(0.0, 1.0, (count, 1)).astype(np.float32)
    noise_level = 10.0 ** (-rng.uniform(5.0, 35.0, (count, 1)) / 20.0)
    waves += noise * noise_level.astype(np.float32)
    tilt = rng.uniform(-0.5, 0.5, (count, 1)).astype(np.float32)
    waves[:, 1:] += tilt * waves[:, :-1]
    level = 10.0 ** (-rng.uniform(12.0, 36.0, (count, 1)) / 20.0)
    return log_mel(waves * level.astype(np.float32))
