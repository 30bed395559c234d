"""An encoder's plan on a GPU beside the CPU, from token ids to hidden states."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] /
                       "tools/testing"))
from emulated import npy


def call(*command):
    """What an ft-run that must succeed prints."""
    return subprocess.run(list(map(str, command)), check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def compare(name, lengths, tolerance, run, plan, *options):
    """A batch of sequences of `lengths` tokens: within a relative L2 of
    `tolerance` of the CPU, and twice the same bits."""
    output, longest = "last_hidden_state", max(lengths)
    with tempfile.TemporaryDirectory() as folder:
        ids, mask, want = (f"{folder}/{x}.npy" for x in ("ids", "mask", "want"))
        npy(pathlib.Path(ids), [[(7 * i + j) % 131 for j in range(longest)]
                                for i in range(len(lengths))])
        npy(pathlib.Path(mask), [[int(j < n) for j in range(longest)]
                                 for n in lengths])
        command = [run, plan, *options, "--input", f"input_ids=@{ids}",
                   "--input", f"attention_mask=@{mask}"]
        save = ["--output", f"{output}=@{want}"]
        expect = ["--device", "cuda", "--expect", f"{output}=@{want}"]
        call(*command, "--device", "cpu", *save)
        call(*command, *expect, "--tolerance", tolerance)
        call(*command, "--device", "cuda", *save)
        call(*command, *expect, "--tolerance", 0)
    print(f"{name}: {len(lengths)} sequences, {sum(lengths)} tokens", flush=True)
