"""Networks, of KerasCV and of this project; `registry.py` knows them by name."""
