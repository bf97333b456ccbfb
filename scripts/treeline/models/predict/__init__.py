"""What exported models say of images: with onnxruntime alone, without torch."""
