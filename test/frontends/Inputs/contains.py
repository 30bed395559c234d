"""contains.py FILE PART: fails unless the text of PART stands in FILE."""
import sys

whole, part = (open(path, encoding="utf-8").read() for path in sys.argv[1:])
if part not in whole:
    sys.exit(f"{sys.argv[1]} does not contain the text of {sys.argv[2]}")
