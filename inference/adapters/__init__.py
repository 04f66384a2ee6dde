"""LoRA adapters (arXiv 2106.09685): taught from pictures and texts, kept beside the base, merged into it when it is loaded."""
