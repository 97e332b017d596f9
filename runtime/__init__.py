"""The ONNX Runtime host: decodes media, moves tensors, encodes clips. Imports neither torch nor `models`."""
