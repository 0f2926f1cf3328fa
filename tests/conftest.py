"""Hypothesis for all tests: no time limit for one example, since a busy machine is not a bug."""

from hypothesis import settings

settings.register_profile("ddcodec", deadline=None)
settings.load_profile("ddcodec")
