"""Codes from photos: one damped Gauss-Newton solver with the residuals of landmarks.

`fields_core.fitting.encoded_fit`, the encoder's answer in the same form, is imported only where an encoder is used: its
libraries take 180 MB.
"""

from fields_core.fitting.landmark_fit import FitResult, LandmarkFitter, landmark_errors
from fields_core.fitting.priors import FitPriors

__all__ = ["FitPriors", "FitResult", "LandmarkFitter", "landmark_errors"]
