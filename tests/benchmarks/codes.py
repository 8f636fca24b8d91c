"""Codes like those of real pictures, as many as are wanted."""

from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from moderation.fingerprint import blocked_views, fingerprint_bytes

Codes = npt.NDArray[np.uint64]

CLUSTER = 4
"""So many codes lie near each other, as several views of one picture do."""

FLIPS = 0.05
"""The share of bits that differ from the middle of their cluster."""


def real(paths: list[Path]) -> Codes:
    """The dHashes of all the views that those pictures would be blocked by, shape (about 40 * n,)."""
    views = [blocked_views(fingerprint_bytes(path.read_bytes(), every_view=True)[0])["dhash"] for path in paths]
    return np.concatenate(views).astype(np.uint64)


def real_like(known: Codes, count: int, rng: np.random.Generator) -> Codes:
    """So many codes, in clusters, whose bits are one as often as those of the known ones, and correlated as they are.

    A Gaussian copula: normal variables with the bits' correlation, each cut where its bit's share of ones lies. Codes
    of real pictures share keys more often than these, and these more often than uniform ones (`unevenness`).
    """
    bits = _bits(known).astype(np.float32)
    values, vectors = np.linalg.eigh(np.sin(np.pi / 2 * np.corrcoef(bits.T)))
    root = (vectors * np.sqrt(values.clip(1e-4))) @ vectors.T
    root = (root / np.sqrt((root**2).sum(axis=1, keepdims=True))).T.astype(np.float32)
    cuts = np.array([NormalDist().inv_cdf(1 - share) for share in bits.mean(axis=0).clip(0.01, 0.99)], np.float32)
    made = np.empty(count, np.uint64)
    for start in range(0, count, 1 << 17):
        size = min(1 << 17, count - start)
        middles = rng.standard_normal((-(-size // CLUSTER), 64), np.float32) @ root > cuts
        codes = np.repeat(middles, CLUSTER, axis=0)[:size] ^ (rng.random((size, 64), np.float32) < FLIPS)
        made[start : start + size] = np.packbits(codes, axis=1).view(np.uint64).ravel()
    return rng.permutation(made)


def unevenness(codes: Codes) -> float:
    """How many codes share the 16-bit key of a code in one of its four bands, itself counted, on average."""
    keys = codes.view(np.uint16).reshape(-1, 4)
    return float(np.mean([(np.bincount(band) ** 2.0).sum() / len(codes) for band in keys.T]))


def _bits(codes: Codes) -> npt.NDArray[np.uint8]:
    return np.unpackbits(codes.view(np.uint8).reshape(-1, 8), axis=1)
