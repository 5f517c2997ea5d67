"""Spam and other texts without content: the shipped classifier, and how it is trained."""
