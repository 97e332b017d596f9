"""A bundle of tiny graphs with the interface of the real one, to test the runtime with pictures made of rectangles.

A rectangle whose red is 250 is a face to `detect`, one whose red is 240 to `detect_far`. At its centre, green tells
the presence (255 is 1.0) and blue the yaw (255 is 90°).
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, parser

NEAR, FAR = 250, 240
HEADER = '<ir_version: 8, opset_import: ["": 17]>'

DETECT = """
detect (uint8[H,W,3] image) => (float[N,4] boxes, float[N,6,2] keypoints, float[N] scores, float[N,4] regions)
<int64[1] last = {2}, int64[1] low = {-1}, int64[1] high = {1000000}, int64[1] one = {1}, int64[1] first = {0},
 float[1] two = {2.0}, float[1] zero = {0.0}, float[1] sure = {1.0}, int64[3] points = {1, 6, 2}> {
    colours = Cast<to = 1>(image)
    red = Gather<axis = 2>(colours, first)
    equal = Equal(red, wanted)
    mask3 = Cast<to = 1>(equal)
    mask = Squeeze(mask3, last)
    columns = ReduceMax<axes = [0], keepdims = 0>(mask)
    rows = ReduceMax<axes = [1], keepdims = 0>(mask)
    xs2 = NonZero(columns)
    ys2 = NonZero(rows)
    xs = Squeeze(xs2, first)
    ys = Squeeze(ys2, first)
    xs_low = Concat<axis = 0>(xs, high)
    xs_high = Concat<axis = 0>(xs, low)
    ys_low = Concat<axis = 0>(ys, high)
    ys_high = Concat<axis = 0>(ys, low)
    x0 = ReduceMin<keepdims = 1>(xs_low)
    y0 = ReduceMin<keepdims = 1>(ys_low)
    x_last = ReduceMax<keepdims = 1>(xs_high)
    y_last = ReduceMax<keepdims = 1>(ys_high)
    x1 = Add(x_last, one)
    y1 = Add(y_last, one)
    corners = Concat<axis = 0>(x0, y0, x1, y1)
    box = Cast<to = 1>(corners)
    rows_box = Unsqueeze(box, first)
    any = ReduceMax<axes = [0], keepdims = 1>(columns)
    found2 = NonZero(any)
    found = Squeeze(found2, first)
    boxes = Gather<axis = 0>(rows_box, found)
    fx0, fy0, fx1, fy1 = Split<axis = 0>(box)
    sum_x = Add(fx0, fx1)
    sum_y = Add(fy0, fy1)
    centre_x = Div(sum_x, two)
    centre_y = Div(sum_y, two)
    width = Sub(fx1, fx0)
    height = Sub(fy1, fy0)
    side = Max(width, height)
    region = Concat<axis = 0>(centre_x, centre_y, side, zero)
    rows_region = Unsqueeze(region, first)
    regions = Gather<axis = 0>(rows_region, found)
    scores = Gather<axis = 0>(sure, found)
    corner = Concat<axis = 0>(centre_x, centre_y, centre_x, centre_y, centre_x, centre_y, centre_x, centre_y,
                              centre_x, centre_y, centre_x, centre_y)
    point = Reshape(corner, points)
    keypoints = Gather<axis = 0>(point, found)
}
"""
TRACK = """
track (uint8[H,W,3] image, float[4] region) => (float[478,3] landmarks, float presence, float[4] next_region)
<int64[1] i0 = {0}, int64[1] i1 = {1}, int64[1] i2 = {2}, float full = {255.0}, float quarter = {1.5607963},
 float[1] nothing = {0.0}> {
    centre_x = Gather(region, i0)
    centre_y = Gather(region, i1)
    side = Gather(region, i2)
    row_column = Concat<axis = 0>(centre_y, centre_x)
    index = Cast<to = 7>(row_column)
    pixel8 = GatherND(image, index)
    pixel = Cast<to = 1>(pixel8)
    share = Div(pixel, full)
    presence1 = Gather(share, i1)
    presence = Squeeze(presence1, i0)
    blue = Gather(share, i2)
    yaw = Mul(blue, quarter)
    slope = Tan(yaw)
    across = Gather<axis = 1>(template, i0)
    down = Gather<axis = 1>(template, i1)
    depth = Mul(across, slope)
    face = Concat<axis = 1>(across, down, depth)
    sized = Mul(face, side)
    centre = Concat<axis = 0>(centre_x, centre_y, nothing)
    landmarks = Add(sized, centre)
    next_region = Identity(region)
}
"""
HEAD = """
head (float[478,3] landmarks) => (float[4] region)
<int64[1] i0 = {0}, int64[1] i1 = {1}, float[1] two = {2.0}, float[1] nothing = {0.0}> {
    low = ReduceMin<axes = [0], keepdims = 0>(landmarks)
    high = ReduceMax<axes = [0], keepdims = 0>(landmarks)
    sum = Add(low, high)
    middle = Div(sum, two)
    whole = Round(middle)
    extent = Sub(high, low)
    height = Gather(extent, i1)
    round = Round(height)
    side = Mul(round, two)
    x = Gather(whole, i0)
    y = Gather(whole, i1)
    region = Concat<axis = 0>(x, y, side, nothing)
}
"""
MATTE = """
matte (uint8[H,W,3] image, float[4] region) => (float[1,1,256,256] matte)
<int64[4] shape = {1, 1, 256, 256}, float one = {1.0}> { matte = Expand(one, shape) }
"""
ENCODE = """
encode (uint8[H,W,3] image, float[478,3] landmarks, float[4] region, float[1,1,256,256] matte, int64 size)
    => (uint8[S,S,1] alpha, float[478,3] points)
