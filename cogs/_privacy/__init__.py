"""`/privacy` on the screen."""
