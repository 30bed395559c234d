"""browse.py BROWSER PAGE TEXT...: opens PAGE in a headless browser, in the light
and in the dark style, and checks that its document holds every TEXT, that
nothing went to the console, that it asks for nothing outside itself, and that
both screenshots show something and differ."""
import collections
import pathlib
import re
import subprocess
import sys
import tempfile
import zlib


def browse(browser, page, *flags):
    run = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu",
         "--enable-logging=stderr", "--window-size=700,800", *flags,
         pathlib.Path(page).resolve().as_uri()],
        capture_output=True, text=True, timeout=120, check=False)
    if run.returncode != 0:
        sys.exit(f"the browser failed: {run.stderr}")
    console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    if console:
        sys.exit(f"the page wrote to the console: {console}")
    return run.stdout


def colours(png):
    """Colours of a PNG's pixels and how often each is there."""
    data = pathlib.Path(png).read_bytes()
    at, packed, width, channels = 8, b"", 0, 4
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width = int.from_bytes(body[:4], "big")
            channels = {2: 3, 6: 4}[body[9]]
        elif kind == b"IDAT":
            packed += body
        at += size + 12
    lines, stride = zlib.decompress(packed), width * channels
    above, seen = bytearray(stride), collections.Counter()
    for start in range(0, len(lines), stride + 1):
        line = unfilter(lines[start], lines[start + 1:start + 1 + stride],
                        above, channels)
        seen.update(bytes(line[i:i + 3]) for i in range(0, stride, channels))
        above = line
    return seen


def unfilter(kind, line, above, step):
    line = bytearray(line)
    for i, value in enumerate(line):
        left = line[i - step] if i >= step else 0
        up, corner = above[i], above[i - step] if i >= step else 0
        if kind == 1:
            value += left
        elif kind == 2:
            value += up
        elif kind == 3:
            value += (left + up) // 2
        elif kind == 4:
            guess = left + up - corner
            value += min((left, up, corner),
                         key=lambda near: abs(guess - near))
        line[i] = value & 255
    return line


def screenshot(browser, page, folder, name, *flags):
    path = f"{folder}/{name}.png"
    browse(browser, page, f"--screenshot={path}", *flags)
    seen = colours(path)
    ground = seen.most_common(1)[0]
    if len(seen) < 8 or ground[1] > 0.98 * sum(seen.values()):
        sys.exit(f"the {name} page is blank: {seen.most_common(3)}")
    return ground[0]


def main(browser, page, *texts):
    source = pathlib.Path(page).read_text(encoding="utf-8")
    outside = re.findall(r"""(?:src|href)=["']?(?!data:)[^"'> ]+|https?://\S+|
                         @import|url\(""", source, re.VERBOSE)
    if outside:
        sys.exit(f"the page needs more than itself: {outside}")
    document = browse(browser, page, "--dump-dom")
    text = re.sub(r"<[^>]+>", "", document)
    for wanted in texts:
        if wanted not in text:
            sys.exit(f"the document lacks '{wanted}'")
    if document.count("<svg") != document.count("class=\"program\""):
        sys.exit("expected one chart for each program")
    with tempfile.TemporaryDirectory() as folder:
        light = screenshot(browser, page, folder, "light")
        dark = screenshot(browser, page, folder, "dark",
                          "--blink-settings=preferredColorScheme=0")
    if min(light) < 200 or max(dark) > 80:
        sys.exit(f"grounds are {tuple(light)} and {tuple(dark)}")
    print("the page is", len(source), "bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
