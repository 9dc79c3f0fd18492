"""Settings of root's in `tfunnel run`, where root does not exist: ssh reads what belongs to root or the user alone."""

import os
import shutil
import subprocess

import isolation
import netlab
import pytest
from test_run_covers import Talk

CAPTURES = False

PATIENCE = int(netlab.patient(20))
SETTINGS = "/etc/ssh/ssh_config.d"
HOME = os.path.join(isolation.STATE, "home")  # the user's, as /etc/passwd has it
STRANGER = isolation.USER_ID + 1

# Says what ssh makes of its settings: at first, and when told so, as soon as that is what the next argument says.
ASK_SSH = f"""
import subprocess, sys, time
def user():
    done = subprocess.run(["ssh", "-G", "host"], capture_output=True, text=True)
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    return lines.get("user", done.stderr.strip())
print(user(), flush=True)
for wanted in sys.argv[1:]:
    sys.stdin.readline()
    deadline = time.monotonic() + {PATIENCE}
    while user() != wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    print(user(), flush=True)
"""


def settings(user):
    return f"Host host\n  User {user}\n"


def write(path, text, mode=0o644, owner=0):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    isolation.write_private(path, text, mode)
    os.chown(path, owner, owner)


@pytest.fixture(autouse=True)
def _own_settings(runs):
    """The test's own /etc/ssh, and nothing in the home."""
    if not runs.user:
        pytest.skip("one id only, outside as well: there is nobody else whose files these could be")
    os.rename("/etc/ssh", "/etc/ssh.kept")
    write("/etc/ssh/ssh_config", f"# what all distributions have\nInclude {SETTINGS}/*.conf\n")
    os.mkdir(SETTINGS)
    yield
    shutil.rmtree("/etc/ssh")
    os.rename("/etc/ssh.kept", "/etc/ssh")
    for path in (HOME + "/.ssh", "/etc/policies"):
        shutil.rmtree(path, ignore_errors=True)


def ssh_user(runs):
    done = runs.run("env", f"HOME={HOME}", "ssh", "-G", "host")
    assert done.returncode == 0, done.stderr
    return next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("user "))


def _plain():
    write(SETTINGS + "/20-site.conf", settings("somebody"))


def _link():
    """As systemd's 20-systemd-ssh-proxy.conf."""
    write("/etc/policies/lib/20-proxy.conf", settings("somebody"))
    os.symlink("/etc/policies/lib/20-proxy.conf", SETTINGS + "/20-proxy.conf")


def _include_elsewhere():
    """As Fedora's 50-redhat.conf: the policy is a link, and its directory is none of ssh's."""
    write("/etc/policies/DEFAULT/openssh.txt", settings("somebody"))
    os.makedirs("/etc/policies/back-ends")
    os.symlink("../DEFAULT/openssh.txt", "/etc/policies/back-ends/openssh.config")
    write(SETTINGS + "/50-redhat.conf", "Match final all\n\tinclude = \"/etc/policies/back-ends/openssh.config\"\n")


def _nested():
    write(SETTINGS + "/more/deep.settings", settings("somebody"))
    write(SETTINGS + "/10.conf", "INCLUDE none ssh_config.d/more/*.settings # and no more\n")


def _of_the_home():
    """A home that is managed for its user."""
    write(HOME + "/.ssh/parts/a", settings("somebody"))
    write(HOME + "/.ssh/config", "Include parts/* ~/.ssh/absent\n")


@pytest.mark.parametrize("prepare", [_plain, _link, _include_elsewhere, _nested, _of_the_home])
def test_ssh_reads_settings_that_belong_to_root(runs, prepare):
    prepare()
    assert ssh_user(runs) == "somebody"


def test_sandbox_inside_sees_the_same_settings(runs):
    """As Flatpak's and others': a user and a mount namespace of its own, below ours."""
    _plain()
    done = runs.run("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--unshare-user", "ssh", "-G", "host")
    assert done.returncode == 0 and "user somebody" in done.stdout, done.stderr


def test_git_over_ssh_gets_as_far_as_the_host(runs):
    _plain()
    done = runs.run("git", "ls-remote", "ssh://host/project")
    assert "Bad owner" not in done.stderr and "Could not resolve hostname" in done.stderr, done.stderr


LOOK = f"cd {SETTINGS} && find . | sort | while read f; do stat -c '%n %F %a' $f; readlink $f; done; cat */* *.conf"


def test_modes_links_and_contents_are_as_outside(runs):
    _plain()
    _link()
    _nested()
    os.chmod(SETTINGS + "/20-site.conf", 0o604)
    outside = subprocess.run([*runs.user, "sh", "-c", LOOK], capture_output=True, text=True, check=False)
    assert outside.stdout.count("somebody") == 3
    assert runs.run("sh", "-c", LOOK).stdout == outside.stdout
    assert os.stat(SETTINGS + "/20-site.conf").st_uid == 0
    with open("/proc/self/mountinfo", encoding="ascii") as file:
        assert SETTINGS not in file.read(), "outside there is nothing of it"


