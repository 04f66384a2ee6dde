"""One file per command: its options in `add`, its work in `run`."""
