"""What every tensor of a bundle means: unit and range, written into the manifest beside name, type and shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PIXELS = "pixels of the image"
SHARE = "share"
EYES = "distances between the outer eye corners"


@dataclass(frozen=True)
class Meaning:
    """unit: in words. low, high: the range the value keeps in use (None: unbounded)."""

    unit: str
    low: float | None = None
    high: float | None = None


# By name; one that means something else in one graph is listed as GRAPH.NAME.
TENSORS: Final = {
    "image": Meaning("sRGB grey levels", 0, 255),
    "boxes": Meaning(PIXELS),
    "keypoints": Meaning(PIXELS),
    "scores": Meaning("probability", 0, 1),
    "regions": Meaning(f"centre x, centre y, side ({PIXELS}), angle (radians)"),
    "region": Meaning(f"centre x, centre y, side ({PIXELS}), angle (radians)"),
    "next_region": Meaning(f"centre x, centre y, side ({PIXELS}), angle (radians)"),
    "landmarks": Meaning(PIXELS),
    "presence": Meaning("probability", 0, 1),
    "matte": Meaning(SHARE, 0, 1),
    "size": Meaning("pixels of the rendered square", 256, 1024),
    "neutral": Meaning(PIXELS),
    "driver": Meaning(PIXELS),
    "source": Meaning(PIXELS),
    "target": Meaning(PIXELS),
    "rotation": Meaning("rotation matrix", -1, 1),
    "translation": Meaning(EYES),
    "scale": Meaning("natural logarithm of the ratio of sizes"),
    "expression": Meaning(EYES),
    "gains": Meaning("factors for pose, expression, eyes, lips, gaze", 0, 2),
    "texture": Meaning("sRGB; T = 2 S - 1", 0, 1),
    "alpha": Meaning("opacity of the square; fades out at its border", 0, 1),
    "features": Meaning("RGB and matte (0..1), then learnt features"),
    "plate": Meaning("sRGB", 0, 1),
    "square": Meaning(f"the region given to encode ({PIXELS})"),
    "anchors": Meaning("landmarks, the animated square spans -1..1"),
    "frames": Meaning("centre and half axes of mouth and eyes, the animated square spans -1..1"),
    "mouth": Meaning("sRGB", 0, 1),
    "eyes": Meaning("sRGB", 0, 1),
    "mouth_mask": Meaning(SHARE, 0, 1),
    "eye_mask": Meaning(SHARE, 0, 1),
    "mouth_points": Meaning("landmarks, the mouth's patch spans -1..1"),
    "eye_points": Meaning("landmarks, an eye's patch spans -1..1"),
    "slopes": Meaning("turn of the head to the side and up, as slopes"),
    "unlike": Meaning("mean difference of the skin around mouth and eyes from the first photo's", 0, 1),
    "frame": Meaning("sRGB grey levels and alpha", 0, 255),
    "backdrop": Meaning("sRGB grey levels", 0, 255),
    "picture": Meaning("sRGB grey levels", 0, 255),
    "message": Meaning("bytes of the watermark", 0, 255),
    "marked": Meaning("sRGB grey levels", 0, 255),
    "watermark_read.scale": Meaning("share of the marked picture's longer side that is left", 0.5, 1.25),
    "estimate": Meaning("one period of the watermark's pattern"),
    "confidence": Meaning("how well the pattern fits a message", 0, 1),
    "valid": Meaning("whether the message's checksum fits"),
}

# How far ONNX Runtime may be from torch, in the unit of the graph's outputs; `verify` measures against it.
TOLERANCES: Final = {
    "head": 0.0,
    "motion": 1e-4,
    "retarget": 1e-2,
    "encode": 1e-3,
    "refer": 1e-3,
    "render": 1.0,
    "paste": 1.0,
    "watermark_embed": 1.0,
    "watermark_read": 1e-2,
    "watermark_decode": 1e-4,
}

# What a `render` of each precision may lose against torch in float32, grey levels: of fp32 the largest difference of a
# pixel, of the others the mean over the worst of mouth, eyes and whole frame. One grey level is what nobody sees.
ACCEPTED_LOSS: Final = {"fp32": 1.0, "fp16": 0.25, "int8": 1.0}
