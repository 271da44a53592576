"""What `/help` says. A paragraph is left out where it names a command that isn't there, or not for whoever reads it.

What a command asks of people is said in `help.py`, so nothing here has to. Every text is a message to be translated,
but the operator's, who is spoken to in English.
"""

from dataclasses import dataclass

from bot.translation import mark
from cogs._kit.access import May

ONE_LINE_HELP = mark("Mention me with a question and I'll answer. `/help` shows what I can do.")


@dataclass(frozen=True, slots=True)
class Topic:
    """One page of help. `title` is what the list and the autocomplete show; `may`: it is for those alone.

    `paragraphs` are in English, as is what they name; a line is between them.
    """

    title: str
    paragraphs: tuple[str, ...]
    may: May | None = None


START = mark("start")
COMMANDS = mark("commands")

TOPICS: dict[str, Topic] = {
    START: Topic(
        mark("First steps"),
        (
            mark("1. Mention me with a question: “{mention} what makes a fair trade?”"),
            mark("2. Reply to my answer to go on from there, with the reply's ping on."),
            mark("3. See with `/my-usage` how many tokens that took."),
            mark("4. See with `/token-stats` what it cost, to the last cent."),
            mark(
                "\n**If I'm new here**: ask me “how do I set up my league?” and I say what is still missing. "
                "`/settings` has the channel for alerts and the time zone; `/budget set` limits what I may cost."
            ),
        ),
    ),
    mark("asking"): Topic(
        mark("Asking: mentions, replies, threads, pictures"),
        (
            mark("- **Mention me** anywhere I can write, or **reply** to one of my messages with the ping on."),
            mark(
                "- Any other message: open its menu, **Apps → Ask about this**, and type a question. I answer below "
                "it, for everybody to read."
            ),
            mark("- In a **thread** I take its last messages into account, elsewhere the chain of replies."),
            mark("- **Pictures**: attach up to {pictures} (PNG, JPEG, WebP or GIF, up to 8 MB each) to your question."),
            "- {reading}",
            mark("- If this server has chosen channels or roles for me, I say where to ask, or who may."),
            mark("- `/settings`, **Where I answer**: the channels, the roles and the model of this server."),
            mark("- Long answers come in several messages. If one stops at my length limit, ask me to go on."),
            mark("- I never answer other bots, and nothing I write can ping anybody but the person who asked."),
            mark("- `/help` needs no AI: it is there when the budget is used up, or the AI paused."),
        ),
    ),
    mark("league"): Topic(
        mark("Running a league: weeks, announcements, teams"),
        (
            mark(
                "Each command shows a plan first, and only your own press carries it out; all of it or nothing. You "
                "can also just tell me: “{mention} create week 7: Texans vs Colts, Chiefs vs Broncos”."
            ),
            mark(
                "- `/league create` makes a category with a channel for each game, from a picture of the schedule or "
                "from typed games; private and with the players tagged if you like."
            ),
            mark(
                "- `/league delete` deletes weeks with all their channels, `/league restore` builds them again, "
                "without their messages, for 90 days."
            ),
            mark(
                "- `/league advance` announces the next week and when it ends, `/league tag` mentions a week's players."
            ),
            mark("- `/league teams` says who plays what, `/league history` who did what and what reading it cost."),
            mark("- Ask me “how do I set up my league?” and I say what is still missing here."),
        ),
        may=May.RUN_LEAGUE,
    ),
    mark("statistics"): Topic(
        mark("Statistics: what AI costs, and who can see that"),
        (
            mark(
                "Every answer costs a little, and whoever runs this bot pays the AI provider for it. Each call is put "
                "on the books with its tokens and its price."
            ),
            mark(
                "- `/token-stats` shows what this server's answers cost: by operation, model, member, channel or day."
            ),
            mark(
                "- `/my-usage` shows anybody their own tokens, and what is left of their month where this server has "
                "quotas."
            ),
            mark("- What one answer took: open its menu, **Apps → What did this cost?**"),
            mark(
                "- Amounts are for those who manage this server, for a role that they have named, and for whoever runs "
                "this bot: each server's people for their own server alone."
            ),
            mark("- A price nobody knows is shown as unknown, never as free."),
        ),
    ),
    mark("budgets"): Topic(
        mark("Budgets and alerts: how much AI may cost here"),
        (
            mark("Shown to nobody but those who manage this server:"),
            mark(
                "- `/budget set` limits what a day, a week or a month may cost, in dollars or tokens: for the whole "
                "server, each member, a channel, a role, one member or one kind of question. Nothing is set before you "
                "confirm it."
            ),
            mark("- At its limit a budget **stops**, only **warns**, or goes over to the **cheaper model** first."),
            mark(
                "- An **alert** comes at 80, 90 and 100\u00a0% unless you choose other marks, into the channel that "
                "you choose in `/settings`, with buttons to raise the limit or pause."
            ),
            mark(
                "- `/budget show` says what is spent, reserved and left, and when it runs out; there you edit, test "
                "and remove budgets, and `/budget remove` removes one."
            ),
            mark("- `/ai pause` stops all answers for a while, `/ai resume` goes on."),
            mark(
                "- `/settings` also has the time zone that days are counted in, where reports go, and members' quotas."
            ),
            mark(
                "- Above it all stands the cap of whoever runs this bot. Whoever is refused is told when to come back, "
                "never what anything costs."
            ),
        ),
        may=May.MANAGE,
    ),
    mark("privacy"): Topic(
        mark("What is stored, and what isn't"),
        (
            mark(
                "- **Stored for each answer**: the ids of the server, channel, thread and member, which model "
                "answered, how many tokens that took, what it cost, and when. Also the ids of the messages that I "
                "answered, so that none is answered twice, and of my answers, so that you can ask what one cost; and "
                "whether you or this server have premium."
            ),
            mark(
                "- **Stored for a league**: its teams and who plays them; names, topics and permissions of deleted "
                "channels for 90 days; who created, deleted or announced what."
            ),
            mark(
                "- **Never stored by me**: what you wrote, what I answered, or your pictures. Answers about setting me "
                "up are kept in memory for an hour."
            ),
            mark(
                "- **Sent to the AI provider**: your question with its pictures, the message that you ask about, the "
                "messages before it that I take into account, the display names of those who wrote them, and this "
                "server's name. Without them there is no answer."
            ),
            mark(
                "- `/privacy` shows what is stored about you, gives you all of it, erases it, or keeps AI away from "
                "you altogether."
            ),
        ),
    ),
    "operator": Topic(
        "For whoever runs this bot",
        (
            "- `/owner servers` says what each server costs, and finds one by name or id.",
            (
                "- `/owner health` says what runs, whether it reaches Discord and its books, which models have no "
                "price, and which addresses take no alerts."
            ),
            "- `/owner prices` says what a model costs.",
            (
                "- `/owner limit` caps what a server may cost you a month, `/owner tier` gives a person or a server "
                "another quota."
            ),
        ),
        may=May.RUN_BOT,
    ),
    COMMANDS: Topic(mark("All commands"), ()),  # the list is made of the tree
}

READS_MENTIONS = mark(
    "I only read what is addressed to me: Discord shows me the text of messages that mention me or reply to me, "
    "of those that you ask about, and my own."
)
READS_MESSAGES = mark(
    "I only answer what is addressed to me, but then I can also read the messages before it in the thread or the "
    "chain of replies."
)
