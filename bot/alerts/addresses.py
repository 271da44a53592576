"""Addresses outside Discord, as apprise writes them: which ones we take from a server's admins, and how they are shown.

From admins we take services whose messages go to one fixed vendor, or to the host in the address; nothing that would
run a program, write a file or speak to this machine. The operator's own (ALERT_URLS) may be any that apprise knows.
"""

import re
from urllib.parse import unquote, urlsplit

from bot.translation import _
from bot.usage.errors import TriloError

HOSTED = frozenset(
    {"json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos", "gotify", "gotifys", "mmost", "mmosts",
     "rocket", "rockets"}
)  # fmt: skip
"""Their messages go to the host that the address names."""
VENDORS = frozenset({"discord", "slack", "tgram", "gchat", "pover", "pbul", "pagerduty", "opsgenie", "wxteams"})
"""Their messages go to the vendor; what stands where a host would is a secret."""
BOTH = frozenset({"ntfy", "ntfys"})
"""Either, by what else the address says."""
NATIVE = {"discord.com": "/api/webhooks/", "discordapp.com": "/api/webhooks/", "hooks.slack.com": "/services/"}
"""Web addresses that vendors give people to copy, which apprise understands as they are."""
_PARAMETERS = frozenset(
    {"to", "from", "name", "cc", "bcc", "smtp", "mode", "user", "pass", "channel", "thread", "topic", "priority",
     "format", "method"}
)  # fmt: skip
"""The rest stays out: some read files (templates, keys), switch checks off, or take their time."""
MAX_LENGTH = 500
_NOT_A_HOST = re.compile(r"[^\w.:-]")
"""Characters that no host has, and that would break out of the mark a label is shown in."""
_EXAMPLES = "`mailtos://user:password@example.com?to=me@example.com`, `jsons://example.com/hook`"


class AddressRefusedError(TriloError):
    """An address isn't taken; the message says why, in words for whoever typed it, without quoting it (I35)."""


def check_form(address: str) -> None:
    """Raise `AddressRefusedError` for what isn't an address that we take from a server's admins. Looks nothing up."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        raise AddressRefusedError(_no_address()) from None
    if (
        len(address) > MAX_LENGTH
        or not host
        or address.count("?") > 1
        or any(c.isspace() or not c.isprintable() for c in address)
    ):
        raise AddressRefusedError(_no_address())
    if parts.scheme == "https":
        if "?" in address or not parts.path.startswith(NATIVE.get(host, "\0")):
            raise AddressRefusedError(_("I can't send to that web page. {instead}", instead=_no_address()))
        return
    if parts.scheme not in HOSTED | VENDORS | BOTH:
        raise AddressRefusedError(_("I don't send to that kind of address. {instead}", instead=_no_address()))
    if strange := sorted(name for name in _fields(address) if name not in _PARAMETERS and not name.startswith("+")):
        named = strange[0][:20].replace("`", "")
        raise AddressRefusedError(_("Leave out `{name}` from the address.", name=named))


def host_of(address: str) -> str:
    """The host that messages to an address go to; empty where that is a vendor's, which the address doesn't choose."""
    parts = urlsplit(address)
    fields = _fields(address)
    if parts.scheme in HOSTED:
        return (fields.get("smtp") if parts.scheme.startswith("mailto") else "") or parts.hostname or ""
    # ntfy://topic goes to the vendor, ntfy://host/topic to that host
    to_host = parts.scheme in BOTH and (parts.path.strip("/") or "to" in fields or "mode" in fields)
    return parts.hostname or "" if to_host else ""


def label_of(address: str) -> str:
    """How an address is shown: `mailtos://…@example.com`, `jsons://example.com/…`, `discord://…`."""
    try:
        parts = urlsplit(address)
        scheme, host = parts.scheme, _NOT_A_HOST.sub("", parts.hostname or "")
    except ValueError:
        return "…"
    if scheme.startswith("mailto"):
        return f"{scheme}://…@{host}"
    if scheme in HOSTED:
        return f"{scheme}://{host}/…"
    return f"{scheme}://{host}/…" if host in NATIVE else f"{scheme}://…"


def _fields(address: str) -> dict[str, str]:
    """What follows the question mark, read as apprise does: also after a `#`, and parted by semicolons too."""
    pairs = [pair.partition("=") for pair in re.split("[&;]", address.partition("?")[2]) if pair]
    return {unquote(name).strip().lower(): unquote(value).strip() for name, _, value in pairs}


def _no_address() -> str:
    return _(
        "Give an address such as {examples}, or a webhook of Discord or Slack as they show it.", examples=_EXAMPLES
    )
