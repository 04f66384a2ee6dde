"""De-identifying folders: the key that stays here, the run that can be broken off, and its report without identities. No Qt."""
