"""From stored values to the pixels a model was trained on: one function per modality, independent of the screen."""
