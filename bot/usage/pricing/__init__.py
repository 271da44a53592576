"""What a call costs: dated prices by model, tier and unit, and payment providers' fees. Pure but for its data files."""