def test_copies_cannot_be_written(runs):
    _plain()
    tries = ["echo x >> F", "chmod 666 F", "rm F", "mv F G"]
    done = runs.run("sh", "-c", "; ".join(tries).replace("F", SETTINGS + "/20-site.conf") + "; cat " + SETTINGS + "/*")
    assert done.stdout == settings("somebody")
    with open(SETTINGS + "/20-site.conf", encoding="ascii") as file:
        assert file.read() == settings("somebody")


def test_what_the_user_may_not_read_stays_so(runs):
    write(SETTINGS + "/secret.conf", "# secret\n", mode=0o600)
    write("/etc/policies/inner/secret.conf", "# secret\n")
    os.chmod("/etc/policies/inner", 0o700)
    os.symlink("/etc/policies/inner/secret.conf", SETTINGS + "/link.conf")
    done = runs.run("sh", "-c", f"cat {SETTINGS}/*; cat /etc/policies/inner/*")
    assert done.returncode != 0 and done.stdout == "", done.stdout


@pytest.mark.parametrize("where", ["there", "linked", "writable"])
def test_what_ssh_would_refuse_outside_it_refuses(runs, where):
    """Another ordinary user's file looks the same as root's from inside."""
    path = "/etc/policies/theirs.conf" if where == "linked" else SETTINGS + "/theirs.conf"
    if where == "writable":
        write(path, settings("stranger"), mode=0o666)
    else:
        write(path, settings("stranger"), owner=STRANGER)
    if where == "linked":
        os.symlink(path, SETTINGS + "/theirs.conf")
        os.chown("/etc/policies", STRANGER, STRANGER)
    done = runs.run("ssh", "-G", "host")
    assert done.returncode != 0 and "Bad owner or permissions" in done.stderr, done.stdout


def _write_in_place():
    with open(SETTINGS + "/20-site.conf", "w", encoding="ascii") as file:
        file.write(settings("next"))


def _rename():
    write(SETTINGS + "/20-site.conf.new", settings("next"))
    os.rename(SETTINGS + "/20-site.conf.new", SETTINGS + "/20-site.conf")


def _one_more():
    with open(SETTINGS + "/10-first.conf", "x", encoding="ascii") as file:
        file.write(settings("next"))


def _replace_target():
    os.unlink("/etc/policies/lib/20-proxy.conf")
    write("/etc/policies/lib/20-proxy.conf", settings("next"))


def _remove():
    os.unlink(SETTINGS + "/20-site.conf")
    write("/etc/ssh/ssh_config", settings("next"))


@pytest.mark.parametrize("change", [_write_in_place, _rename, _one_more, _replace_target, _remove])
def test_what_the_system_changes_counts_inside(runs, change):
    _link() if change is _replace_target else _plain()
    talk = Talk(runs, "python3", "-c", ASK_SSH, "next", "again")
    assert talk.hear() == "somebody"
    change()
    assert talk.ask() == "next"
    # Once more, on what has come anew.
    for name in os.listdir(SETTINGS):
        with open(os.path.join(SETTINGS, name), "w", encoding="ascii") as file:
            file.write(settings("again"))
    if not os.listdir(SETTINGS):
        write(SETTINGS + "/30-new.conf", settings("again"))
        write("/etc/ssh/ssh_config", f"Include {SETTINGS}/*.conf\n")
    assert talk.ask() == "again"
    talk.end()


SECRET = f"""
import sys, time
path = "{SETTINGS}/20-site.conf"
def text():
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
print("secret" in text(), "somebody" in text(), flush=True)
sys.stdin.readline()
deadline = time.monotonic() + {PATIENCE}
while "somebody" in text() and time.monotonic() < deadline:
    time.sleep(0.01)
print("secret" in text(), "somebody" in text(), flush=True)
"""


def test_what_is_closed_to_the_user_later_is_closed_inside(runs):
    _plain()
    talk = Talk(runs, "python3", "-c", SECRET)
    assert talk.hear() == "False True"
    os.chmod(SETTINGS + "/20-site.conf", 0o600)
    with open(SETTINGS + "/20-site.conf", "a", encoding="ascii") as file:
        file.write("# secret\n")
    assert talk.ask() == "False False"
    talk.end()


def test_files_far_too_big_to_be_settings_are_left_alone(runs):
    """Others still work."""
    write(SETTINGS + "/big.txt", "# filler\n" * 100_000)
    write("/etc/ssh/ssh_config", f"Include {SETTINGS}/*.conf\nMatch host other\n  Include {SETTINGS}/big.txt\n")
    _plain()
    done = runs.run("sh", "-c", f"stat -c %U {SETTINGS}/big.txt {SETTINGS}/20-site.conf")
    assert done.stdout.split() == ["nobody", isolation.USER], done.stderr


def test_resolver_file_stays_ours_whatever_settings_include(runs):
    write("/etc/ssh/ssh_config", "Host never\n  Include /etc/*.conf\n")
    done = runs.run("cat", "/etc/resolv.conf")
    assert "nameserver 198.18.0.53" in done.stdout, done.stdout
