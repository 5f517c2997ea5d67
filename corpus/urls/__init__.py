"""URL lists, screens, identity."""
