"""What a budget is to apply to, from the options of `/budget set`. Pure; the words are for whoever typed them."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce

from bot.translation import _, mark, n_
from bot.usage.budgeting.budgets import Scope
from cogs._kit.tables import plain, shorten

APPLIES_TO = {
    Scope.GUILD: mark("server"),
    Scope.EACH_USER: mark("each member"),
    Scope.CHANNEL: mark("channel"),
    Scope.ROLE: mark("role"),
    Scope.EACH_IN_ROLE: mark("each member of a role"),
    Scope.USER: mark("member"),
    Scope.OPERATION: mark("operation"),
}
"""What can be chosen, and its name there."""

_OPTION = {
    Scope.CHANNEL: "channel",
    Scope.ROLE: "role",
    Scope.EACH_IN_ROLE: "role",
    Scope.USER: "member",
    Scope.OPERATION: "operation",
}
"""The option that says which."""
_MEANT = {"channel": Scope.CHANNEL, "role": Scope.ROLE, "member": Scope.USER, "operation": Scope.OPERATION}
_ONE = {
    "channel": mark("a channel"),
    "role": mark("a role"),
    "member": mark("a member"),
    "operation": mark("an operation"),
}

_NAMED = 10
"""Operations told to somebody who named none of them."""
_NAME_COLUMNS = 50


class TargetError(ValueError):
    """The options contradict each other or leave something open; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Which:
    """The options that name something, as ids; None where not given."""

    channel: int | None = None
    role: int | None = None
    member: int | None = None
    operation: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """Those that were given, by their names."""
        options = {"channel": self.channel, "role": self.role, "member": self.member, "operation": self.operation}
        return {name: str(value) for name, value in options.items() if value is not None}


def target_of(chosen: Scope | None, which: Which, operations: Collection[str]) -> tuple[Scope, str]:
    """The scope and the id of what it names. Without a choice, what was named is meant, and the server otherwise.

    Raises `TargetError`.
    """
    given = which.given
    scope = chosen if chosen is not None else _meant(given)
    wanted = _OPTION.get(scope)
    if extra := sorted(set(given) - {wanted}):
        raise TargetError(
            _(
                "You chose **{chosen}** and named {what}. Leave out `{option}`, or choose another `applies-to`.",
                chosen=_(APPLIES_TO[scope]),
                what=_(_ONE[extra[0]]),
                option=extra[0],
            )
        )
    if wanted is None:
        return scope, ""
    if wanted not in given:
        which_one = _(
            "Which {what}? Fill in the option `{option}` as well.", what=_(APPLIES_TO[_MEANT[wanted]]), option=wanted
        )
        raise TargetError(which_one)
    if scope is Scope.OPERATION and given[wanted] not in operations:
        if not operations:
            raise TargetError(_("I know no such operation. Those I know: none."))
        raise TargetError(_("I know no such operation. Those I know: {names}.", names=_some(operations)))
    return scope, given[wanted]


def _some(operations: Collection[str]) -> str:
    """A few of them, as code; the others appear while somebody types."""
    names = [f"`{shorten(plain(name), _NAME_COLUMNS)}`" for name in sorted(operations)[:_NAMED]]
    more = len(operations) - _NAMED
    listed = ", ".join(names)
    if more <= 0:
        return listed
    return n_("{names} and {n}\u00a0other", "{names} and {n}\u00a0others", more, names=listed)


def _meant(given: dict[str, str]) -> Scope:
    if len(given) > 1:
        names = reduce(lambda first, last: _("{first} and {last}", first=first, last=last), (f"`{n}`" for n in given))
        raise TargetError(_("One budget is for one thing, and you named {names}. Leave out all but one.", names=names))
    return next((_MEANT[name] for name in given), Scope.GUILD)
