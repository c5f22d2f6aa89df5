"""Lay out what others measured: sections as a terminal, Markdown or HTML page. Knows no metric."""
