"""League actions: planned, shown, carried out all or nothing, kept."""
