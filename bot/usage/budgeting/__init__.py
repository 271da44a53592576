"""The rules: budgets, quotas, their calendars and counters, and who is let in. What changes a rule is here too."""
