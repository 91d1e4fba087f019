"""Glyphs rendered from the typefaces in fonts.txt: 50 classes, one 32x32 grey image each."""

import os
import random
import subprocess
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

# Left out: characters that look like another one once their size is normalised (O and o like 0,
# I and l like 1, q like 9, and lower case that is upper case made small).
CLASSES = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabdefghnrt&@#$%?"

CANVAS = 64  # side of a rendered glyph, before augmentation
GLYPH_BOX = 46  # the longer side of a glyph on the canvas
SIDE = 32  # side of an image
FACES_PER_FAMILY = 8


def read_families(path):
    """Rows of fonts.txt as (group, package, licence, family)."""
    rows = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#"):
                continue
            group, package, licence, families = (field.strip() for field in line.split("|"))
            rows += [(group, package, licence, family.strip()) for family in families.split(",")]
    return rows


def is_test_group(group):
    """The split is a property of the name, so that nobody picks easy typefaces for the test."""
    return zlib.crc32(group.encode()) % 4 == 0


def installed_faces():
    """Maps each family to its font files, one for each style, in a fixed order."""
    listing = subprocess.run(
        ["fc-list", "--format", "%{file}|%{family[0]}|%{style[0]}\n"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    faces = {}
    for line in sorted(listing.splitlines()):
        file, _, names = line.partition("|")
        if os.path.splitext(file)[1] in (".otf", ".ttf"):
            family, style = names.split("|")
            faces.setdefault(family, {}).setdefault(style, file)
    return {family: [styles[s] for s in sorted(styles)] for family, styles in faces.items()}


def draw_glyph(font, text):
    """The ink of a character on a white canvas, scaled to GLYPH_BOX and centred, or None."""
    left, top, right, bottom = font.getbbox(text)
    if right <= left or bottom <= top:
        return None
    ink = Image.new("L", (right - left, bottom - top), 0)
    ImageDraw.Draw(ink).text((-left, -top), text, fill=255, font=font)
    box = ink.getbbox()
    if box is None:
        return None
    ink = ink.crop(box)
    scale = GLYPH_BOX / max(ink.size)
    size = tuple(max(1, round(side * scale)) for side in ink.size)
    canvas = Image.new("L", (CANVAS, CANVAS), 0)
    canvas.paste(
        ink.resize(size, Image.LANCZOS), ((CANVAS - size[0]) // 2, (CANVAS - size[1]) // 2)
    )
    return np.asarray(canvas)


def draw_face(path):
    """All classes of one font file, or None if it lacks a glyph or draws small capitals."""
    font = ImageFont.truetype(path, 96)
    missing = draw_glyph(font, "\U0010fffd")
    glyphs = []
    for text in CLASSES:
        glyph = draw_glyph(font, text)
        if glyph is None or (missing is not None and np.array_equal(glyph, missing)):
            return None
        glyphs.append(glyph)
    for text in "aehnrt":
        lower, upper = draw_glyph(font, text) / 255.0, draw_glyph(font, text.upper()) / 255.0
        if np.minimum(lower, upper).sum() > 0.9 * np.maximum(lower, upper).sum():
            return None
    return np.stack(glyphs)


def render(fonts_path):
    """Returns {"train"|"test": (uint8 faces x classes x 64 x 64, [(group, family, file)])}."""
    faces = installed_faces()
    images = {"train": [], "test": []}
    sources = {"train": [], "test": []}
    for group, package, _, family in read_families(fonts_path):
        if family not in faces:
            raise SystemExit(f"family '{family}' is not installed (package {package})")
        split = "test" if is_test_group(group) else "train"
        files = faces[family]
        if len(files) > FACES_PER_FAMILY:
            files = sorted(random.Random(family).sample(files, FACES_PER_FAMILY))
        for file in files:
            glyphs = draw_face(file)
            if glyphs is not None:
                images[split].append(glyphs)
                sources[split].append((group, family, file))
    return {split: (np.stack(images[split]), sources[split]) for split in images}


def augment(glyphs, generator):
    """uint8 N x 64 x 64 ink to float N x 1 x 32 x 32 grey values, whole numbers from 0 to 255.

    Rotation up to 12 degrees, scale 0.8 to 1.1 on each axis, slant up to 0.15, shift up to 2
    pixels, three widths of blur, dark on light or light on dark at any contrast from 60 upwards,
    noise up to 20 grey values.
    """
    count = glyphs.shape[0]

    def uniform(low, high, *shape):
        return torch.rand((count, *shape), generator=generator) * (high - low) + low

    angle = uniform(-12.0, 12.0) * (np.pi / 180.0)
    scale_x, scale_y = 1.0 / uniform(0.8, 1.1), 1.0 / uniform(0.8, 1.1)
    slant = uniform(-0.15, 0.15)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack(
        [
            torch.stack([cos * scale_x, (slant * cos - sin) * scale_y, uniform(-0.12, 0.12)], 1),
            torch.stack([sin * scale_x, (slant * sin + cos) * scale_y, uniform(-0.12, 0.12)], 1),
        ],
        1,
    )
    ink = torch.from_numpy(glyphs).float().unsqueeze(1) / 255.0
    ink = F.avg_pool2d(F.pad(ink, (0, 1, 0, 1)), 2, stride=1)
    grid = F.affine_grid(theta, (count, 1, SIDE, SIDE), align_corners=False)
    ink = F.grid_sample(ink, grid, align_corners=False)

    kernel = torch.tensor([1.0, 2.0, 1.0]) / 4.0
    blurred = F.conv2d(ink, (kernel[:, None] * kernel[None, :])[None, None], padding=1)
    blur = uniform(-0.3, 1.0, 1, 1, 1).clamp(min=0.0)
    ink = ink + blur * (blurred - ink)

    contrast = uniform(60.0, 255.0, 1, 1, 1)
    darkest = uniform(0.0, 1.0, 1, 1, 1) * (255.0 - contrast)
    light_on_dark = uniform(0.0, 1.0, 1, 1, 1) < 0.5
    grey = darkest + contrast * torch.where(light_on_dark, ink, 1.0 - ink)
    noise = torch.randn(grey.shape, generator=generator) * uniform(0.0, 20.0, 1, 1, 1)
    return (grey + noise).clamp(0.0, 255.0).round()


def sample_set(images, per_class, seed):
    """Draws per_class augmented images of each class, from faces in turn: (uint8, int64 labels)."""
    faces, classes = images.shape[:2]
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(faces) for _ in range(-(-per_class // faces))])
    face_ids = np.repeat(order[:per_class], classes)
    labels = np.tile(np.arange(classes, dtype=np.int64), per_class)
    generator = torch.Generator().manual_seed(seed)
    x = augment(images[face_ids, labels], generator).numpy().astype(np.uint8)
    shuffled = rng.permutation(len(labels))
    return x[shuffled], labels[shuffled]
