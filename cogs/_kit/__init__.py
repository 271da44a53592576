"""What every view has in common: who may, in which language, whose it is, names, tables, lists and forms."""
