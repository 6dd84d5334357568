"""A convolutional network on voxels."""
