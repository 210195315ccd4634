"""Pages of HTML that need nothing but themselves: one style, light and dark, on a screen of any width and on paper."""
