"""How people sign in on this server: read from the environment, which ``serve`` sets."""

import os
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

from fewshot_lab.errors import FewshotLabError

WAYS = ("off", "accounts", "proxy", "openid")
SIGN_IN = "FEWSHOT_LAB_SIGN_IN"
UNGUARDED = "FEWSHOT_LAB_NO_SIGN_IN"
PROXY_HEADER = "FEWSHOT_LAB_PROXY_HEADER"
TRUSTED_PROXY = "FEWSHOT_LAB_TRUSTED_PROXY"
OPENID_SECRETS = "FEWSHOT_LAB_OPENID_SECRETS"
OPENID_CLAIM = "FEWSHOT_LAB_OPENID_CLAIM"
IDLE_MINUTES = "FEWSHOT_LAB_IDLE_MINUTES"

OPEN_TO_ALL = (
    "Whoever reaches {address} could see every image and label under any name. Choose how people "
    "sign in (--sign-in accounts, proxy or openid; docs/sign-in.md says which), or confirm with "
    "--no-sign-in that the network itself keeps others out."
)


@dataclass(frozen=True)
class SignIn:
    """How people sign in.

    Attributes
    ----------
    way : "off", "accounts", "proxy" or "openid"
    idle : int
        Seconds without anything done after which somebody is signed out.
    header : str
        By proxy: the header that holds the name.
    proxies : tuple of networks
        By proxy: the addresses that may say so.
    secrets : Path or None
        OpenID Connect: the file with the client's secret.
    claim : str
        OpenID Connect: what of an identity is the name.
    """

    way: str = "off"
    idle: int = 30 * 60
    header: str = "X-Forwarded-User"
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    secrets: Path | None = None
    claim: str = "email"

    @property
    def is_on(self) -> bool:
        """Whether anybody has to sign in."""
        return self.way != "off"

    def trusts(self, peer: str | None) -> bool:
        """Say whether an address is one of the trusted proxies."""
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.proxies)


def sign_in() -> SignIn:
    """Return how people sign in on this server.

    Raises
    ------
    FewshotLabError
        For settings that cannot be.
    """
    setting = os.environ.get
    way = setting(SIGN_IN) or "off"
    if way not in WAYS:
        raise FewshotLabError(f"{SIGN_IN} must be one of {', '.join(WAYS)}; it is {way!r}.")
    minutes = setting(IDLE_MINUTES) or "30"
    if not minutes.isdecimal() or not 1 <= int(minutes) <= 720:
        raise FewshotLabError(f"{IDLE_MINUTES} must be 1 to 720; it is {minutes!r}.")
    secrets = setting(OPENID_SECRETS)
    settings = SignIn(
        way=way,
        idle=60 * int(minutes),
        header=setting(PROXY_HEADER) or "X-Forwarded-User",
        proxies=tuple(_network(text) for text in (setting(TRUSTED_PROXY) or "").split()),
        secrets=Path(secrets) if secrets else None,
        claim=setting(OPENID_CLAIM) or "email",
    )
    if way == "proxy" and not settings.proxies:
        raise FewshotLabError(
            "Give the address of the proxy that signs people in with --trusted-proxy: headers "
            "from other addresses are not trusted."
        )
    if way == "openid":
        _check_secrets(settings.secrets)
    return settings


def check_exposure(settings: SignIn, address: str | None) -> None:
    """Refuse to be open to other machines without sign-in, unless that was said in words.

    Raises
    ------
    FewshotLabError
    """
    if settings.is_on or os.environ.get(UNGUARDED) or _is_loopback(address):
        return
    raise FewshotLabError(OPEN_TO_ALL.format(address=address or "this machine"))


def _is_loopback(address: str | None) -> bool:
    if address in (None, ""):
        return False  # all of the machine's addresses
    try:
        return ip_address(str(address).strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise FewshotLabError(
            f"{text!r} is not the address of a proxy: write a numeric one, such as 127.0.0.1."
        ) from None


def _check_secrets(file: Path | None) -> None:
    root = Path(__file__).resolve().parents[2]
    if file is None or not file.is_file():
        where = f"{file} is not there. " if file else ""
        raise FewshotLabError(
            f"{where}Name the file with the provider's address and the client's secret by "
            "--openid-secrets; docs/sign-in.md shows one."
        )
    if file.resolve().is_relative_to(root):
        raise FewshotLabError(f"{file} holds a secret: keep it outside of {root}.")
    if os.name == "posix" and file.stat().st_mode & 0o077:
        raise FewshotLabError(f"{file} can be read by others: chmod 600 {file}.")
