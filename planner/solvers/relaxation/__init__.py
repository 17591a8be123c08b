"""Lower bounds on the phase-model makespan by shortest paths over sets of layouts."""
