"""The weights that ship, how they were trained, and what they can do: see MODEL_CARD.md."""
