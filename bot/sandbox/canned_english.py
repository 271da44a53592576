"""What the stand-in model says in English. To teach it more, add a line to `_TOPICS`."""

import re

from bot.sandbox.canned import CODE, Canned, long_answer, topic

_TOPICS = (
    topic(
        r"joke|funny|make me laugh",
        "Why did the rebuilding team bring a ladder? They heard the draft was stacked.",
        "My kicker asked for a trade. I told him it was a long shot. He missed that too.",
        "A commissioner walks into a bar. The bar is vetoed, eight votes to four.",
    ),
    topic(
        r"\b(code|python|script|snippet|example)\b",
        f"Here is how a bot answers a slash command with discord.py:\n\n{CODE}\n\n"
        "Sync the tree once (`await bot.tree.sync()`), and the command appears in every server.",
    ),
    topic(
        r"what (can|do) you do|who are you|what are you|help me\b|^help$",
        "I answer questions about your league: rules, schedules, trades, advances. Mention me, or reply to one of my "
        "messages to go on. `/token-stats` shows what I cost this server, `/help` explains the rest. (I'm the "
        "sandbox's stand-in model, so my answers are canned; the accounting is real.)",
    ),
    topic(
        r"\b(cost|tokens?|price|expensive|spen[dt])\b",
        "Every answer of mine is on the books: the tokens in, the tokens out, and the price. Run `/token-stats` and "
        "choose a period and a split. Even this answer is in there now.",
    ),
    topic(
        r"advance|\bsim\b|deadline|when .*(week|next)",
        "The league advances on **Sunday at 20:00**. Games not played by then are simulated, unless both coaches asked "
        "for an extension by Saturday night.",
        "Next advance: **Sunday, 20:00**. If you and your opponent can't make it, tell the commissioner before "
        "Saturday is over.",
    ),
    topic(
        r"schedul|play (my|our|the) game|time zone|what time",
        "1. Post three times that suit you in your game's channel.\n2. Your opponent picks one within a day.\n"
        "3. Write the agreed time **with its time zone**.\n\nNo answer after a day? Ping the commissioner.",
    ),
    topic(
        r"\btrad(e|es|ing)\b|\bdeal\b|\bswap\b|\boffer",
        "A fair place to start: **their WR2 for your RB1 and a 3rd**. You fix depth at receiver, they get a bell cow, "
        "and the pick evens it out. Post it in #trades so that the commissioner can look at it.",
        "Think of a trade in two steps: what does *their* roster lack, and which of your starters is 28 or older? "
        "Offer the second for the first, a year before everybody else sees it.",
    ),
    topic(
        r"\brules?\b|allowed|cheat|\bfair\b|\blegal\b",
        "The short version of the rules:\n- Play your game before the advance.\n- No quitting, no running up the score "
        "on purpose.\n- On fourth down, go for it only when it makes sense.\n- Trades wait for the commissioner.\n\n"
        "The long version is in #rules.",
    ),
    topic(
        r"set ?up|start a league|create a league|new league",
        "To set up a league: decide on the **format** (dynasty or redraft), the **number of teams** and the **advance "
        "schedule**; then make a channel per game each week. Tell me those three and I'll go on.",
    ),
    topic(r"\b(thanks|thank you|thx|cheers)\b", "You're welcome. Good luck this week!", "Any time. Go get that win."),
    topic(
        r"\b(hi|hello|hey|yo|hallo|good (morning|evening))\b",
        "Hello! Good to see you. What's happening in the league?",
        "Hey there! Week 7 is wide open. How can I help?",
        "Hi! Ask me about the schedule, a trade or the rules.",
    ),
)
_SEASON = (
    ("Preseason", "Fill every team, agree on the rules, and settle who decides when the commissioner is away."),
    ("Weeks 1 to 4", "Watch who plays on time. Habits formed now last; a kind word early saves a kick later."),
    ("Weeks 5 to 9", "Trades peak here. Ask both sides to say in one sentence why, and most bad ones vanish."),
    ("Weeks 10 to 14", "The deadline passes, the playoff picture forms, and every simulated game starts to hurt."),
    ("Playoffs", "Fixed times, announced early, streamed if possible. No extensions: everybody knew the date."),
    ("Off-season", "Retirements, re-signings, the draft. Vote on at most three changes of the rules, no more."),
)

ENGLISH = Canned(
    topics=_TOPICS,
    fallback=(
        (
            "I'm the sandbox's stand-in model, so I can't really think about \"{excerpt}\". A real model answers here "
            "once you set OPENAI_API_KEY; what it costs is counted in exactly the same way."
        ),
        (
            "You asked: \"{excerpt}\". I'm the sandbox's stand-in model, so this is as deep as I go. Try a joke, a "
            "trade, the rules, some code, or a long answer."
        ),
    ),
    nothing="nothing at all",
    pictures="I see {seen}. I'm the sandbox's stand-in model, so its size is all I can tell you about it.",
    sized="a picture of {width} × {height} pixels ({size:,} bytes)",
    weighed="a picture of {size:,} bytes",
    elsewhere="a picture that lies on another server",
    asks_for_long=re.compile(r"\b(long|detailed|essay|in detail|everything)\b", re.IGNORECASE),
    long_answer=long_answer(
        "# A season, from the first snap to the last\nYou asked for a long answer, so here is the whole year.\n",
        _SEASON,
        "Write the dates down where everybody can find them, in one zone, and pin it.",
        "- Say what happens next, and when.\n- Say who has to do something for it.\n",
        "The calendar, for your own scripts",
        "    {number}: 'Sunday 20:00',  # advance of week {number}",
        "That's the season. (I'm the sandbox's stand-in model, so a real one would have asked you first.)",
    ),
)
