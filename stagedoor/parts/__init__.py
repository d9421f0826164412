"""The parts of a server, one async context manager for each subject. What it yields is ready; leaving it stops what it started."""
