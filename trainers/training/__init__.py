"""The skeleton of every training: configuration, run folder, optimizer, callbacks."""
