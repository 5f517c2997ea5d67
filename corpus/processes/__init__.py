"""Work in processes that may die: watched from outside by processor time and memory."""
