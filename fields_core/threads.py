"""How many threads numeric libraries take. Imports nothing heavy: they read the environment when they are imported."""

from __future__ import annotations

import os

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def prefer_one_thread() -> None:
    """Ask OpenMP and BLAS for one thread, unless the user has asked for another number. Call before importing numpy.

    One face makes small matrices: a second thread gains nothing, and on a busy machine it waits in a busy loop (a fit
    then takes 108 ms instead of 14, a texture 1.2 s instead of 0.4). Training sets its own number.
    """
    for variable in _VARIABLES:
        os.environ.setdefault(variable, "1")
