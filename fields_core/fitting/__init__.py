"""Codes from photos: one damped Gauss-Newton solver with the residuals of landmarks, or the encoder's answer."""

from fields_core.fitting.encoded_fit import EncodedFit, find_encoder
from fields_core.fitting.landmark_fit import FitResult, LandmarkFitter, landmark_errors
from fields_core.fitting.priors import FitPriors

__all__ = ["EncodedFit", "FitPriors", "FitResult", "LandmarkFitter", "find_encoder", "landmark_errors"]
