"""Takes: recordings of tracked faces, edited without changing what was recorded, and exported as animation."""
