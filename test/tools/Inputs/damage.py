"""damage.py MODEL DIR: copies of a model directory, each damaged in one way."""
import json
import pathlib
import shutil
import struct
import sys

model, folder = map(pathlib.Path, sys.argv[1:])
whole = (model / "model.safetensors").read_bytes()
size = struct.unpack("<Q", whole[:8])[0]
header, data = json.loads(whole[8:8 + size]), whole[8 + size:]
names = sorted((n for n in header if n != "__metadata__"),
               key=lambda n: header[n]["data_offsets"])


def copy(name, weights):
    shutil.copytree(model, folder / name)
    (folder / name / "model.safetensors").write_bytes(weights)
    return folder / name


def safetensors(edited):
    text = json.dumps(edited).encode()
    return struct.pack("<Q", len(text)) + text + data


def moved(name, bytes_):
    """`name`'s data begins and ends so many bytes later."""
    edited = json.loads(json.dumps(header))
    edited[name]["data_offsets"] = [o + bytes_ for o in
                                    header[name]["data_offsets"]]
    return safetensors(edited)


copy("overlap", moved(names[1], -2))
copy("beyond", moved(names[-1], 64))
copy("cut", whole[:-1])
copy("gigabytes", struct.pack("<Q", 8 << 30) + whole[8:])
copy("most", struct.pack("<Q", 2 ** 64 - 1) + whole[8:])
copy("text", b"This is not a model; it is a letter to its maker.")
copy("not-json", whole[:8] + b"{" * size + data)
edited = json.loads(json.dumps(header))
edited[names[0]]["dtype"] = "F31"
copy("dtype", safetensors(edited))
del edited[names[0]]
copy("hole", safetensors(edited))

index = copy("index", whole)
(index / "model.safetensors").rename(folder / "outside.safetensors")
(index / "model.safetensors.index.json").write_text(json.dumps(
    {"weight_map": {n: "../outside.safetensors" for n in names}}))

config = copy("config", whole) / "config.json"
config.write_bytes(config.read_bytes()[:-20])
tokenizer = copy("tokenizer", whole) / "tokenizer.json"
tokenizer.write_bytes(tokenizer.read_bytes()[:-20])
