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
    "Resize": "Enlarges decoders' features and patches' flows, and the six maps where they do not double.",
    "Softmax": "Shares of 176 anchors in 4096 points: exponentials.",
    "MatMul": "Weighted sums of the anchors' motion by their shares.",
    "Mul": "The last product with the warped picture, weights of enlarged maps, at full size; masks.",
    "Add": "The last sum with the warped picture, enlarged maps, at full size; residual connections.",
    "Sub": "Even-odd filling of lips and eyes: every edge against every pixel; masks and differences between pictures.",
    "Clip": "Coordinates into the picture, at full size; on a GPU also grey levels into 0 to 255.",
    "Max": "Lower bounds: coordinates into the picture, at full size, crossings in the filling of lips and eyes.",
    "Min": "Upper bounds of the same.",
    "Pad": "Borders of the maps that are enlarged, and convolutions' channels filled up.",
    "Transpose": "Planes to pixels (RGBA) for the host, and coordinates for GridSample, at full size.",
    "Concat": "Inputs of the networks; colours with alpha, and the columns and rows of enlarged maps, at full size.",
    "Where": "Even-odd filling of lips and eyes: every edge against every row.",
    "ReduceSum": "Even-odd filling of lips and eyes: counts of crossings.",
    "Cast": "On a GPU the frame to bytes.",
    "Slice": "The part of the six maps that holds the face, neighbours in enlarged maps; on a GPU their parts.",
    "Split": "Flow, share and colour out of the six maps.",
}
