"""What a password may be."""

from .errors import UnfitPassword

LENGTH = range(10, 201)
"""Characters. Length is what counts; no kinds of characters are asked for."""

GUESSES = 10_000_000
"""Somebody who knows what people choose needs more than so many for it; signing in allows a thousand a day."""

ESTIMATED = 24
"""Characters that are looked at, since the time that takes grows fast. More make no password easier to guess."""

WORDS = ("moderation", "moderator", "password", "profile", "picture", "indecent", "blocklist")
"""Words of this place, which are guessed first here; the account's name is another."""


def check(password: str, name: str) -> None:
    """Raises `UnfitPassword` with what is wrong with it as the password of the account of that name."""
    if len(password) not in LENGTH:
        raise UnfitPassword(f"A password has {LENGTH[0]} to {LENGTH[-1]} characters.")
    if _guesses(password, name) < GUESSES:
        raise UnfitPassword(
            "This password is too easy to guess: many people use it or one like it. A few words make a good one."
        )


def _guesses(password: str, name: str) -> int:
    # It brings the words and passwords that people use most, 30,000 of each, which take a moment to load.
    from zxcvbn import zxcvbn

    found = zxcvbn(password[:ESTIMATED], user_inputs=[name, *WORDS])
    return int(found["guesses"])
