"""What found boxes score by their order: which of them meet true ones, average precision, LRP, correlation with IoU."""
