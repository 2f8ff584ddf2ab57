"""Changes of a face code by meaning: emotions, strength, presets, mirror images. Identity, pose and camera are kept."""
