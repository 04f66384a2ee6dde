"""The window's panels. Each shows one thing, emits what the reader wants, and knows no other panel."""
