"""Trilo: a Discord bot that answers, and accounts for every cent its AI costs.

The rooms, in reading order:

    __main__         the command line                 settings          the only reader of configuration
    application      opens and closes everything      client            the Discord client
    usage/           the books: the one door to the model, prices, tokens, ledger, reports
    league/          what a league action will do, as a plan: weeks, games, teams, times
    assistant/       what we ask the model, and how a question is answered from our own guide
    alerts/          why an alert fired, and e-mail and webhooks
    api/             the books over HTTP, and the page
    integrations/    LangChain and LangGraph; PostHog, OpenTelemetry, Prometheus, a webhook: hangs on the books alone
    outlets          opens those of them that are told of booked calls
    commands/        the command line's commands, one module each
    doctor           what is missing or wrong in the configuration, and what to do
    translation      what we say in people's own language; its catalogs are in locales/
    command_words    commands as Discord shows them in each language
    figures          numbers, money and dates as words
    operation_titles what operations are called where people read of them
    suggestion_texts where money could be saved, as words
    colours          of the keys in a trend's picture
    words            errors as words for people       errors            the exception tree, drawn
    discord_failures what a request to Discord raises that failed
    logs             what may stand in the log
    sandbox/         the bot inside a made-up Discord, with an offline stand-in for the model

and beside `bot/`: `cogs/`, the front desk in Discord. Imports point one way: cogs → bot.assistant → bot.league →
bot.usage.
"""
