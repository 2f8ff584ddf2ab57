"""How many threads numeric libraries take. They read the environment when they are imported."""

from __future__ import annotations

import os

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def use_threads(count: int) -> None:
    """Let torch and OpenCV take this many threads, from now on and in new threads. Imports both."""
    import cv2
    import torch

    torch.set_num_threads(count)
    cv2.setNumThreads(count)


def prefer_one_thread() -> None:
    """Ask OpenMP and BLAS for one thread, unless the user has asked for another number. Call before importing numpy.

    One face makes small matrices: a second thread gains nothing, and on a busy machine it waits in a busy loop (a fit
    then takes 108 ms instead of 14, a texture 1.2 s instead of 0.4). Training sets its own number.
    """
    for variable in _VARIABLES:
        os.environ.setdefault(variable, "1")
