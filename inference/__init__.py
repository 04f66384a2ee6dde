"""Everything that turns pixels into answers. It has never heard of a file format, a slide or a window."""
