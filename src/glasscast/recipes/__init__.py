"""Every figure and table of the five papers: a settings file and the lines that draw it."""
