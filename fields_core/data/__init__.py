"""Training data: what one sample knows, where samples come from, and how batches are mixed."""
