"""The books in other people's systems: each file optional, each needing a library that the books do without.

    langchain            a callback that books every model call under it once (extra: `trilo[langchain]`)
    langchain_runs       one such call, from its start to its booking
    langchain_shapes     what LangChain tells of a call, read into the books' own terms
    langgraph            a quota check as a node of a graph

and, opened by `bot.outlets` as the settings say, who is told of booked calls:

    posthog              the seven events of the guide, under pseudonyms (extra: `trilo[posthog]`)
    opentelemetry        spans and metrics over OTLP (extra: `trilo[opentelemetry]`)
    genai_names          the conventions' names for them, of one version
    webhook              a signed webhook
    prometheus           the counts of `/metrics`
    closing              the end of those that send from threads of their own

It imports `bot.usage` alone.
"""
