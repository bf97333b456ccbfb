"""A trained model as others use it: an ONNX file, proof that it gives what the trained one gives, and a model card."""
