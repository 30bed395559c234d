"""An encoder's plan on a device beside the CPU, from token ids to hidden states."""
import pathlib
import struct
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def call(command):
    """The output of a command that has to succeed."""
    result = subprocess.run([str(x) for x in command], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        raise RuntimeError(f"exit code {result.returncode} of "
                           f"{' '.join(map(str, command))}\n{result.stdout}")
    return result.stdout


def npy(path, rows):
    """Writes rows of int64."""
    head = (f"{{'descr': '<i8', 'fortran_order': False, "
            f"'shape': ({len(rows)}, {len(rows[0])}), }}")
    head += " " * (-(len(head) + 11) % 64) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) +
                     head.encode() + b"".join(struct.pack(f"<{len(r)}q", *r)
                                              for r in rows))


def compare(lengths, tolerance, run, plan, *options):
    """A batch of sequences of `lengths` tokens: within a relative L2 of
    `tolerance` of the CPU, and twice the same bits. `run`: how ft-run is
    called."""
    output, longest = "last_hidden_state", max(lengths)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ids, mask, want = (folder / f"{x}.npy" for x in ("ids", "mask", "want"))
        npy(ids, [[(7 * i + j) % 131 for j in range(longest)]
                  for i in range(len(lengths))])
        npy(mask, [[int(j < n) for j in range(longest)] for n in lengths])
        command = [*run, plan, *options, "--input", f"input_ids=@{ids}",
                   "--input", f"attention_mask=@{mask}"]
        save = ["--output", f"{output}=@{want}"]
        expect = ["--device", "cuda", "--expect", f"{output}=@{want}",
                  "--tolerance"]
        call([*command, "--device", "cpu", *save])
        call([*command, *expect, tolerance])
        call([*command, "--device", "cuda", *save])
        call([*command, *expect, 0])
