"""Fitting head models: one damped Gauss-Newton solver, and the residuals of landmarks (a photo)."""

from fields_core.fitting.landmark_fit import FitResult, LandmarkFitter, landmark_errors
from fields_core.fitting.priors import FitPriors

__all__ = ["FitPriors", "FitResult", "LandmarkFitter", "landmark_errors"]
