"""What is measured, as commands that write `results/`."""
