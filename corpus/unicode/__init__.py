"""Classes of code points, segmentation, letters: compiled."""
