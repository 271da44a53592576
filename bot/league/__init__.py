"""What a league action will do, as a plan, before a cog carries it out."""
