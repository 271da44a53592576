"""What is promised, tried at full size against a stub that keeps its own books. Small forms run in the tests."""
