"""Figures, each measured beside what it is compared with, in the same run."""

import moderation  # noqa: F401 - before numpy, which hears from it on how many threads to multiply
