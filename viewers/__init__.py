"""Everything that turns a file into pixels and marks on a screen. It has never heard of a model."""
