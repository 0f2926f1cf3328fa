"""What a GPU is wanted for, in order of worth, in calls of a few minutes each: see `__main__`."""
