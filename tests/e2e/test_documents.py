"""Man pages, manual and --help say the same as the program does."""

import os
import re
import subprocess

import netlab
import pytest
import topology

LINK_ENDED = 69
MAN = "common/app/tfunnel.1"
RUN = "common/app/tfunnel-run.1"
UP = "common/app/tfunnel-up.1"
STATUS = "common/app/tfunnel-status.1"
DOCTOR = "common/app/tfunnel-doctor.1"
CONF = "common/app/tfunnel.conf.5"


def read(path):
    with open(os.path.join(topology.REPOSITORY, path), encoding="utf-8") as file:
        return file.read()


def options(*command, least=11):
    """(name, default) of each option in --help, of which there are so many at least."""
    text = subprocess.run([topology.tfunnel(), *command, "--help"], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^  (?:-\w \[ )?--([a-z0-9-]+)(?: \])?(?: arg)?(?: \(=([^)]*)\))?", text, re.M)
    assert len(found) >= least
    return found


def entries(path):
    """The entries of a page's OPTIONS: for each the names in its tag, and its whole text."""
    section = re.search(r"^\.SH OPTIONS\n(.*?)^\.SH ", read(path), re.M | re.S).group(1)
    found = []
    for entry in re.split(r"^\.TP\n", section.replace("\\-", "-"), flags=re.M)[1:]:
        tag = re.match(r".*\n(?:\.TQ\n.*\n)*", entry).group()
        found.append((set(re.findall(r"--([a-z0-9][a-z0-9-]*)", tag)), entry))
    return found


def names(path):
    return set().union(*(tag for tag, _ in entries(path)))


PAGES = {"tfunnel": ([], MAN), "run": (["run"], RUN), "up": (["up"], UP), "doctor": (["doctor"], DOCTOR)}


@pytest.mark.parametrize("command, page", PAGES.values(), ids=PAGES)
def test_help_and_man_page_have_the_same_options(command, page):
    helped = {name for name, _ in options(*command)}
    assert helped - names(page) == set(), f"not in {page}"
    assert names(page) - helped == set(), "not in --help"


def test_help_and_man_page_of_status_have_the_same_options():
    assert {name for name, _ in options("status", least=3)} == names(STATUS)


def test_help_of_the_proxy_has_nothing_that_the_man_page_lacks():
    assert {name for name, _ in options("proxy")} < names(MAN)


@pytest.mark.parametrize(
    "command, own", [([], []), (["run"], []), (["up"], [UP]), (["doctor"], [DOCTOR])], ids=["tfunnel", "run", "up", "doctor"]
)
def test_man_page_has_the_defaults_of_help(command, own):
    """The page of run leaves defaults to tfunnel(1), that of up for what both have."""
    for name, default in options(*command):
        if not default or name.startswith("udp-timeout"):  # the kernel's, where it has them
            continue
        texts = [text for path in (MAN, *own) for tag, text in entries(path) if name in tag]
        assert any(re.search(rf"\b{re.escape(default)}\b", text) for text in texts), f"default of --{name} in a page"


def test_every_exit_status_is_documented():
    statuses = re.findall(r"= (\d+),", read("common/io/exit_status.hpp"))
    assert statuses
    for path in ("client/README.md", MAN, RUN):
        for status in statuses:
            if path == RUN and status in ("0", "1"):  # the program's own
                continue
            assert re.search(rf"(?m)^(\| |\.B )`?{status}\b", read(path)), f"{status} in {path}"


def test_examples_of_the_configuration_page_are_accepted(tmp_path):
    examples = re.findall(r"^\.RS\n(.*?)^\.RE", read(CONF).replace("\\-", "-"), re.M | re.S)
    assert len(examples) == 2
    for number, text in enumerate(examples):
        path = tmp_path / f"{number}.conf"
        path.write_text(text, encoding="ascii")
        done = subprocess.run(
            [topology.tfunnel(), "proxy", "--config", str(path)],
            input=b"", capture_output=True, timeout=netlab.patient(10), check=False,
        )  # fmt: skip
        assert done.returncode == LINK_ENDED, done.stderr
