"""A `Spend` as a picture: daily bars stacked by what it is split by, and the same in a sentence. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date

from bot.colours import colours_of
from bot.figures import cost_of, day_words, span_words
from bot.translation import _, spoken
from bot.usage.records import SpendLine
from cogs._kit.tables import cut, plain
from cogs._spend.chart import OTHERS, Chart, drawable
from cogs._spend.spend import Spend
from cogs._spend.spend_text import bars

ALTERNATIVE_CHARACTERS = 256
"""Most of what Discord takes as a picture's text alternative."""


def chart_of(spend: Spend, names: Mapping[str, str]) -> Chart | None:
    """The picture; None where no day has a cost. A row whose name it can't draw goes by its place in the table."""
    chunks = bars(spend.trend)
    if not any(line.cost_nano_usd for line in spend.trend):
        return None
    values, shown = [], [key for key, costs in spend.shares.items() if any(costs.values())]
    for chunk in chunks:
        parts = [sum(spend.shares[key].get(line.key, 0) for line in chunk) for key in shown]
        others = sum(line.cost_nano_usd for line in chunk) - sum(parts)
        values.append((*parts, others))
    places, own = list(spend.shares), colours_of(spend.shares)
    series = [drawable(plain(names.get(key, key)), _("No. {n}", n=places.index(key) + 1)) for key in shown]
    colours = [own[key] for key in shown]
    if any(value[-1] for value in values) or not shown:
        series.append(drawable(_("others"), "others"))
        colours.append(OTHERS if shown else 0)
    else:
        values = [value[:-1] for value in values]
    return Chart(tuple(values), tuple(_labels(chunks)), tuple(series), tuple(colours), spoken())


def alternative(spend: Spend) -> str:
    """The picture in a sentence, for who doesn't see it."""
    days = spend.trend
    first, last = (date.fromisoformat(days[n].key) for n in (0, -1))
    year = last.year
    dearest = max(days, key=lambda line: line.cost_nano_usd)
    day = day_words(date.fromisoformat(dearest.key), this_year=year, weekday=True)
    text = _(
        "Bars of what each day cost, {span}: {some} of {days} days with a cost, dearest {day} with {cost}, last "
        "{last}.",
        span=span_words(first, last, this_year=year),
        some=sum(1 for line in days if line.cost_nano_usd),
        days=len(days),
        day=day,
        cost=cost_of(dearest),
        last=cost_of(days[-1]),
    )
    return cut(text, ALTERNATIVE_CHARACTERS)


def _labels(chunks: Sequence[Sequence[SpendLine]]) -> list[str]:
    """The day of the month below each bar, with the month's name where it begins or there are several months."""
    days = [date.fromisoformat(chunk[0].key) for chunk in chunks]
    if days[0].replace(day=1) == days[-1].replace(day=1):
        return [str(day.day) for day in days]
    return [drawable(day_words(day, this_year=day.year), f"{day.day}.{day.month}.") for day in days]
