"""Files that nobody means well with, made when they are needed; the same ones each time."""