<int64[1] first = {0}, int64[1] one = {1}, uint8 opaque = {255}> {
    side = Unsqueeze(size, first)
    shape = Concat<axis = 0>(side, side, one)
    alpha = Expand(opaque, shape)
    points = Identity(landmarks)
}
"""
REFER = """
refer (uint8[H,W,3] image, float[478,3] landmarks, float[478,3] points) => (float[478,3] all_points)
{ all_points = Identity(points) }
"""
RENDER = """
render (uint8[S,S,1] alpha, float[478,3] points, float[478,3] target) => (uint8[S,S,4] frame)
<int64[3] three = {1, 1, 3}> {
    moved = Sub(target, points)
    sum = ReduceMean<keepdims = 0>(moved)
    many = Abs(sum)
    colour = Cast<to = 2>(many)
    shape = Shape(alpha)
    size = Mul(shape, three)
    rgb = Expand(colour, size)
    frame = Concat<axis = 2>(rgb, alpha)
}
"""
PASTE = """
paste (uint8[S,S,4] frame, uint8[P,P,3] backdrop) => (uint8[P,P,3] picture)
<int64[3] first = {0, 0, 0}, int64[3] end = {1, 1, 3}> {
    colour = Slice(frame, first, end)
    shape = Shape(backdrop)
    picture = Expand(colour, shape)
}
"""
MOTION = """
motion (float[478,3] neutral, float[478,3] driver)
    => (float[3,3] rotation, float[3] translation, float scale, float[478,3] expression)
<float hundred = {100.0}, float nothing = {0.0}> {
    rotation = Identity(eye)
    from = ReduceMean<axes = [0], keepdims = 0>(neutral)
    to = ReduceMean<axes = [0], keepdims = 0>(driver)
    shift = Sub(to, from)
    translation = Div(shift, hundred)
    scale = Identity(nothing)
    expression = Sub(neutral, neutral)
}
"""
RETARGET = """
retarget (float[478,3] source, float[3,3] rotation, float[3] translation, float scale, float[478,3] expression,
          float[5] gains) => (float[478,3] target)
