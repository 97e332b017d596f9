"""Preparing training data: videos and photos of people become shards of cropped, tracked and measured heads."""
