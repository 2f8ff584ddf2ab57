"""Very large sets of photos: one row a face, in shards, by many processes or machines, and resumed where it stopped."""
