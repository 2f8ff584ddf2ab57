"""Faces followed through moving pictures: sources of frames, the tracker, and the threads that run both."""
