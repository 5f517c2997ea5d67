"""Runners, work items, progress, interrupts."""
