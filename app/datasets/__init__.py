"""The verbs that make something of data: `data split`, `data convert` and `data pack`."""
