"""Files that planner reads and writes: instances, profiles, plans, graphs; and those that it ships."""
