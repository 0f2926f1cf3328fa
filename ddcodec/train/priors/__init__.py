"""Training of priors: distributions over images that a small decoder makes (spec section 7c; arXiv 2403.00999)."""
