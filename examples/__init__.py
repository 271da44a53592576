"""The library in use, each example in one file that runs."""
