"""HTML to text: charset, screens, candidates, main text, the helper process that a page may crash."""
