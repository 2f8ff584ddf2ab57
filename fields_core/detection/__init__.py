"""Photo files, faces and their landmarks, and the crop that encoder and fit look at."""
