"""The books over HTTP: reading usage and cost, checking and changing budgets, booking calls from other languages."""