<int64[1] pose = {0}, float hundred = {100.0}> {
    gain = Gather(gains, pose)
    pixels = Mul(translation, hundred)
    shift = Mul(pixels, gain)
    target = Add(source, shift)
}
"""
WATERMARK_EMBED = """
watermark_embed (uint8[H,W,C] image, uint8[4] message) => (uint8[H,W,C] marked) { marked = Identity(image) }
"""
WATERMARK_READ = """
watermark_read (uint8[H,W,C] image, float scale) => (float[64,64] estimate)
<int64[2] shape = {64, 64}> { estimate = Expand(scale, shape) }
"""
WATERMARK_DECODE = """
watermark_decode (float[64,64] estimate) => (uint8[4] message, float confidence, bool valid)
<float limit = {2.0}> {
    confidence = ReduceMean<keepdims = 0>(estimate)
    valid = Greater(confidence, limit)
    message = Identity(nothing)
}
"""


def face_template() -> np.ndarray:
    """float32 [478, 3]: a face whose box is 1 × 1 around (0, 0), eye corners on one level."""
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (478, 3))
    points[0, :2], points[1, :2] = (-0.5, -0.5), (0.5, 0.5)
    points[33], points[263] = (-0.3, -0.2, 0), (0.3, -0.2, 0)
    return points.astype(np.float32)


def write_standin_bundle(folder: Path) -> None:
    """Writes the graphs and their manifest into an existing folder."""
    constants: dict[str, dict[str, np.ndarray]] = {
        "detect": {"wanted": np.array(NEAR, np.float32)},
        "detect_far": {"wanted": np.array(FAR, np.float32)},
        "track": {"template": face_template()},
        "motion": {"eye": np.eye(3, dtype=np.float32)},
        "watermark_decode": {"nothing": np.zeros(4, np.uint8)},
    }
    texts = {
        "detect": DETECT, "detect_far": DETECT, "track": TRACK, "head": HEAD, "matte": MATTE, "encode": ENCODE,
        "refer": REFER, "render": RENDER, "paste": PASTE, "motion": MOTION, "retarget": RETARGET,
        "watermark_embed": WATERMARK_EMBED, "watermark_read": WATERMARK_READ, "watermark_decode": WATERMARK_DECODE,
    }  # fmt: skip
    for name, text in texts.items():
        model = parser.parse_model(HEADER + text)
        model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.get(name, {}).items())
        onnx.checker.check_model(model)
        onnx.save(model, folder / f"{name}.onnx")
    write_manifest(folder)


def write_manifest(folder: Path) -> None:
    """Writes a manifest that names all graphs (*.onnx) and presets (*.safetensors) in a folder."""
    manifest = {
        "format": "vivant-bundle-1",
        "name": "stand-in",
        "version": "0",
        "graphs": {path.stem: _entry(path) for path in sorted(folder.glob("*.onnx"))},
        "presets": {path.stem: _entry(path) for path in sorted(folder.glob("*.safetensors"))},
        "thresholds": {"presence": 0.5, "min_face": 40, "max_yaw_degrees": 60},
        "watermark": {"scales": [1.0], "threshold": 0.9, "frames": 4, "search_frames": 1},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _entry(path: Path) -> dict[str, str | int]:
    content = path.read_bytes()
    return {"file": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def picture_with_faces(
    *faces: tuple[int, int, int], size: tuple[int, int] = (320, 240), presence: float = 1.0, yaw: float = 0.0
) -> np.ndarray:
    """uint8 [H, W, 3]: a green-grey picture with up to two square faces (x, y, side), the first one near."""
    picture = np.full((size[1], size[0], 3), (90, 120, 100), np.uint8)
    for red, (x, y, side) in zip((NEAR, FAR), faces, strict=False):
        picture[y : y + side, x : x + side] = (red, round(presence * 255), round(yaw / 90 * 255))
    return picture
