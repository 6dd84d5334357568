"""What each command does, as functions: import, train, predict, evaluate, benchmark, demo."""
