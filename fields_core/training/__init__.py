"""Training of the encoder: pretraining, then FIELDS' two steps."""
