"""Sentences about the product, each shown on the real thing."""

import moderation  # noqa: F401 - before numpy, which hears from it on how many threads to multiply
