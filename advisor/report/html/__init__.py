"""A recommendation as one self-contained HTML page, with its plots drawn as SVG."""

from advisor.report.html.page import to_html

__all__ = ["to_html"]
