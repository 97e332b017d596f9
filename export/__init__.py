"""From torch and TFLite to the ONNX graphs of a bundle, and the proof that they are equal."""
