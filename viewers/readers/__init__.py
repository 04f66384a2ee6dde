"""Reader processes: what parses and decodes a file of unknown origin is a child with limits; what goes wrong costs that file."""
