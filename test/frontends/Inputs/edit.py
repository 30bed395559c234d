"""edit.py FILE POINTER [VALUE]: prints the JSON of FILE with the value at the
JSON pointer replaced by VALUE (JSON), or, without VALUE, removed. More pairs
may follow, parted by "--"."""
import json
import sys


def edit(root, pointer, value):
    *path, last = pointer.split("/")[1:]
    for key in path:
        root = root[int(key)] if isinstance(root, list) else root[key]
    last = int(last) if isinstance(root, list) else last
    if not value:
        del root[last]
    elif isinstance(root, list) and last == len(root):
        root.append(json.loads(value[0]))
    else:
        root[last] = json.loads(value[0])


def main(path, *edits):
    with open(path, encoding="utf-8") as file:
        root = json.load(file)
    edits = list(edits) + ["--"]
    while edits:
        end = edits.index("--")
        edit(root, edits[0], edits[1:end])
        edits = edits[end + 1:]
    print(json.dumps(root, indent=1))


main(*sys.argv[1:])
