"""The bot without Discord and without a model: the real one, in a made-up server, on a page in the browser."""
