"""How secrets get out: to a child as variables, files and stdin; to templates, shells, other formats, the clipboard.

And how they are kept from coming out: masking. Takes secrets that a vault has released; decides nothing about who may.
"""
