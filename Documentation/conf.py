# SPDX-License-Identifier: GPL-2.0-only
#
# Sphinx's settings for 'make docs'; the pages need no extension.

project = "hugearena"
author = "the hugearena maintainers"
root_doc = "index"

# host.rst is a part of performance.rst
exclude_patterns = ["performance/host.rst"]

# :: introduces drawings and commands, which have no language
highlight_language = "none"

html_theme = "alabaster"
html_copy_source = False
html_show_sourcelink = False
