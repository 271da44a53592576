"""From a mention to an answer: where and whom, reading, asking, refusing, sending."""
