"""`python -m moderation` is `moderation`."""

from .cli import main

if __name__ == "__main__":
    main()
