"""Speech recognition: the Recognizer protocol, FunASR behind it, and sliding windows."""
