"""Write annotated texts in the forms that annotation tools, spaCy and column files have; the readers stand above."""
