"""The books in other people's frameworks: each file optional, each needing a library that the books do without.

    langchain            a callback that books every model call under it once (extra: `trilo[langchain]`)
    langchain_runs       one such call, from its start to its booking
    langchain_shapes     what LangChain tells of a call, read into the books' own terms
    langgraph            a quota check as a node of a graph

Nothing of ours imports this room; it imports `bot.usage` alone.
"""
