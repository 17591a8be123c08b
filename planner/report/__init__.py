"""What programs read (the JSON contract) and what people read (tables) of a solve and a run."""
