"""Why a model answered as it did: the next best reading, the scores that decide, and what hidden words change."""
