"""The section `users`: one module for each subject."""
