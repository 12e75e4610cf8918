"""TensorRT engines: built from the graphs of a model, kept in a cache, checked before use."""
