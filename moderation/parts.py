"""The parts that a running site is made of, as the domain is handed them."""

from dataclasses import dataclass
from datetime import timedelta

from .blocklist import Blocklist
from .codes import Codes
from .decoder import Decoder
from .filestore import FileStore
from .known_good import KnownGoodList
from .matching import Policy
from .onshow import Down, OnShow


@dataclass(frozen=True)
class Patience:
    """After how many attempts to slip something through further uploads are held, whatever they are; 0 for never."""

    member: int
    address: int


@dataclass(frozen=True)
class Parts:
    store: FileStore
    blocklist: Blocklist
    on_show: OnShow
    down: Down
    known_good: KnownGoodList
    codes: Codes
    policy: Policy
    patience: Patience
    decoder: Decoder
    lease: timedelta  # how long a process has for what it has begun
