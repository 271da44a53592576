"""From a fired threshold to a message: what caused it, what its provider says, and the addresses outside Discord.

Who is owed which message stands in the books (`bot.usage.alerting.alert_book`); Discord itself is the cogs' business.
"""
