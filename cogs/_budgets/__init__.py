"""Budgets on the screen: proposed, confirmed, listed, in words."""
