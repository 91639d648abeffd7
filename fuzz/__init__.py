"""Coverage-guided fuzzing, for developers."""
