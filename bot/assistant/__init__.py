"""What we ask the model: operations, prompts, and how questions become answers. Knows nothing of Discord."""
