"""Networks of KerasHub, the library that follows KerasCV. Its modules need the extra `hub`."""
