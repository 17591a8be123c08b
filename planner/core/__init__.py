"""Pure functions over the data: regions, arithmetic, cost, lowering, memory offsets, validation, simulation."""
