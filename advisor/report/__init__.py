"""A recommendation as text and as Markdown: formatting at the edge, from the answer alone, without torch."""
