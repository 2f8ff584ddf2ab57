"""Training losses. Each is a pure function of tensors, takes per-sample weights, and is 0 on an empty subset."""
