"""From a face crop to a face code: the networks, and nothing that trains them."""
