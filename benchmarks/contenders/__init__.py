"""The same work done in other ways, each script a whole process that needs no other module of ours.

A script is called with the folder of the lines, the file of the scheme (``scheme.py``) and the file
to write. What it wants to say about itself it prints as one line of JSON behind ``NOTE``.
"""
