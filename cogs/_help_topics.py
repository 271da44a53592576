"""What `/help` says. Every command named here must exist: a test compares the names with the command tree."""

from dataclasses import dataclass

ONE_LINE_HELP = "Mention me with a question and I'll answer. `/help` shows what I can do."


@dataclass(frozen=True, slots=True)
class Topic:
    """One page of help. `title` is what the list and the autocomplete show."""

    title: str
    text: str


START = "start"
COMMANDS = "commands"

TOPICS: dict[str, Topic] = {
    START: Topic(
        "Three things to try",
        "1. Mention me with a question: “{mention} what makes a fair trade?”\n"
        "2. Reply to my answer to go on from there, with the reply's ping on.\n"
        "3. If you manage this server, open `/token-stats` and see what that cost, to the last cent.",
    ),
    "asking": Topic(
        "Asking: mentions, replies, threads, pictures",
        "- **Mention me** anywhere I can write, or **reply** to one of my messages with the ping on.\n"
        "- In a **thread** I take its last messages into account, elsewhere the chain of replies.\n"
        "- **Pictures**: attach up to {pictures} (PNG, JPEG, WebP or GIF, up to 8 MB each) to your question.\n"
        "- {reading}\n"
        "- Long answers come in several messages. If one stops at my length limit, ask me to go on.\n"
        "- I never answer other bots, and nothing I write can ping anybody but the person who asked.",
    ),
    "league": Topic(
        "Running a league: weeks, announcements, teams",
        "For people with the **Manage Channels** permission or the commissioner role of `/settings`. Each command "
        "shows a plan first, and only your own press carries it out; all of it or nothing. You can also just tell me: "
        "“{mention} create week 7: Texans vs Colts, Chiefs vs Broncos”.\n"
        "- `/league create` makes a category with a channel for each game, from a picture of the schedule or from "
        "typed games; private and with the players tagged if you like.\n"
        "- `/league delete` deletes weeks with all their channels (Manage Channels only), `/league restore` builds "
        "them again, without their messages, for 90 days.\n"
        "- `/league advance` announces the next week and when it ends, `/league tag` mentions a week's players.\n"
        "- `/league teams` says who plays what, `/league history` who did what and what reading it cost.\n"
        "- Ask me “how do I set up my league?” and I say what is still missing here.",
    ),
    "costs": Topic(
        "What it costs, and who can see that",
        "Every answer costs a little, and whoever runs this bot pays the AI provider for it. Each call is put on the "
        "books with its tokens and its price.\n"
        "- `/token-stats` shows what this server's answers cost: by operation, model, member, channel or day.\n"
        "- Only people with the **Manage Server** permission can see it, those with a role that they named in "
        "`/settings`, and whoever runs this bot: each server's people for their own server alone.\n"
        "- `/my-usage` shows anybody their own tokens, and what is left of their month where this server has quotas.\n"
        "- A price nobody knows is shown as unknown, never as free.",
    ),
    "budgets": Topic(
        "Budgets: how much AI may cost here",
        "For people with the **Manage Server** permission, shown to nobody else:\n"
        "- `/budget set` limits what a day, a week or a month may cost, in dollars or tokens: for the whole server, "
        "each member, a channel, a role, one member or one kind of question. Nothing is set before you confirm it.\n"
        "- At its limit a budget **stops**, only **warns**, or goes over to the **cheaper model** first.\n"
        "- `/budget show` says what is spent, reserved and left, and when it runs out; there you edit, test and remove "
        "budgets, and `/budget remove` removes one.\n"
        "- `/ai pause` stops all answers for a while, `/ai resume` goes on.\n"
        "- `/settings` has the time zone that days are counted in, where alerts and reports go, and members' quotas.\n"
        "- Above it all stands the cap of whoever runs this bot. Whoever is refused is told when to come back, never "
        "what anything costs.",
    ),
    "privacy": Topic(
        "What is stored, and what isn't",
        "- **Stored for each answer**: the ids of the server, channel, thread and member, which model answered, how "
        "many tokens that took, what it cost, and when. Also the id of each message I answered, so that none "
        "is answered twice, and whether you or this server have premium.\n"
        "- **Stored for a league**: its teams and who plays them; names, topics and permissions of deleted channels "
        "for 90 days; who created, deleted or announced what.\n"
        "- **Never stored by me**: what you wrote, what I answered, or your pictures. Answers about setting me up are "
        "kept in memory for an hour.\n"
        "- **Sent to the AI provider**: your question with its pictures, the messages before it that I take into "
        "account, the display names of those who wrote them, and this server's name. Without them there is no answer.",
    ),
    COMMANDS: Topic("All commands", "{commands}"),
}

READS_MENTIONS = (
    "I only read what is addressed to me: Discord shows me the text of messages that mention me or reply to me, "
    "and my own."
)
READS_MESSAGES = (
    "I only answer what is addressed to me, but then I can also read the messages before it in the thread or the "
    "chain of replies."
)
