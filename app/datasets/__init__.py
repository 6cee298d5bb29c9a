"""The verbs that make something of data: `data split` and `data convert`."""
