"""What people may do only so often: signing in and up, uploading."""

from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from flask import current_app, request

from ..accounts import key_of
from ..limiting import Limit

QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)


def sign_in(name: str, browser: str) -> tuple[tuple[Limit, str], tuple[Limit, str]]:
    """For a name, and for an address. A browser that has signed in to the account before counts on its own: nobody can
    lock a person out by guessing elsewhere."""
    why = "There were too many wrong passwords"
    return (
        (_limit("LIMIT_SIGN_IN", QUARTER, f"{why} for this name."), f"{key_of(name)} {browser}"),
        (_limit("LIMIT_SIGN_IN_ADDRESS", QUARTER, f"{why} from where you are."), network()),
    )


def sign_up() -> tuple[Limit, str]:
    return _limit("LIMIT_SIGN_UP_ADDRESS", HOUR, "Too many accounts were asked for from where you are."), network()


def upload(account_id: int) -> tuple[tuple[Limit, str], tuple[Limit, str]]:
    return (
        (_limit("LIMIT_UPLOADS", HOUR, "You have uploaded very many pictures."), str(account_id)),
        (_limit("LIMIT_UPLOADS_ADDRESS", HOUR, "Very many pictures were uploaded from where you are."), network()),
    )


def network() -> str:
    """Where the request comes from: the address, or of IPv6, of which one person has many, the network of 64 bits."""
    given = request.remote_addr or ""
    try:
        address = ip_address(_without_port(given))
    except ValueError:
        return given[:45]  # whatever it is, others are something else
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ip_network((address, 64), strict=False))
    return str(address)


def _without_port(given: str) -> str:
    """Some proxies say from which port, too."""
    if given.startswith("["):
        return given[1:].partition("]")[0]
    return given.partition(":")[0] if given.count(":") == 1 else given


def _limit(setting: str, period: timedelta, why: str) -> Limit:
    return Limit(setting, int(current_app.config[setting]), period, why)
