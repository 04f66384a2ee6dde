"""Our own kernels for NVIDIA cards: compiled on the reader's machine by the compiler that comes with torch, without any other."""
