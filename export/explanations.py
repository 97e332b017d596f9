"""Why operators of `render` that are no convolutions take their share of the time."""

from __future__ import annotations

from typing import Final

EXPLAINED_SHARE: Final = 0.05  # operators that take more are listed, with these words

EXPLANATIONS: Final = {
    "Conv": "The networks themselves.",
    "FusedConv": "The networks themselves, with ReLU.",
    "QLinearConv": "The networks themselves, in int8.",
    "QuantizeLinear": "To int8 at the border of the networks and around additions and upsampling; the frame to bytes.",
    "DequantizeLinear": "From int8 at the border of the networks, and between them around additions and upsampling.",
    "GridSample": "Moves the photo's own pixels, three channels at full size, and places the patches: memory.",
    "Resize": "Enlarges the six maps to the output's size, the decoders' features and the patches' flows.",
    "Softmax": "Shares of 176 anchors in 4096 points, of as many in 1024, and of the patches' anchors: exponentials.",
    "MatMul": "Weighted sums of the anchors' motion by those shares.",
    "Mul": "The last multiplication by the warped picture, at full size, and the masks.",
    "Add": "The last addition to the warped picture, at full size, and the networks' residual connections.",
    "Clip": "Coordinates into the picture, at full size; on a GPU also grey levels into 0 to 255.",
    "Transpose": "Planes to pixels (RGBA) for the host, and coordinates for GridSample, at full size.",
    "Concat": "Inputs of the networks; colours with alpha, at full size.",
    "Where": "Even-odd filling of lips and eyes: every edge against every row.",
    "Greater": "Even-odd filling of lips and eyes: every edge against every pixel.",
    "ReduceSum": "Even-odd filling of lips and eyes: counts of crossings.",
    "Cast": "Masks to numbers; on a GPU also the frame to bytes.",
    "Slice": "The part of the six maps that holds the face; on a GPU flow, share and colour, at full size.",
    "Split": "Flow, share and colour out of the six maps.",
}
