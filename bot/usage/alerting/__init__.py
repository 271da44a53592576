"""What fired, whom it is owed to, and whether it was delivered; reports that come by themselves."""
