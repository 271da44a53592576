"""Alerts, from the row that is owed to the message with its buttons."""
